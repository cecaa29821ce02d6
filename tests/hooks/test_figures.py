"""The customer's figures: checked, kept with their age, shown; a failure leaves the last good ones."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.services import issue_token
from hooks import selectors
from hooks.models import CustomKpi, HookPoint, HookRun, Outcome
from hooks.runner import Call, HooksUnusable, Result, Runner
from hooks.services import figures
from tests import builders
from tests.hooks.conftest import Customer

pytestmark = pytest.mark.django_db

HOOKS = """
def calculate_custom_kpis(self, core, now):
    from decimal import Decimal
    oee = {"value": Decimal("71.25"), "label": "设备综合效率", "unit": "%"}
    return {"oee": oee, "alarms": int(core["alarms_open"])}
"""


def returning(value: Any, monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """Let the child return something without starting one; returns the calls that come."""
    calls: list[Call] = []

    def run(_self: Runner, call: Call) -> Result:
        calls.append(call)
        return value if isinstance(value, Result) else Result(outcome=Outcome.OK, value=value)

    monkeypatch.setattr(Runner, "wanted", lambda _self: frozenset({figures.POINT}))
    monkeypatch.setattr(Runner, "run", run)
    return calls


def known() -> dict[str, float]:
    return dict(CustomKpi.objects.values_list("name", "value"))


def test_figures_come_from_the_child_and_stand_on_the_dashboard_and_in_the_metrics(
    customer: Customer, client: Client
) -> None:
    customer(HOOKS)
    assert figures.calculate() == 2
    assert known() == {"custom_oee": 71.25, "custom_alarms": 0.0}
    assert HookRun.objects.get().outcome == Outcome.OK

    user = builders.person("质量经理")
    builders.report(entries=1)
    client.force_login(user)
    page = client.get("/").text
    assert "设备综合效率" in page
    assert "71.25 <small>%</small>" in page
    assert "不到 1 分钟前计算" in page

    user.user_permissions.add(Permission.objects.get(codename="view_workerbeat"))
    token = issue_token(user, name="prometheus")[1]
    scrape = Client().get("/metrics", headers={"authorization": f"Bearer {token}"}).text
    assert 'qbo_custom_kpi{name="custom_oee"} 71.25' in scrape
    assert "qbo_hooks_usable 1.0" in scrape
    assert 'qbo_hook_runs_kept{outcome="ok",point="calculate_custom_kpis"} 1.0' in scrape


def test_the_systems_own_figures_are_given_exactly(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer(HOOKS)
    calls = returning({}, monkeypatch)
    for status, revision in (("NORMAL", 1), ("NORMAL", 1), ("NORMAL", 2), ("PENDING", 1)):
        builders.report(status=status, revision=revision, abnormal_count=2)
    figures.calculate()
    core = calls[0].payload["core"]
    assert core["iqc_first_pass_pct_7d"] == "66.67"
    assert core["iqc_abnormal_entries_7d"] == "8"
    assert (core["oqc_reports_7d"], core["alarms_open"]) == ("0", "0")
    assert "oqc_first_pass_pct_7d" not in core  # nothing judged is no rate


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "a mapping of names"),
        ([1], "a mapping of names"),
        ({"OEE": 1}, "'OEE' is no name"),
        ({"a-b": 1}, "is no name"),
        ({"a": float("nan")}, "no finite number"),
        ({"a": float("inf")}, "no finite number"),
        ({"a": True}, "no finite number"),
        ({"a": "1"}, "no finite number"),
        ({"a": {"value": 1, "colour": "red"}}, "unknown colour"),
        ({"a": {"label": "x"}}, "no finite number"),
        ({"a": 1, "custom_a": 2}, "stands twice"),
        ({f"a{n}": 1 for n in range(41)}, "at most 40"),
        (Result(outcome=Outcome.TIMEOUT, error="longer than 10 s"), "longer than"),
    ],
)
def test_a_result_that_is_no_figure_leaves_the_last_good_ones(
    value: Any, words: str, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer(HOOKS)
    returning({"oee": 50, "custom_b": {"value": 1}}, monkeypatch)
    figures.calculate()
    before = list(CustomKpi.objects.values())
    assert known() == {"custom_oee": 50.0, "custom_b": 1.0}

    returning(value, monkeypatch)
    assert figures.calculate() == 0
    assert list(CustomKpi.objects.values()) == before
    run = HookRun.objects.first()
    assert run is not None
    assert words in run.error
    assert run.outcome in (Outcome.REFUSED, Outcome.TIMEOUT)
    assert HookPoint.objects.get().failures == 1


def test_figures_that_are_not_returned_any_more_go(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer(HOOKS)
    returning({"a": 1, "b": 2}, monkeypatch)
    figures.calculate()
    returning({"b": 3}, monkeypatch)
    figures.calculate()
    assert known() == {"custom_b": 3.0}
    monkeypatch.setattr(Runner, "wanted", lambda _self: frozenset())
    assert figures.calculate() == 0
    assert known() == {}


def test_old_figures_are_shown_with_their_age(
    customer: Customer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer(HOOKS)
    returning({"oee": 50}, monkeypatch)
    figures.calculate()
    CustomKpi.objects.update(calculated_at=timezone.now() - timedelta(minutes=40))

    def unusable(_self: Runner) -> frozenset[str]:
        raise HooksUnusable([])

    monkeypatch.setattr(Runner, "wanted", unusable)
    assert figures.calculate() == 0
    shown = selectors.figures()
    assert shown is not None
    assert shown.is_old
    builders.report(entries=1)
    client.force_login(builders.person("质量经理"))
    assert "40 分钟前计算" in client.get("/").text


def test_a_paused_calculation_is_not_tried(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    customer(HOOKS)
    calls = returning({"a": 1}, monkeypatch)
    HookPoint.objects.create(name=figures.POINT, paused_until=timezone.now() + timedelta(minutes=1))
    assert figures.calculate() == 0
    assert calls == []


def test_a_room_that_cannot_tell_its_figures_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quality.hooked.figures", lambda: 1 / 0)
    assert figures.core_figures() == {"alarms_open": "0", "alarms_active": "0", "alarms_critical": "0"}
    assert Decimal(figures.core_figures()["alarms_open"]) == 0


def test_without_a_customer_nothing_is_asked(django_assert_num_queries: Any, settings: Any) -> None:
    settings.CUSTOMER = ""
    with django_assert_num_queries(0):
        assert figures.calculate() == 0
        assert selectors.figures() is None
        assert selectors.state().word == "none"
