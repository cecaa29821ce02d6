"""Many meters that are read regularly, all at once: a grid with a row a meter and a column a reading.

The readings are scattered to their places, which sorts them and lets the last arrival win, without
any sorting. What is found there is told for all meters of a block at a time: which steps need a
decision (those meters are left to `registers.course`), the count at each midnight, the gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo

import numpy as np

from energy.metering.daily import between
from energy.metering.days import Moments, days_around
from energy.metering.registers import Flag, Register, fitting

_BLOCK = 1 << 16
"""Places looked at together: what a block needs stays in the cache of the processor."""

_EMPTIEST = 8
"""A grid with more places than so many times the readings costs more than sorting them."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The readings of meters that are all read every `interval_s`.

    rows     (r,) the meters
    start    the moment of the first column, for a meter without a phase
    phase    (r,) seconds by which each meter is read later than that
    shown    (r, s) what each register showed; -1 where nothing was read
    strange  meters with a reading between the columns; what their row holds means nothing
    """

    rows: Moments
    interval_s: int
    start: int
    phase: Moments
    shown: np.ndarray
    strange: Moments

    def readings(self, row: int) -> tuple[Moments, Moments]:
        """Return the moments and counts of one meter, by time."""
        places = np.flatnonzero(self.shown[row] >= 0)
        return self.start + int(self.phase[row]) + self.interval_s * places, self.shown[row, places]


@dataclass(frozen=True, slots=True)
class Settled:
    """The daily use of the meters in which no step needs a decision.

    rows    (r,) the meters
    first   the first day that one of them has; column i is `first` + i days
    counts, covered_s, flags  (r, d) as in `PlantUse`
    unsure  (k,) the rows of the grid whose meters are to be looked at alone
    """

    rows: Moments
    first: date
    counts: np.ndarray
    covered_s: np.ndarray
    flags: np.ndarray
    unsure: Moments


def grid_of(rows: Moments, interval_s: int, places: Moments, times: Moments, counts: Moments) -> Grid | None:
    """Scatter readings to a grid; None where it would be nearly empty or is.

    `places[i]` is the row of reading i; of several at one moment the last counts.
    """
    if not len(times):
        return None
    start = int(times.min())
    columns = (int(times.max()) - start) // interval_s + 1
    if len(rows) * columns > _EMPTIEST * len(times) + _BLOCK:
        return None
    column, phase, strange = _columns(len(rows), interval_s, places, times - start)
    shown = np.full((len(rows), columns), -1, dtype=np.int64)
    column += places * columns
    # One assignment after the other, so that the last one for a place stays.
    shown.reshape(-1)[column] = counts
    return Grid(rows, interval_s, start, phase, shown, rows[strange])


def _columns(rows: int, interval_s: int, places: Moments, gone: Moments) -> tuple[Moments, Moments, Moments]:
    """Return the column of each reading, the phase of each row, and the rows that keep to none."""
    column = gone // interval_s
    late = gone - column * interval_s
    phase = np.zeros(rows, dtype=np.int64)
    if not late.any():
        return column, phase, np.zeros(0, dtype=np.int64)
    phase[places] = late
    return column, phase, np.unique(places[late != phase[places]])


def settle(grid: Grid, registers: Sequence[Register], zone: tzinfo) -> Settled:
    """Return the daily use of all rows of which no step needs a decision.

    It is what `daily.of_course` says of each alone; `registers` are those of the rows.
    """
    rows, columns = grid.shown.shape
    end = grid.start + int(grid.phase.max()) + grid.interval_s * (columns - 1)
    first, borders = days_around(grid.start, end, zone)
    rates = np.array([np.inf if one.max_per_hour is None else float(one.max_per_hour) for one in registers])
    counts, covered, flags = np.zeros((3, rows, len(borders) - 1), dtype=np.int64)
    opened, closed = np.full(rows, len(borders)), np.full(rows, -1)
    unsure = np.isin(grid.rows, grid.strange)
    for here in _blocks(rows, columns):
        block = _Block(grid, here, borders, rates[here])
        unsure[here] |= block.unsure()
        known = np.flatnonzero((block.number >= 2) & ~unsure[here])
        place = known + here.start
        opened[place], closed[place] = block.span(known)
        counts[place], covered[place], flags[place] = block.days(known)
    used = slice(int(opened.min()), int(closed.max()) + 1) if closed.max() >= 0 else slice(0)
    sure = ~unsure
    return Settled(
        grid.rows[sure],
        first + timedelta(days=used.start or 0),
        counts[sure, used],
        covered[sure, used],
        flags[sure, used],
        np.flatnonzero(unsure & ~np.isin(grid.rows, grid.strange)),
    )


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    size = max(_BLOCK // columns, 1)
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


class _Block:
    """Some rows of a grid; their readings stand one after the other, row by row."""

    def __init__(self, grid: Grid, here: slice, borders: Moments, rates: np.ndarray) -> None:
        flat = grid.shown[here].reshape(-1)
        self._interval_s = grid.interval_s
        self._columns = grid.shown.shape[1]
        self._origin = grid.start + grid.phase[here]
        self._borders = borders
        self._rates = rates
        self._at = np.flatnonzero(flat >= 0)
        self._shown = flat[self._at]
        row_starts = np.arange(len(rates) + 1) * self._columns
        self._bounds = np.searchsorted(self._at, row_starts)
        self.number = np.diff(self._bounds)
        """How many readings each row has."""
        self._step, self._gone = np.diff(self._shown), np.diff(self._at)
        new_row = np.unique(self._bounds[1:-1]) - 1
        new_row = new_row[(new_row >= 0) & (new_row < len(self._step))]
        # From the last reading of a row to the first of the next there is no step.
        self._step[new_row], self._gone[new_row] = 0, 1

    def _row_of(self, places: Moments) -> Moments:
        return self._at[places] // self._columns

    def _moment(self, rows: Moments, places: Moments) -> Moments:
        """Return when the readings at these places were taken; they lie in these rows."""
        return self._origin[rows] + self._interval_s * (self._at[places] - rows * self._columns)

    def unsure(self) -> np.ndarray:
        """Say of each row whether one of its steps needs a decision."""
        same = len(self._rates) and (self._rates == self._rates[0]).all()
        rate = float(self._rates[0]) if same else np.repeat(self._rates, self.number)[1:]
        found = np.zeros(len(self._rates), dtype=bool)
        to_decide = np.flatnonzero(~fitting(self._step, self._gone * self._interval_s, rate))
        found[self._row_of(to_decide)] = True
        return found

    def span(self, rows: Moments) -> tuple[Moments, Moments]:
        """Return the first and the last day of rows that have readings."""
        starts = self._moment(rows, self._bounds[rows])
        ends = self._moment(rows, self._bounds[rows + 1] - 1)
        opened = np.searchsorted(self._borders, starts, side="right") - 1
        closed = np.searchsorted(self._borders, ends, side="left") - 1
        return opened, closed

    def days(self, rows: Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return use, covered seconds and flags by day of rows with two readings and more."""
        low, high = self._bounds[rows], self._bounds[rows + 1] - 1
        starts, ends = self._moment(rows, low), self._moment(rows, high)
        inner = np.clip(self._borders, starts[:, None], ends[:, None])
        column = -((self._origin[rows, None] - inner) // self._interval_s)  # rounded up
        right = np.searchsorted(self._at, rows[:, None] * self._columns + column)
        right = np.maximum(right, low[:, None] + 1)
        left = right - 1
        across = rows[:, None]
        before, after = self._moment(across, left), self._moment(across, right)
        step = self._shown[right] - self._shown[left]
        at_border = self._shown[left] + between(inner - before, after - before, step)
        flags = np.zeros((len(rows), len(self._borders) - 1), dtype=np.int64)
        split = (before < self._borders) & (self._borders < after) & (step > 0)
        flags[split[:, :-1] | split[:, 1:]] |= int(Flag.SPLIT)
        flags[self._gaps(flags.shape[1])[rows]] |= int(Flag.GAP)
        return np.diff(at_border, axis=1), np.diff(inner, axis=1), flags

    def _gaps(self, days: int) -> np.ndarray:
        """Return (r, d) bool: a reading is missing between two that lie around or in this day."""
        found = np.flatnonzero(self._gone > 1)
        rows = self._row_of(found)
        opened = np.searchsorted(self._borders, self._moment(rows, found), side="right") - 1
        closed = np.searchsorted(self._borders, self._moment(rows, found + 1), side="left") - 1
        depth = np.zeros((len(self._rates), days + 1), dtype=np.int64)
        np.add.at(depth, (rows, opened), 1)
        np.add.at(depth, (rows, closed + 1), -1)
        return np.cumsum(depth, axis=1)[:, :-1] > 0
