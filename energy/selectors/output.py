"""Use for each unit of output, each square metre, each head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q, Sum

from energy.models import DeviceGroup, GroupFigure, OutputDay


@dataclass(frozen=True, slots=True)
class UnitUse:
    """What a group used for one of something; `per_unit` is None where there was none of it.

    `is_output` says that the something was made; else it is area or heads.
    """

    name: str
    amount: Decimal
    unit: str
    per_unit: Decimal | None
    is_output: bool = True


def unit_use(group: DeviceGroup, use: Decimal, first: date, last: date) -> list[UnitUse]:
    """Return the unit consumption of a group by products, and by area and heads. Two queries."""
    return unit_uses([group.pk], {group.pk: use}, first, last).get(group.pk, [])


def unit_uses(
    groups: list[int], uses: Mapping[int, Decimal], first: date, last: date
) -> dict[int, list[UnitUse]]:
    """Return the same for several groups. Two queries.

    All products of one unit together come first where there are several; then each product.
    """
    found: dict[int, list[UnitUse]] = {}
    sums: dict[tuple[int, str], Decimal] = {}
    singles: dict[int, list[tuple[str, str, Decimal]]] = {}
    for group, product, unit, amount in (
        OutputDay.objects.filter(group__in=groups, day__gte=first, day__lte=last)
        .order_by()
        .values_list("group_id", "product", "unit")
        .annotate(Sum("amount"))
    ):
        sums[group, unit] = sums.get((group, unit), Decimal(0)) + amount
        singles.setdefault(group, []).append((product, unit, amount))
    for group, rows in singles.items():
        several = {
            unit for unit in {unit for _p, unit, _a in rows} if sum(u == unit for _p, u, _a in rows) > 1
        }
        found[group] = [_use("", sums[group, unit], unit, uses[group]) for unit in sorted(several)]
        found[group] += [_use(product, amount, unit, uses[group]) for product, unit, amount in sorted(rows)]
    figures = (
        GroupFigure.objects.filter(group__in=groups, start__lte=last)
        .filter(Q(end__isnull=True) | Q(end__gt=last))
        .order_by("group", "basis", "start")
    )
    for figure in figures:
        unit = "m²" if figure.basis == "area" else ""
        label = str(figure.get_basis_display())
        found.setdefault(figure.group_id, []).append(
            _use(label, figure.value, unit, uses[figure.group_id], is_output=False)
        )
    return found


def output_days(group: int, product: str, unit: str, first: date, last: date) -> dict[date, Decimal]:
    """Return what a group made of a product on each day, or of all products of the unit if it is blank.

    One query.
    """
    rows = OutputDay.objects.filter(group=group, unit=unit, day__gte=first, day__lte=last).order_by()
    if product:
        rows = rows.filter(product=product)
    found: dict[date, Decimal] = {}
    for day, amount in rows.values_list("day", "amount"):
        found[day] = found.get(day, Decimal(0)) + amount
    return found


def _use(name: str, amount: Decimal, unit: str, use: Decimal, *, is_output: bool = True) -> UnitUse:
    return UnitUse(name, amount, unit, use / amount if amount else None, is_output)
