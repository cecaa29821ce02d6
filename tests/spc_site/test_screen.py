"""The wall display: the most important first, each part for those who may see it, nothing to touch."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from energy.choices import QuotaStatus
from energy.models import EnergyQuota, QuotaUsage
from quality.kinds import IQC
from quality.services.judgement import judge_report
from tests import builders
from tests.energy import builders as energy

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(autouse=True)
def _quiet_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "")


def seen_by(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def quota(name: str, rate: str | None, status: QuotaStatus, *, period: int = 0, **fields: Any) -> None:
    made = EnergyQuota.objects.create(
        name=name, energy_type=energy.energy_type(), group=energy.group(), quota_value=Decimal(100), **fields
    )
    start = timezone.localdate() - timedelta(days=5 + 40 * period)
    QuotaUsage.objects.create(
        quota=made,
        period_start=start,
        period_end=start + timedelta(days=30),
        quota_value=Decimal(100),
        usage_rate_pct=None if rate is None else Decimal(rate),
        status=status,
        as_of=start,
        calculated_at=timezone.now(),
    )


def judged() -> None:
    report = builders.report(IQC)
    builders.entry(report, values=[*["10.00", "10.01", "9.99", "10.02"] * 5, "10.30"], name="内径")
    judge_report(report)


def test_what_is_wrong_comes_first_and_only_of_now() -> None:
    judged()
    quota("水", "12.3", QuotaStatus.NORMAL)
    quota("电", "104.24", QuotaStatus.EXCEEDED)
    quota("无", None, QuotaStatus.NO_DATA)
    quota("零", None, QuotaStatus.EXCEEDED)
    quota("过去", "200", QuotaStatus.EXCEEDED, period=1)
    quota("停用", "150", QuotaStatus.EXCEEDED, is_active=False)
    silent = energy.device(connection="silent")
    energy.device(connection="silent", status="retired")
    response = seen_by(builders.superuser()).get("/screen/")
    bars = [(bar.name, bar.rate, bar.tone, bar.width) for bar in response.context["quotas"]]
    assert bars == [
        ("零", "—", "red", 100),
        ("电", "104.2 %", "red", 100),
        ("水", "12.3 %", "green", 12),
        ("无", "—", "grey", 0),
    ]
    assert (response.context["counts"].open, response.context["today"].abnormal_entries) == (1, 1)
    assert response.context["silent"] == 1 and silent.connection == "silent"
    page = response.content.decode()
    assert 'data-poll="15"' in page and "内径" in page and 'class="screen"' in page


def test_each_sees_the_parts_of_his_role() -> None:
    judged()
    quota("电", "104.2", QuotaStatus.EXCEEDED)
    inspector = seen_by(builders.person("质检员")).get("/screen/").content.decode()
    assert "今日异常项目" in inspector and "能源配额" not in inspector
    nobody = seen_by(builders.person()).get("/screen/").content.decode()
    assert "今日异常" not in nobody and "未受理报警" not in nobody


def test_the_display_costs_the_same_for_little_and_for_much() -> None:
    client = seen_by(builders.superuser())

    def cost() -> int:
        client.get("/screen/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/screen/")
        return len(queries)

    judged()
    quota("电", "104.2", QuotaStatus.EXCEEDED)
    little = cost()
    for number in range(10):
        judged()
        quota(f"q{number}", "10", QuotaStatus.NORMAL)
    assert cost() == little <= 22
