"""The structure of a plant and its days, as the arithmetic reads them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from energy.metering import Flag, group_use
from energy.models import DeviceRatio, EnergyDailySummary, EnergyType, UpstreamLink, VirtualPart
from energy.selectors.days import day_matrix
from energy.selectors.structure import plant_of
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FIRST = date(2026, 3, 1)


def test_the_rows_of_a_plant_give_the_use_of_its_groups(
    django_assert_num_queries: Callable[..., Any],
) -> None:
    electricity = make.energy_type()
    plant = make.group("plant")
    shop = make.group("shop", plant)
    main, sub, tenant, spare = (make.device(code) for code in ("main", "sub", "tenant", "spare"))
    sum_of = make.device("sum", kind="virtual")
    make.device("water", make.energy_type("water"))
    for meter in (main, sub, sum_of):
        make.attached(shop, meter)
    make.attached(plant, tenant, sign=-1, end=date(2026, 3, 2))
    UpstreamLink.objects.create(device=sub, behind=main, start=date(2026, 1, 1))
    UpstreamLink.objects.create(device=tenant, behind=main, start=date(2026, 1, 1))
    VirtualPart.objects.create(device=sum_of, part=spare, times=2)
    for meter, use in ((main, "10"), (sub, "4.5"), (tenant, "1"), (spare, "0.25")):
        make.used(meter, FIRST, use, use)
    EnergyDailySummary.objects.filter(device=sub).update(flags=Flag.GAP)

    with django_assert_num_queries(5):
        found = plant_of(electricity)
    with django_assert_num_queries(2):
        days = day_matrix(electricity, FIRST, date(2026, 3, 3))

    assert days.devices == found.devices
    assert days.days == [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
    row = found.devices[sub.pk]
    assert days.amounts[row].tolist() == [4500, 4500, 0]
    assert days.has_data[row].tolist() == [True, True, False]
    assert days.covered_s[row].tolist() == [86400, 86400, 0]
    assert days.length_s.tolist() == [86400] * 3
    assert days.flags[row].tolist() == [Flag.GAP, Flag.GAP, 0]
    use = group_use(found.plant, days.amounts, FIRST)
    assert use[found.groups[shop.pk]].tolist() == [10500, 10500, 0]
    assert use[found.groups[plant.pk]].tolist() == [9500, 10500, 0], "the tenant is attached for one day"


def test_a_period_without_rows_and_a_type_without_devices_are_empty_matrices() -> None:
    meter = make.device()
    assert day_matrix(meter.energy_type, FIRST, FIRST).amounts.tolist() == [[0]]
    empty = day_matrix(make.energy_type("steam"), FIRST, FIRST)
    assert empty.amounts.shape == (0, 1)


def test_what_one_count_means_must_be_whole_steps_of_the_energy_type() -> None:
    meter = make.device(count_size=Decimal("0.01"))
    DeviceRatio(device=meter, valid_from="2026-01-01T00:00+08:00", ratio=Decimal("0.1")).full_clean()
    with pytest.raises(ValidationError, match="整数倍"):
        DeviceRatio(device=meter, valid_from="2026-01-01T00:00+08:00", ratio=Decimal("0.15")).full_clean()
    meter.count_size = Decimal("0.0005")
    with pytest.raises(ValidationError, match="整数倍"):
        meter.full_clean()


def test_the_shipped_types_have_their_published_factors() -> None:
    types = {one.code: one for one in EnergyType.objects.prefetch_related("factors")}
    assert types.keys() >= {"electricity", "water", "natural_gas", "steam", "compressed_air", "heat"}
    assert types["heat"].unit == "GJ"
    values = {(one.code, factor.kind): factor.value for one in types.values() for factor in one.factors.all()}
    assert values["electricity", "tce_calorific"] == Decimal("0.1229")
    assert values["heat", "tce_calorific"] == Decimal("34.12")
    assert all(factor.source for one in types.values() for factor in one.factors.all())
