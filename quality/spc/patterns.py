"""Where control rules fire on many series at once.

Series are (k, m): time down, characteristics across. A window is a stretch of consecutive points that are all
present, tested, and of one stage; a series shorter than the window cannot fire. A rule is reported at the
point that completes its window.

Comparisons allow for the noise of binary arithmetic: a mean of three times 10.1 is not above 10.1. The margin
is 1e-9 sigma plus some units in the last place of the numbers compared; equality within it is equality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc.inputs import FloatArray
from quality.spc.rules import Kind, Rule, Rules

Mask = NDArray[np.bool_]

_SIGMA_MARGIN = 1e-9
_ULP_MARGIN = 2.0**-49
_MOST_IN_INT8 = 127


@dataclass(frozen=True, slots=True)
class Lines:
    """What points are compared with; every array broadcasts against the points, NaN where there is none.

    `up` and `down` are the sizes of one sigma above and below the centre (given limits may be asymmetric).
    """

    centre: FloatArray
    ucl: FloatArray
    lcl: FloatArray
    up: FloatArray
    down: FloatArray


class Firing(NamedTuple):
    """`fired[j, c]`: the rule fires on series c with its window completed at point j + window - 1."""

    rule: Rule
    side: str
    fired: Mask


class Comparison:
    """The comparisons of one set of series with its lines, each made once and shared by the rules."""

    def __init__(
        self, points: FloatArray, lines: Lines, *, excluded: Mask | None = None, starts: Mask | None = None
    ) -> None:
        self.points, self.lines = points, lines
        self.excluded, self.starts = excluded, starts
        self._known: dict[tuple[object, ...], Mask] = {}
        scale = np.fmax(np.fmax(np.abs(lines.centre), np.abs(lines.ucl)), np.abs(lines.lcl))
        sigma = np.fmax(lines.up, lines.down)
        self._margin = _SIGMA_MARGIN * np.where(np.isnan(sigma), 0.0, sigma) + _ULP_MARGIN * np.where(
            np.isnan(scale), 0.0, scale
        )

    def _once(self, key: tuple[object, ...], make: Callable[[], Mask]) -> Mask:
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def above(self, width: float | None, *, inclusive: bool) -> Mask:
        """Points above centre + width * up (width None: above the upper control limit)."""
        line = (
            self.lines.ucl if width is None else self.lines.centre + width * self.lines.up if width else None
        )
        line = self.lines.centre if line is None else line
        margin = -self._margin if inclusive else self._margin
        return self._once(("above", width, inclusive), lambda: self.points > line + margin)

    def below(self, width: float | None, *, inclusive: bool) -> Mask:
        """Points below centre - width * down (width None: below the lower control limit)."""
        line = (
            self.lines.lcl
            if width is None
            else self.lines.centre - width * self.lines.down
            if width
            else None
        )
        line = self.lines.centre if line is None else line
        margin = self._margin if inclusive else -self._margin
        return self._once(("below", width, inclusive), lambda: self.points < line + margin)

    def rises(self, *, inclusive: bool) -> Mask:
        """Steps (k - 1, m) from a point to a higher one."""
        return self._once(("rises", inclusive), lambda: self._steps > self._step_margin(inclusive=inclusive))

    def falls(self, *, inclusive: bool) -> Mask:
        """Steps (k - 1, m) from a point to a lower one."""
        return self._once(("falls", inclusive), lambda: self._steps < -self._step_margin(inclusive=inclusive))

    @cached_property
    def _steps(self) -> FloatArray:
        steps: FloatArray = self.points[1:] - self.points[:-1]
        return steps

    def _step_margin(self, *, inclusive: bool) -> FloatArray:
        margin = self._margin[1:] if len(self._margin) > 1 else self._margin
        return -margin if inclusive else margin

    @cached_property
    def tested(self) -> Mask | None:
        """Points that are there and not excluded; None when all are."""
        missing: Mask = np.isnan(self.points)
        if self.excluded is not None:
            return ~(missing | self.excluded)
        return ~missing if missing.any() else None

    def whole(self, window: int) -> Mask | None:
        """Windows (k - window + 1, m or 1) of tested points of one stage; None when all windows are."""
        if self.tested is None and self.starts is None:
            return None
        return self._once(("whole", window), lambda: self._whole(window))

    def _whole(self, window: int) -> Mask:
        count = len(self.points) - window + 1
        result: Mask = np.ones((count, 1), dtype=np.bool_)
        if self.tested is not None:
            result = result & all_of(self.tested, window)
        if self.starts is not None and window > 1:
            result = result & all_of(~self.starts[1:], window - 1)
        return result


def all_of(flags: Mask, window: int) -> Mask:
    """Windows in which every flag is set, by doubling: (k, m) → (k - window + 1, m). Needs window <= k."""
    done, result = 1, flags
    while done * 2 <= window:
        result = result[:-done] & result[done:]
        done *= 2
    return result[: len(result) - (window - done)] & result[window - done :] if window > done else result


def count_of(flags: Mask, window: int) -> NDArray[Any]:
    """How many flags are set in each window; a flag is its own small number while the sum fits into one."""
    ones: NDArray[Any] = flags.view(np.int8) if window <= _MOST_IN_INT8 else flags.astype(np.int64)
    count = len(flags) - window + 1
    result = ones[:count].copy()
    for shift in range(1, window):
        result += ones[shift : shift + count]
    return result


def firings(comparison: Comparison, rules: Rules) -> Iterator[Firing]:
    """Evaluate each rule that the series are long enough for."""
    for rule in rules:
        if rule.window > len(comparison.points):
            continue
        # A missing point is beyond nothing by itself; the other rules must look for it.
        needs_look = rule.kind is not Kind.BEYOND or comparison.excluded is not None
        whole = comparison.whole(rule.window) if needs_look else None
        for side, fired in _DETECTORS[rule.kind](comparison, rule):
            yield Firing(rule, side, fired if whole is None else fired & whole)


Found = Iterator[tuple[str, Mask]]


def _beyond(comparison: Comparison, rule: Rule) -> Found:
    yield "high", comparison.above(rule.width, inclusive=rule.inclusive)
    yield "low", comparison.below(rule.width, inclusive=rule.inclusive)


def _run(comparison: Comparison, rule: Rule) -> Found:
    yield "high", all_of(comparison.above(0.0, inclusive=rule.inclusive), rule.length)
    yield "low", all_of(comparison.below(0.0, inclusive=rule.inclusive), rule.length)


def _trend(comparison: Comparison, rule: Rule) -> Found:
    yield "high", all_of(comparison.rises(inclusive=rule.inclusive), rule.window - 1)
    yield "low", all_of(comparison.falls(inclusive=rule.inclusive), rule.window - 1)


def _alternation(comparison: Comparison, rule: Rule) -> Found:
    up, down = comparison.rises(inclusive=rule.inclusive), comparison.falls(inclusive=rule.inclusive)
    turns = (up[:-1] & down[1:]) | (down[:-1] & up[1:])
    yield "both", all_of(turns, rule.window - 2)


def _k_of_n(comparison: Comparison, rule: Rule) -> Found:
    for side, outside in (
        ("high", comparison.above(rule.width, inclusive=rule.inclusive)),
        ("low", comparison.below(rule.width, inclusive=rule.inclusive)),
    ):
        fired = count_of(outside, rule.length) >= rule.count
        yield side, fired & outside[rule.length - 1 :] if rule.last_outside else fired


def _within(comparison: Comparison, rule: Rule) -> Found:
    # Inside, with the boundary, is what is not outside without it; a point without limits is neither.
    outside = comparison.above(rule.width, inclusive=not rule.inclusive)
    outside = outside | comparison.below(rule.width, inclusive=not rule.inclusive)
    known = ~np.isnan(comparison.lines.up)
    yield "both", all_of(~outside & known, rule.length)


def _outside(comparison: Comparison, rule: Rule) -> Found:
    above = comparison.above(rule.width, inclusive=rule.inclusive)
    below = comparison.below(rule.width, inclusive=rule.inclusive)
    fired = all_of(above | below, rule.length)
    if rule.both_sides:
        fired = fired & ~all_of(above, rule.length) & ~all_of(below, rule.length)
    yield "both", fired


_DETECTORS: dict[Kind, Callable[[Comparison, Rule], Found]] = {
    Kind.BEYOND: _beyond,
    Kind.RUN: _run,
    Kind.TREND: _trend,
    Kind.ALTERNATION: _alternation,
    Kind.K_OF_N: _k_of_n,
    Kind.WITHIN: _within,
    Kind.OUTSIDE: _outside,
}
