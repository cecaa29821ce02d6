"""What a control chart is made of: panels as plain numbers, cleaned, and what their axes span."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from spc_site.lib.svg.limits import (
    Limit,
    ReferenceLabel,
    last_value,
    per_point,
)
from spc_site.lib.svg.scales import finite, widen
from spc_site.lib.svg.spec import (
    Labels,
    Layout,
)
from spc_site.lib.svg.text import decimals_for, ellipsize, fit_value, format_value, text_width
from spc_site.lib.svg.violations import (
    Violation,
)

FAR = 0.75
"""A point this many widths of the limits beyond them is drawn at the edge, with its value."""

SPEC_FAR = 2.0
"""Specification limits farther than this many heights of the data are named at the edge, not drawn."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A named stretch of points (baseline, monitoring) that begins at point `start` (from 0)."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class ControlPanel:
    """One plot of a control chart, as plain numbers.

    Missing values (None, NaN) break the line. Limits are one number, one per point, or None. The
    specification (`usl`, `lsl`, `target`) belongs on charts of single values only. Indices count from 0.
    """

    name: str
    points: Sequence[float | None]
    centre: Limit = None
    ucl: Limit = None
    lcl: Limit = None
    usl: float | None = None
    lsl: float | None = None
    target: float | None = None
    zones: bool = True
    violations: Sequence[Violation] = ()
    excluded: frozenset[int] = frozenset()
    unit: str = ""
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """How points are called."""

    given: tuple[str, ...]
    labels: Labels

    def short(self, index: int) -> str:
        return self.given[index] if index < len(self.given) else str(index + 1)

    def number(self, index: int) -> int:
        """Return what decides whether a name is round: the name itself if it is a number, else the place."""
        if not self.given:
            return index + 1
        name = self.short(index)
        return int(name) if self.numeric and name.isdecimal() else index

    @property
    def numeric(self) -> bool:
        """Whether the given names are whole numbers that count up by one."""
        if not all(name.isdecimal() and len(name) < 10 for name in self.given):
            return False
        return all(int(b) == int(a) + 1 for a, b in pairwise(self.given))

    def long(self, index: int) -> str:
        return self.labels.point.replace("{}", self.short(index))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A panel with clean numbers: per point values and limits, labels, range of the axis."""

    panel: ControlPanel
    values: tuple[float | None, ...]
    centre: tuple[float | None, ...]
    ucl: tuple[float | None, ...]
    lcl: tuple[float | None, ...]
    decimals: int
    lo: float
    hi: float
    references: tuple[ReferenceLabel, ...]
    specs: tuple[tuple[str, float], ...]
    far: Mapping[int, str] = field(default_factory=dict)


def prepare(panel: ControlPanel, count: int, labels: Labels, measures: Layout) -> Prepared:
    """Clean the numbers of a panel and decide what its axis spans."""
    values = per_point(panel.points, count)
    centre, ucl, lcl = (per_point(limit, count) for limit in (panel.centre, panel.ucl, panel.lcl))
    drawn = [value for value in values if value is not None]
    lo, hi = _without_far(drawn, centre, ucl, lcl)
    far = {i for i, v in enumerate(values) if v is not None and not lo <= v <= hi}
    span = hi - lo
    specs: list[tuple[str, float]] = []
    named: list[ReferenceLabel] = []
    decimals = panel.decimals if panel.decimals is not None else decimals_for(span)
    for word, raw, role in (
        (labels.usl, panel.usl, "spec"),
        (labels.target, panel.target, "target"),
        (labels.lsl, panel.lsl, "spec"),
    ):
        value = finite(raw)
        if value is None:
            continue
        near = span == 0 or lo - SPEC_FAR * span <= value <= hi + SPEC_FAR * span
        arrow = "" if near else " ↑" if value > hi else " ↓"
        text = _label(f"{word} ", value, decimals, arrow, measures)
        named.append(ReferenceLabel(text, value, "text-bad" if role == "spec" else "text"))
        if near:
            specs.append((role, value))
    lo, hi = min([lo, *(v for _, v in specs)]), max([hi, *(v for _, v in specs)])
    for word, series in ((labels.ucl, ucl), (labels.centre, centre), (labels.lcl, lcl)):
        value = last_value(series)
        if value is not None:
            text = _label(f"{word} ", value, decimals, "", measures)
            named.append(ReferenceLabel(text, value, "text"))
    lo, hi = widen(lo, hi, least=2 * 10.0**-decimals if lo == hi else 0.0)
    return Prepared(
        panel,
        values,
        centre,
        ucl,
        lcl,
        decimals,
        lo,
        hi,
        tuple(named),
        tuple(specs),
        {i: format_value(v, decimals) for i in far if (v := values[i]) is not None},
    )


def _label(word: str, value: float, decimals: int, arrow: str, measures: Layout) -> str:
    """Return the words beside a line, never wider than a third of the picture."""
    size, room = measures.font, measures.width / 3
    left = room - text_width(word + arrow, size)
    return ellipsize(word + fit_value(value, decimals, size, left) + arrow, size, room)


def _without_far(
    drawn: Sequence[float],
    centre: Sequence[float | None],
    ucl: Sequence[float | None],
    lcl: Sequence[float | None],
) -> tuple[float, float]:
    """Return the range of the axis without points so far off that they would flatten the rest.

    A typing error of a factor ten must not turn the chart into a straight line. Where one limit is missing
    the other is mirrored at the centre line; without both there is no measure of "far", and all is shown.
    """
    middles, uppers, lowers = ([v for v in series if v is not None] for series in (centre, ucl, lcl))
    everything = [*drawn, *middles, *uppers, *lowers]
    lo, hi = min(everything, default=0.0), max(everything, default=0.0)
    top, bottom = max(uppers, default=None), min(lowers, default=None)
    if middles and top is not None and bottom is None:
        bottom = 2 * min(middles) - top
    elif middles and bottom is not None and top is None:
        top = 2 * max(middles) - bottom
    if top is None or bottom is None or top <= bottom:
        return lo, hi
    room = FAR * (top - bottom)
    return max(lo, bottom - room), min(hi, top + room)


def needs_axis(item: Prepared) -> bool:
    """Say whether the lines at the right are too few to read values from."""
    return len({label.value for label in item.references}) < 2


def panel_title(panel: ControlPanel, width: float) -> str:
    text = f"{panel.name} / {panel.unit}" if panel.unit and panel.name else panel.name
    return ellipsize(text, 13, width * 0.6)
