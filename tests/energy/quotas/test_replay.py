"""A real factory year with quotas: told day by day or found afterwards, the alarms are the same."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from alarms.models import Alarm
from energy.models import QuotaUsage
from energy.services import quotas
from notifications.models import Notification
from tests.energy import builders as make
from tests.energy.quotas.builders import check, quota

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STEEL = Path(__file__).parents[2] / "data" / "energy" / "steel_15min_2018.csv.gz"
AFTERWARDS = date(2019, 3, 1)


def steel_days() -> dict[date, Decimal]:
    """The use of each day of 2018; labels bear the date of the day that the interval closes."""
    found: defaultdict[date, Decimal] = defaultdict(Decimal)
    with gzip.open(STEEL, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            number, month, year = map(int, row["date"].split()[0].split("/"))
            found[date(year, month, number)] += Decimal(row["Usage_kWh"])
    return dict(found)


def told() -> list[tuple[str, int, str, dict[str, str]]]:
    """What every alarm says that holds whenever it was found."""
    return sorted(
        (alarm.key, alarm.level, alarm.severity, {k: v for k, v in alarm.labels.items() if k.endswith("_on")})
        for alarm in Alarm.objects.all()
    )


def measured() -> list[dict[str, object]]:
    """The figures of every period in which something was used."""
    rows = QuotaUsage.objects.exclude(actual_value=None).order_by("quota", "period_start")
    return list(
        rows.values("quota", "period_start", "actual_value", "status", "warning_on", "exceeded_on", "daily")
    )


def test_a_year_fed_day_by_day_and_found_afterwards_gives_the_same_alarms() -> None:
    days = steel_days()
    assert len(days) == 365
    group, meter = make.group("plant"), make.device("main")
    make.attached(group, meter, start=date(2018, 1, 1))
    for value, fields in (
        (85_000, {"period": "monthly"}),
        (80_000, {"period": "monthly", "settlement_day": 26}),
        (240_000, {"period": "quarterly", "warning_threshold_pct": 90}),
        (950_000, {"period": "yearly"}),
    ):
        quota(group, value, **fields)

    for day, use in days.items():
        make.used(meter, day, use)
        if day.month < 4 or day.day % 3 == 0:  # whatever the rhythm
            check(day)
    check(AFTERWARDS)
    live = told()
    usages = measured()
    assert {level for _key, level, _severity, _days in live} == {1, 2, 3}
    assert not Alarm.objects.open().exists()
    assert "period_end" in Alarm.objects.values_list("resolution", flat=True)

    QuotaUsage.objects.all().delete()
    Alarm.objects.all().delete()
    Notification.objects.all().delete()
    quotas.note_changed(
        energy_type_ids={make.energy_type().pk}, first=date(2018, 1, 1), last=date(2018, 12, 31)
    )
    check(AFTERWARDS)

    assert told() == live
    assert measured() == usages
    assert set(Alarm.objects.values_list("resolution", flat=True)) == {"closed_late"}
    assert Notification.objects.count() == 1, "history is told in one report"
