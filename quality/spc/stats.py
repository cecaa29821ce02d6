"""What charts and indices are made of: means, ranges and deviations of subgroups and of all values."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality.spc.blocks import Block, total
from quality.spc.inputs import FloatArray


class Stats:
    """Statistics of a block, each computed when first asked for. Arrays end with the axis of characteristics.

    Everything is computed from deviations from a value nearby, so that ten digits in front of the varying
    ones (NIST NumAcc data) cost nothing. What belongs to a subgroup depends on its own values alone. Equal
    values have exactly their value as mean and no spread at all.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self.spreads: dict[str, Any] = {}
        """Estimates of sigma from all subgroups, by estimator: the indices and the chart ask for the same."""

    @cached_property
    def _weights(self) -> FloatArray:
        """Sizes of the subgroups as floats: mixed types cost a conversion in every operation."""
        return self.block.sizes.astype(np.float64)

    @cached_property
    def _divisors(self) -> FloatArray:
        return np.maximum(self._weights, 1.0)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of values, (m,)."""
        return np.broadcast_to(total(self.block.sizes), (self.block.width,))

    @cached_property
    def _extremes(self) -> tuple[FloatArray, FloatArray]:
        high = np.maximum.reduce(self.block.highest, axis=0, initial=-np.inf)
        low = np.minimum.reduce(self.block.lowest, axis=0, initial=np.inf)
        is_empty = self.counts == 0
        return np.where(is_empty, np.nan, low), np.where(is_empty, np.nan, high)

    @cached_property
    def _pivot(self) -> FloatArray:
        low, high = self._extremes
        return np.where(self.counts > 0, low * 0.5 + high * 0.5, 0.0)

    def deviations_at(self, place: int) -> FloatArray:
        """Deviations of value `place` of every subgroup from its lowest, (k, m); 0 where missing."""
        block = self.block
        d: FloatArray = block.x[place] - self._lowest
        return d if block.present is None else np.where(block.present[place], d, 0.0)

    @cached_property
    def _lowest(self) -> FloatArray:
        """Lowest value of each subgroup, 0 for an empty one."""
        lowest = self.block.lowest
        return lowest if self.block.present is None else np.where(self.block.sizes > 0, lowest, 0.0)

    @cached_property
    def _sums(self) -> tuple[FloatArray, FloatArray]:
        """Sums over the subgroup of deviations from its lowest value and of their squares, (k, m)."""
        if self.block.subgroup_size < 2:
            shape = self.block.x.shape[1:]
            return np.zeros(shape), np.zeros(shape)
        sums = self.deviations_at(0)
        squares = sums * sums
        for place in range(1, self.block.subgroup_size):
            d = self.deviations_at(place)
            sums += d
            d *= d
            squares += d
        return sums, squares

    @cached_property
    def _offsets(self) -> FloatArray:
        """Subgroup means minus the middle of the range, (k, m); anything for an empty subgroup."""
        offsets = self._lowest - self._pivot
        if self.block.subgroup_size > 1:
            offsets += self._sums[0] / self._divisors
        return offsets

    @cached_property
    def means(self) -> FloatArray:
        """Subgroup means, (k, m); NaN for an empty one."""
        block = self.block
        means = block.lowest
        if block.subgroup_size > 1:
            means = means + self._sums[0] / self._divisors
        return means if block.present is None else np.where(block.sizes > 0, means, np.nan)

    @cached_property
    def ranges(self) -> FloatArray:
        """Subgroup ranges, (k, m); NaN below two values."""
        spread = self.block.highest - self.block.lowest
        if self.block.present is None and self.block.subgroup_size > 1:
            return spread
        return np.where(self.block.sizes >= 2, spread, np.nan)

    @cached_property
    def squares(self) -> FloatArray:
        """Sums of squared deviations from the subgroup's own mean, (k, m); zero below two values."""
        sums, squares = self._sums
        return np.maximum(squares - sums * sums / self._divisors, 0.0)

    @cached_property
    def deviations(self) -> FloatArray:
        """Subgroup standard deviations (n - 1), (k, m); NaN below two values."""
        return np.sqrt(self.squares / _or_nan(self._weights - 1.0))

    @cached_property
    def medians(self) -> FloatArray:
        """Subgroup medians, (k, m); NaN for an empty one."""
        present = self.block.present
        return middle(self.block.x if present is None else np.where(present, self.block.x, np.nan))

    @cached_property
    def mean(self) -> FloatArray:
        """Mean of all values, (m,); NaN without values."""
        mean = self._pivot + self._offset
        return np.where(self.minimum == self.maximum, self.minimum, mean)

    @cached_property
    def _offset(self) -> FloatArray:
        """Mean of all values minus the middle of the range, (m,)."""
        return total(self._offsets * self._weights) / _or_nan(self.counts)

    @cached_property
    def minimum(self) -> FloatArray:
        """Smallest value, (m,); NaN without values."""
        return self._extremes[0]

    @cached_property
    def maximum(self) -> FloatArray:
        """Largest value, (m,); NaN without values."""
        return self._extremes[1]

    @cached_property
    def sd(self) -> FloatArray:
        """Standard deviation (n - 1) of all values, (m,); NaN below two values, 0 when all are equal."""
        between = self._offsets - self._offset
        between *= between
        squares = total(between * self._weights)
        if self.block.subgroup_size > 1:
            squares = squares + total(self.squares)
        deviation = np.sqrt(squares / _or_nan(self.counts - 1))
        return np.where(self.minimum == self.maximum, np.where(self.counts > 1, 0.0, np.nan), deviation)


def _or_nan(counts: NDArray[Any]) -> FloatArray:
    """Counts as divisors: NaN instead of zero and below."""
    return np.where(counts > 0, counts, np.nan)


def middle(x: FloatArray) -> FloatArray:
    """Median over the first axis, leaving out NaN; NaN where nothing is left. Sorting puts NaN last."""
    if len(x) == 0:
        return np.full(x.shape[1:], np.nan)
    ordered = np.sort(x, axis=0)
    counts = total((~np.isnan(x)).astype(np.int64))
    low = np.take_along_axis(ordered, np.maximum(counts - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, counts[None] // 2, axis=0)[0]
    return np.where(counts > 0, low + (high - low) / 2.0, np.nan)
