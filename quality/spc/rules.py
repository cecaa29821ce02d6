"""Control rules as data: what each asks for, and the presets by name.

Programs and standards differ in lengths and in four conventions, so each is a field of the rule:

    length, count, width   points in the window, how many of them must lie outside, at how many sigma
    inclusive              does a point exactly at the boundary (centre, zone line, equal neighbour) count
    in_steps               trend, alternation: is `length` counted in steps between points, not in points
    last_outside           k_of_n: must the completing point be one of those outside
    both_sides             outside: must the window have points on both sides (Nelson's text) or not (Minitab)

Sources: Nelson, Journal of Quality Technology 16 (1984); Western Electric, Statistical Quality Control
Handbook (1956); GB/T 4091-2001 (ISO 8258:1991); GB/T 17989.2 (ISO 7870-2:2013); AIAG SPC manual, 2nd edition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from quality.spc.errors import SpcInputError
from quality.spc.inputs import number, one_of


class Kind(StrEnum):
    """What a rule looks for."""

    BEYOND = "beyond"  # a point outside of the control limits (or of `width` sigma)
    RUN = "run"  # `length` points on one side of the centre
    TREND = "trend"  # `length` points each above, or each below, the one before
    ALTERNATION = "alternation"  # `length` points going up and down by turns
    K_OF_N = "k_of_n"  # `count` of `length` points outside of `width` sigma on one side
    WITHIN = "within"  # `length` points inside of `width` sigma
    OUTSIDE = "outside"  # `length` points outside of `width` sigma


_LEAST_LENGTH = {
    Kind.BEYOND: 1,
    Kind.RUN: 2,
    Kind.TREND: 2,
    Kind.ALTERNATION: 3,
    Kind.K_OF_N: 1,
    Kind.WITHIN: 1,
    Kind.OUTSIDE: 1,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One control rule. `id` is its name in its own tradition ("1" … "8", "WE1" …).

    `width` None on a `beyond` rule means the control limits themselves, which may be clipped or given.
    Raises SpcInputError for values that describe no rule.
    """

    id: str
    kind: Kind
    length: int = 1
    count: int = 0
    width: float | None = None
    inclusive: bool = False
    in_steps: bool = False
    last_outside: bool = True
    both_sides: bool = True

    def __post_init__(self) -> None:
        kind = Kind(self.kind)
        for name in ("length", "count"):
            if isinstance(value := getattr(self, name), bool) or not isinstance(value, int):
                raise SpcInputError("rules", f"rule {self.id}: {name} must be a whole number, not {value!r}")
        if self.width is not None:
            number("rules", self.width)
        if not _LEAST_LENGTH[kind] <= self.length <= 10_000:
            raise SpcInputError("rules", f"rule {self.id}: length {self.length} is not possible")
        if kind is Kind.K_OF_N and not 1 <= self.count <= self.length:
            raise SpcInputError(
                "rules", f"rule {self.id}: count {self.count} of {self.length} is not possible"
            )
        if kind in (Kind.K_OF_N, Kind.WITHIN, Kind.OUTSIDE) and self.width is None:
            raise SpcInputError("rules", f"rule {self.id}: needs a width in sigma")
        if self.width is not None and not 0.0 < self.width < 100.0:
            raise SpcInputError("rules", f"rule {self.id}: width {self.width} is not possible")

    @property
    def window(self) -> int:
        """Points that a violation of this rule spans."""
        return self.length + 1 if self.in_steps else self.length


@dataclass(frozen=True, slots=True)
class Rules:
    """A named set of rules. Falsy when empty."""

    name: str
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise SpcInputError("rules", f"{self.name}: the same rule id twice")

    def __iter__(self) -> Iterator[Rule]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def rule(self, rule_id: str) -> Rule:
        """The rule with this id. Raises SpcInputError when there is none."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise SpcInputError("rules", f"{self.name} has no rule {rule_id!r}")

    def only(self, *ids: str) -> Rules:
        """The same rules restricted to some ids, in the order of the set."""
        for rule_id in ids:
            self.rule(rule_id)
        return Rules(f"{self.name}:{','.join(ids)}", tuple(rule for rule in self.rules if rule.id in ids))

    def changed(self, rule_id: str, **fields: object) -> Rules:
        """The same rules with some fields of one rule changed, e.g. `changed("2", length=8)`."""
        changed = replace(self.rule(rule_id), **fields)  # type: ignore[arg-type]
        return Rules(f"{self.name}*", tuple(changed if rule.id == rule_id else rule for rule in self.rules))

    def for_spreads(self) -> Rules:
        """What is asked of R, S and MR charts by default: points beyond the limits, nothing else.

        Their points are skewed and, on MR charts, correlated, so runs and zones signal without a cause.
        """
        return Rules(
            self.name, tuple(rule for rule in self.rules if rule.kind is Kind.BEYOND and rule.width is None)
        )


_NELSON = (
    Rule("1", Kind.BEYOND),
    Rule("2", Kind.RUN, length=9),
    Rule("3", Kind.TREND, length=6),
    Rule("4", Kind.ALTERNATION, length=14),
    Rule("5", Kind.K_OF_N, length=3, count=2, width=2.0),
    Rule("6", Kind.K_OF_N, length=5, count=4, width=1.0),
    Rule("7", Kind.WITHIN, length=15, width=1.0, inclusive=True),
    Rule("8", Kind.OUTSIDE, length=8, width=1.0),
)
_NELSON_SET = Rules("nelson", _NELSON)

PRESETS: dict[str, Rules] = {
    rules.name: rules
    for rules in (
        Rules("none", ()),
        Rules("rule_1", _NELSON[:1]),
        Rules("rule_1_2", _NELSON[:2]),
        _NELSON_SET,
        Rules("gb_t_4091", _NELSON),
        Rules("aiag", _NELSON_SET.changed("2", length=7).changed("8", both_sides=False).rules),
        Rules("minitab", _NELSON_SET.changed("8", both_sides=False).rules),
        Rules(
            "jasp",
            _NELSON_SET.changed("3", in_steps=True)
            .changed("4", in_steps=True)
            .changed("8", both_sides=False)
            .rules,
        ),
        Rules(
            "gb_t_17989_2",
            (Rule("1", Kind.BEYOND), Rule("2", Kind.RUN, length=7), Rule("3", Kind.TREND, length=7)),
        ),
        Rules(
            "western_electric",
            (
                Rule("WE1", Kind.BEYOND),
                Rule("WE2", Kind.K_OF_N, length=3, count=2, width=2.0),
                Rule("WE3", Kind.K_OF_N, length=5, count=4, width=1.0),
                Rule("WE4", Kind.RUN, length=8),
            ),
        ),
    )
}
"""Presets by name. `rule_1_2` is the first to alarm with: all eight signal on many stable charts."""


def rule_set(rules: str | Rules | None) -> Rules:
    """A preset by name, a set as it is, None as the empty set. Raises SpcInputError for an unknown name."""
    if rules is None:
        return PRESETS["none"]
    if isinstance(rules, Rules):
        return rules
    return PRESETS[one_of("rules", rules, PRESETS, "rule set")]
