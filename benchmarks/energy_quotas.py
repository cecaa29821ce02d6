#!/usr/bin/env python3
"""All quotas of a plant against the checker that asks the database for each: seconds, ratio, queries.

A database of its own gets a year of 2,000 meters in a tree of 300 groups (730,000 days, sub-meters behind
mains, some attached for half the year, a tenth of the quotas over a single meter) and 1,000 yearly quotas.
Both sides check all of them in the same run:

* ours: `energy.services.quotas.evaluate`, from the rows to usages, alarms and messages, by the frontier
  rule, with coverage, forecast and the three largest meters;
* naive: the customer's checker rebuilt as it is described (reference, section 4): a loop; per quota the sum
  of *all* summaries of the energy type, a look-up of the usage row, a look-up of an open alarm by title, an
  insert or update of each; borders in UTC, floats. It does some of the quotas, scaled (~), or all of them.

Then the pages and the API are asked with that year in the database.

    .venv/bin/python benchmarks/energy_quotas.py [--naive 60] [--quotas 1000] [--meters 2000]
    DATABASE_URL=postgres://… .venv/bin/python benchmarks/energy_quotas.py
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

FIRST, TODAY = date(2026, 1, 1), date(2026, 12, 31)
DAY_S, GROUPS = 86400, 300


def _set_up(database: str) -> None:
    os.environ["NOTIFICATION_DB_PATH"] = database
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "spc_site.settings")
    os.environ["LOG_LEVEL"] = "ERROR"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _plant(meters: int, quotas: int) -> None:
    """A tree of groups, meters with sub-meters, a year of days, quotas of which some are reached."""
    import numpy as np

    from energy.models import (
        Attachment,
        Device,
        DeviceGroup,
        EnergyDailySummary,
        EnergyQuota,
        EnergyType,
        UpstreamLink,
    )
    from spc_site.bulk import insert_many

    dice = np.random.default_rng(20260101)
    electricity = EnergyType.objects.get(code="electricity")
    groups: list[DeviceGroup] = []
    for number in range(GROUPS):
        parent = groups[(number - 1) // 5] if number else None
        groups.append(DeviceGroup.objects.create(code=f"g{number}", name=f"组{number}", parent=parent))
    devices = Device.objects.bulk_create(
        Device(code=f"m{number}", name=f"表{number}", energy_type=electricity) for number in range(meters)
    )
    half = date(2026, 7, 1)
    Attachment.objects.bulk_create(
        Attachment(
            device=one,
            group=groups[number % GROUPS],
            start=date(2025, 1, 1),
            end=half if number % 20 == 0 else None,
        )
        for number, one in enumerate(devices)
    )
    UpstreamLink.objects.bulk_create(
        UpstreamLink(device=devices[number], behind=devices[number // 10], start=date(2025, 1, 1))
        for number in range(10, meters)
        if number % 3 == 0
    )
    days = (TODAY - FIRST).days + 1
    amounts = dice.integers(10_000, 900_000, (meters, days)).tolist()
    computed_at = datetime(2026, 12, 31, tzinfo=UTC)
    for number in range(days):  # as it comes in: day by day
        insert_many(
            [
                EnergyDailySummary(
                    date=FIRST + timedelta(days=number),
                    energy_type=electricity,
                    device=one,
                    amount=its[number],
                    total_consumption=Decimal(its[number]) / 1000,
                    covered_s=DAY_S,
                    length_s=DAY_S,
                    end_at=0,
                    end_count=0,
                    computed_at=computed_at,
                )
                for one, its in zip(devices, amounts, strict=True)
            ]
        )
    # About the use of a group of its size: some are reached, most are not.
    EnergyQuota.objects.bulk_create(
        EnergyQuota(
            name=f"配额{number}",
            energy_type=electricity,
            unit="kWh",
            period="yearly",
            quota_value=Decimal(int(dice.integers(200_000, 2_000_000))),
            **({"device": devices[number]} if number % 10 == 0 else {"group": groups[number % GROUPS]}),
        )
        for number in range(quotas)
    )


# --- the peer -----------------------------------------------------------------------------------


def naive(quotas: list[Any], now: datetime) -> None:
    """Check quotas as the customer's checker does, its faults included."""
    from django.db.models import Sum

    from alarms.models import OPEN, Alarm
    from energy.models import EnergyDailySummary, QuotaUsage

    for quota in quotas:
        start = datetime(now.year, 1 if quota.period == "yearly" else now.month, 1, tzinfo=UTC)
        total = EnergyDailySummary.objects.filter(
            energy_type=quota.energy_type, date__gte=start.date(), date__lte=now.date()
        ).aggregate(total=Sum("total_consumption"))["total"]
        use, limit = float(total or 0), float(quota.quota_value)
        rate = use / limit * 100 if limit else 0.0
        status = (
            "exceeded"
            if rate >= float(quota.alert_threshold_pct)
            else "warning"
            if rate >= float(quota.warning_threshold_pct)
            else "normal"
        )
        figures = {
            "actual_value": Decimal(str(round(use, 6))),
            "usage_rate_pct": Decimal(str(round(rate, 4))),
            "status": status,
            "calculated_at": now,
        }
        usage = QuotaUsage.objects.filter(quota=quota, period_start=start.date()).first()
        if usage is None:
            QuotaUsage.objects.create(
                quota=quota,
                period_start=start.date(),
                period_end=date(now.year, 12, 31),
                quota_value=quota.quota_value,
                as_of=now.date(),
                **figures,
            )
        else:
            for name, value in figures.items():
                setattr(usage, name, value)
            usage.save(update_fields=list(figures))
        title = f"配额预警: {quota.name}"
        if status != "normal" and not Alarm.objects.filter(title=title, status__in=OPEN).exists():
            Alarm.objects.create(
                key=f"naive.{quota.pk}",
                source="naive",
                severity="critical" if status == "exceeded" else "warning",
                title=title,
                description=f"当前使用 {use:.1f} kWh，配额 {limit:.1f} kWh，使用率 {rate:.1f}%",
                value=str(use),
                threshold=str(limit),
                triggered_at=now,
                active_since=now,
                last_seen_at=now,
            )


