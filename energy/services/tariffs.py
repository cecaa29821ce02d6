"""Take tariffs in from a table: the one of the same day is replaced, the one before it ended."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from energy.importing.tariffs import TariffIn
from energy.models import EnergyType, Tariff, TariffPrice, TariffSpan
from energy.services import months
from spc_site.errors import AppError


def store_tariffs(given: Sequence[TariffIn]) -> int:
    """Write all or none; months that they hold for are computed again. Returns how many."""
    with transaction.atomic():
        for one in sorted(given, key=lambda tariff: tariff.start):
            _store(one)
        for energy_type in {one.energy_type for one in given}:
            months.mark_due(energy_type)
    return len(given)


def _store(one: TariffIn) -> None:
    before = Tariff.objects.filter(energy_type_id=one.energy_type, start__lt=one.start)
    before.filter(Q(end__isnull=True) | Q(end__gt=one.start)).update(end=one.start)
    row = Tariff.objects.filter(energy_type_id=one.energy_type, start=one.start).first() or Tariff(
        energy_type_id=one.energy_type, start=one.start
    )
    row.name, row.end, row.source = one.name, one.end, one.source
    row.demand_basis, row.demand_price = one.basis, one.demand_price
    row.capacity_kva, row.power_factor_target = one.capacity, one.factor
    try:
        row.full_clean()
    except ValidationError as error:
        raise AppError("unsound_tariff", f"{one.name}：{'；'.join(error.messages)}") from error
    row.save()
    row.prices.all().delete()
    row.spans.all().delete()
    TariffPrice.objects.bulk_create(
        TariffPrice(tariff=row, band=band, price=price) for band, price in one.prices.items()
    )
    TariffSpan.objects.bulk_create(
        TariffSpan(
            tariff=row,
            band=span.band,
            begins=span.begins,
            ends=span.ends,
            first_month=span.first_month,
            last_month=span.last_month,
            day_class=span.day_class,
        )
        for span in one.spans
    )


def known_types() -> dict[str, int]:
    """Return the primary keys of energy types by code and by name. One query."""
    rows = EnergyType.objects.values_list("pk", "code", "name")
    return {word: pk for pk, code, name in rows for word in (code, name)}
