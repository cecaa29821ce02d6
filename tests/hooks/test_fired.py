"""The apps really fire the points, with what the points promise, once, and in no more queries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.utils import timezone

from alarms import services as alarms
from alarms.models import Alarm
from alarms.services import ordering
from energy.choices import Way
from energy.services import charging, quotas, readings, watching
from energy.services.readings import Batch, Reading
from hooks.models import HookEvent
from hooks.points import POINTS, Role, prepare
from quality.services import judgement, verification
from quality.spc.verify import Check, Run
from tests import builders
from tests.energy import builders as make
from tests.energy.quotas.builders import quota
from tests.hooks.conftest import Customer

pytestmark = pytest.mark.django_db

EVERYTHING = """
def on_alarm_created(self): pass
def on_alarm_resolved(self): pass
def on_inspection_completed(self): pass
def on_report_generated(self): pass
"""


@pytest.fixture(autouse=True)
def _listens(customer: Customer) -> None:
    customer(EVERYTHING)


def fired(point: str) -> list[dict[str, Any]]:
    return [event.payload for event in HookEvent.objects.filter(point=point).order_by("pk")]


def request(key: str = "k", **fields: Any) -> alarms.AlarmRequest:
    return alarms.AlarmRequest(key=key, source="energy", title=key, link="/energy/", **fields)


def test_an_alarm_is_told_when_it_opens_and_when_it_closes() -> None:
    opened = alarms.raise_alarm(request(severity="critical", value="7.5")).alarm
    alarms.raise_alarm(request(severity="critical"))
    [created] = fired("on_alarm_created")
    assert created["alarm_id"] == opened.pk
    assert (created["severity"], created["value"], created["link"]) == (
        "critical",
        "7.5",
        f"/alarms/{opened.pk}",
    )
    user = builders.superuser("li")
    alarms.explain(opened, user=user, cause="wear", action="changed")
    alarms.resolve(opened, user=user)
    [resolved] = fired("on_alarm_resolved")
    assert (resolved["resolved_by"], resolved["cause"], resolved["occurrences"]) == ("li", "wear", 2)

    alarms.raise_alarm(request("other"))
    alarms.recover(["other"])
    assert [one["resolved_by"] for one in fired("on_alarm_resolved")] == ["li", ""]


def test_many_alarms_cost_one_query_more(
    django_assert_max_num_queries: Any, settings: Any, customer: Customer
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries(letter: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            alarms.raise_alarms([request(f"{letter}{n}") for n in range(50)])
        return len(captured)

    queries("warm")
    listening = queries("a")
    assert len(fired("on_alarm_created")) == 100
    settings.CUSTOMER = ""
    assert queries("b") == listening - 1


def test_an_inspection_is_told_when_every_entry_has_its_verdict() -> None:
    report = builders.report(entries=2, lot="L7")
    bad = builders.entry(report, values=["10.5", "10.00"])
    judgement.judge_due()
    [told] = fired("on_inspection_completed")
    assert (told["kind"], told["report_id"], told["lot"]) == ("IQC", report.pk, "L7")
    assert (told["status"], told["entries"], told["abnormal"]) == ("ABNORMAL", 3, 1)
    [entry] = told["abnormal_entries"]
    assert (entry["entry_id"], entry["is_out_of_spec"]) == (bad.pk, True)
    assert "out_of_spec" in entry["rules"]
    [document] = fired("on_report_generated")
    assert (document["kind"], document["link"]) == ("inspection_summary", f"/IQC/{report.pk}")

    judgement.judge_due()
    assert len(fired("on_inspection_completed")) == 1


def test_a_report_in_order_has_no_summary() -> None:
    builders.report(entries=1)
    judgement.judge_due()
    [told] = fired("on_inspection_completed")
    assert (told["status"], told["abnormal_entries"]) == ("NORMAL", [])
    assert fired("on_report_generated") == []


def test_a_workbook_that_goes_back_with_its_problems_is_a_document(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active["A1"] = "nothing that is a report"  # type: ignore[index]
    book.save(tmp_path / "bad.xlsx")
    arguments = [str(tmp_path / "bad.xlsx"), "--origin", "supplier", "--errors", str(tmp_path / "out.xlsx")]
    now = timezone.now()
    for seconds in (0, 60):  # a minute later the marked workbook has other bytes; it is no other event
        with time_machine.travel(now + timedelta(seconds=seconds)), pytest.raises(CommandError):
            call_command("import_iqc", *arguments, stdout=StringIO(), stderr=StringIO())
    [document] = fired("on_report_generated")
    assert (document["kind"], document["size"] > 1000, len(document["sha256"])) == (
        "import_problems",
        True,
        64,
    )


def test_a_record_of_verification_is_a_document() -> None:
    check = Check("a", "b", "c", "d", "e", None, "f", "equal")
    row = verification.record_verification(Run({"engine": "1"}, (check,)))
    [document] = fired("on_report_generated")
    assert (document["kind"], document["subject"]) == ("verification", f"quality.verification:{row.pk}")
    assert document["made_at"] <= timezone.now().isoformat()


def test_work_orders_are_told(customer: Customer) -> None:
    customer("def on_work_order_created(self): pass\ndef on_work_order_completed(self): pass")
    user = builders.superuser("li")
    order = ordering.open_work_order(title="change the bearing", owner=user, user=user)
    ordering.complete(order, user=user, note="changed")
    [created], [completed] = fired("on_work_order_created"), fired("on_work_order_completed")
    assert (created["work_order_id"], created["assignee"], created["alarm_id"]) == (order.pk, "li", None)
    assert (completed["completed_by"], completed["result"]) == ("li", "changed")


ALL = "".join(f"def {point}(self): pass\n" for point in POINTS)


def test_a_day_of_the_plant_fires_every_point_with_what_it_promises(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer(ALL)
    now = datetime(2026, 3, 10, 12, tzinfo=make.SHANGHAI)
    monkeypatch.setattr("spc_site.clock.now", lambda: now)
    user = builders.superuser("li")
    builders.entry(builders.report(), values=["10.5", "10.00"])
    judgement.judge_due()
    order = ordering.open_work_order(title="change the bearing", alarm=Alarm.objects.get(), user=user)
    ordering.complete(order, user=user)

    shop, meter = make.group("shop"), make.device("M1", interval_s=900)
    make.attached(shop, meter)
    at = now - timedelta(days=1)
    readings.record(Batch(source="t", batch_id="1", way=Way.API, readings=[Reading("M1", at, 1)]))
    watching.watch_connections()
    quota(shop, 100)
    make.used(meter, date(2026, 3, 1), *[20] * 9)
    quotas.evaluate(as_of=date(2026, 3, 9))
    begun = charging.Order(order_number="CD-1", station="N", plug="1", started_at=at)
    charging.store(begun)
    charging.store(replace(begun, ended_at=now - timedelta(hours=22), energy_kwh=Decimal(20)))
    alarms.recover(Alarm.objects.values_list("key", flat=True))

    rows = HookEvent.objects.order_by("pk")
    for row in rows:
        assert prepare(row.point, row.payload) == row.payload
    assert [one["after"] for one in fired("on_device_status_changed")] == ["silent"]
    assert {row.point for row in rows} == {name for name, one in POINTS.items() if one.role == Role.OBSERVER}
    assert set(POINTS) - {row.point for row in rows} == {"calculate_custom_kpis"}, "asked for, not told"