# --- measuring ----------------------------------------------------------------------------------


def _measured(
    work: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> tuple[float, int]:
    """Return the seconds, by a clock, and the statements of a piece of work."""
    from django.db import connection

    count = 0

    def counting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal count
        count += not sql.startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(counting):
        started = clock()
        work()
        return clock() - started, count


def _pages() -> list[tuple[str, float, int]]:
    """Return the processor time of each page, the middle of several visits, and its statements."""
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.test import Client
    from django.test.utils import override_settings

    from accounts import services as accounts
    from energy.models import EnergyQuota

    user = User.objects.filter(username="bench").first() or User.objects.create_superuser("bench")
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    _token, raw = accounts.issue_token(user, name="bench")
    quota = EnergyQuota.objects.order_by("pk").first()
    assert quota is not None
    paths: dict[str, dict[str, str]] = {
        "/energy/": {},
        "/energy/?level=exceeded": {},
        f"/energy/quotas/{quota.pk}": {},
        "/admin/energy/energyquota/": {},
        "/admin/energy/quotausage/": {},
        "/api/v1/quotas": {"authorization": f"Bearer {raw}"},
        "/api/v1/quotas/usages": {"authorization": f"Bearer {raw}"},
    }
    found = []
    plain = {**settings.STORAGES, "staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}
    plain["staticfiles"]["OPTIONS"] = {"base_url": "/static/"}
    with override_settings(STORAGES=plain):  # nothing was collected here
        for path, headers in paths.items():
            took, statements = [], 0
            for _visit in range(7):
                seconds, statements = _measured(
                    lambda path=path, headers=headers: _ask(client, path, headers)
                )
                took.append(seconds)
            found.append((path, median(took), statements))
    return found


def _ask(client: Any, path: str, headers: dict[str, str]) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, f"{path}: {answer.status_code}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quotas", type=int, default=1000)
    parser.add_argument("--meters", type=int, default=2000)
    parser.add_argument("--naive", type=int, default=60, help="quotas that the naive checker does")
    parser.add_argument("--database", help="SQLite file to keep, used again by the next run")
    parser.add_argument("--no-pages", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _set_up(arguments.database or str(Path(folder) / "quotas.sqlite3"))
        from django.db import connection

        from energy.models import EnergyDailySummary, EnergyQuota, QuotaUsage
        from energy.services import quotas

        started = time.perf_counter()
        if not EnergyQuota.objects.exists():
            _plant(arguments.meters, arguments.quotas)
        every = list(EnergyQuota.objects.select_related("energy_type").order_by("pk"))
        print(f"Python {platform.python_version()}, {platform.machine()}, {connection.vendor}")
        print(
            f"{arguments.meters} meters, {EnergyDailySummary.objects.count()} days, {len(every)} quotas, "
            f"made in {time.perf_counter() - started:.0f} s"
        )
        QuotaUsage.objects.all().delete()
        some = every[: arguments.naive]
        now = datetime(2026, 12, 31, 4, tzinfo=UTC)
        seconds, statements = _measured(lambda: naive(some, now))
        scale = len(every) / len(some)
        print(
            f"naive: {'~' if scale > 1 else ''}{seconds * scale:.1f} s, "
            f"{round(statements * scale)} statements ({len(some)} quotas took {seconds:.2f} s)"
        )
        QuotaUsage.objects.all().delete()
        ours = []
        for what in ("first", "again", "again"):
            processor = time.process_time()
            took, ours_statements = _measured(lambda: quotas.evaluate(as_of=TODAY))
            processor = time.process_time() - processor
            ours.append(took)
            alarms = QuotaUsage.objects.exclude(told_level="").count()
            print(
                f"ours, {what}: {took:.2f} s ({processor:.2f} s of processor), "
                f"{ours_statements} statements, {alarms} alarms"
            )
        print(f"ratio: {seconds * scale / min(ours):.0f} times (first run {seconds * scale / ours[0]:.0f})")
        if not arguments.no_pages:
            for path, took, ours_statements in _pages():
                print(f"page {path}: {took * 1000:.0f} ms of processor, {ours_statements} statements")


if __name__ == "__main__":
    main()
