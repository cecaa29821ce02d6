"""Uses as standard coal and carbon dioxide, by the factor that held on each day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from energy.choices import FactorKind
from energy.models import ConversionFactor, EnergyType
from energy.selectors.totals import Totals, totals


@dataclass(frozen=True, slots=True)
class Converted:
    """What the use of one energy type is in standard coal or carbon dioxide.

    `amount` is None where no factor held on some day; `factors` are those that were used.
    """

    amount: Decimal | None
    factors: Sequence[ConversionFactor]


@dataclass(frozen=True, slots=True)
class TypeUse:
    """One energy type in a period: what it used, converted by each kind of factor."""

    energy_type: EnergyType
    use: Decimal
    covered_s: int
    expected_s: int
    converted: dict[str, Converted]


def type_uses(
    types: Sequence[EnergyType], first: date, last: date, groups: Sequence[int], *, region: str = ""
) -> list[TypeUse]:
    """Return the use of groups together, by energy type. One query, and seven for each type."""
    factors: dict[tuple[int, str], list[ConversionFactor]] = {}
    for factor in ConversionFactor.objects.filter(
        energy_type__in=types, valid_from__lte=last, region__in={"", region}
    ).order_by("valid_from", "region"):
        factors.setdefault((factor.energy_type_id, factor.kind), []).append(factor)
    found = []
    for energy_type in types:
        its = {kind: factors.get((energy_type.pk, kind), []) for kind in FactorKind.values}
        cuts = [factor.valid_from for known in its.values() for factor in known]
        use = totals(energy_type, first, last, cuts=cuts)
        places = [use.plant.groups[pk] for pk in groups]
        found.append(
            TypeUse(
                energy_type,
                energy_type.amount(int(use.groups[places].sum())),
                int(use.group_covered[places].sum()),
                int(use.group_expected[places].sum()),
                {kind: _converted(energy_type, use, places, known, region) for kind, known in its.items()},
            )
        )
    return found


def _converted(
    energy_type: EnergyType,
    use: Totals,
    places: Sequence[int],
    known: Sequence[ConversionFactor],
    region: str,
) -> Converted:
    """Convert part by part; a factor of the region goes before one for the whole country."""
    amount: Decimal | None = Decimal(0)
    used: dict[int, ConversionFactor] = {}
    for number, (start, _end) in enumerate(use.parts):
        steps = int(use.group_parts[list(places), number].sum())
        holding = [factor for factor in known if factor.valid_from <= start]
        local = [factor for factor in holding if factor.region == region] or holding
        if not local:
            amount = amount if not steps else None
            continue
        factor = local[-1]
        if steps and amount is not None:
            amount += energy_type.amount(steps) * factor.value
            used[factor.pk] = factor
    return Converted(amount if known else None, list(used.values()))
