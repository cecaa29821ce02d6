"""The demo plant: made once, lets its meters go on, and shows each page alive."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client

from energy.metering import Flag
from energy.models import ChargingOrder, Device, DeviceMonth, EnergyDailySummary, EnergyQuota, OutputDay
from spc_site import clock
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_demo_is_made_once_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 5, 20, 9, 7, tzinfo=make.SHANGHAI)
    monkeypatch.setattr(clock, "now", lambda: now)
    monkeypatch.setattr("energy.demo.DAYS", 12)
    call_command("demo_energy", verbosity=0)
    devices, quotas = Device.objects.count(), EnergyQuota.objects.count()
    orders = dict(ChargingOrder.objects.values_list("order_number", "energy_kwh"))
    assert (devices, quotas) == (10, 3)
    before = dict(EnergyDailySummary.objects.values_list("pk", "amount"))
    now += timedelta(days=1)
    call_command("demo_energy", verbosity=0)
    assert (Device.objects.count(), EnergyQuota.objects.count()) == (devices, quotas)
    main = Device.objects.get(code="DE-00")
    assert main.days.count() == 14
    assert main.last_reading_at == now.replace(minute=0)
    # Only the last day had been open: what was whole stays as it was.
    after = dict(EnergyDailySummary.objects.exclude(date__gte="2026-05-20").values_list("pk", "amount"))
    assert {pk: before[pk] for pk in after} == after
    told = dict(ChargingOrder.objects.values_list("order_number", "energy_kwh"))
    assert len(told) > len(orders) and all(told[one] == kwh for one, kwh in orders.items() if kwh is not None)
    flags = 0
    for bits in EnergyDailySummary.objects.values_list("flags", flat=True):
        flags |= bits
    assert flags & Flag.GAP
    assert DeviceMonth.objects.exclude(bands=b"").exists() and OutputDay.objects.exists()
    client = Client()
    client.force_login(builders.superuser())
    for page in ("groups", "devices", "costs", "demand", "units", "conversion", "ranking"):
        assert client.get(f"/energy/{page}/?at=2026-05").context["rows" if page != "demand" else "groups"], (
            page
        )
