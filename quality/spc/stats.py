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

    Everything is computed from deviations `d` to a first mean, so that ten digits in front of the varying
    ones (NIST NumAcc data) cost nothing. A subgroup or series of equal values has a spread of exactly zero.
    """

    def __init__(self, block: Block) -> None:
        self.block = block

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Number of values, (m,)."""
        return np.broadcast_to(total(self.block.sizes), (self.block.width,))

    @cached_property
    def _pivot(self) -> FloatArray:
        sums: FloatArray = total(total(self.block.x))
        return sums / np.maximum(self.counts, 1)

    @cached_property
    def d(self) -> FloatArray:
        """Deviations from the first mean, (n, k, m), zero where missing."""
        d = self.block.x - self._pivot
        return d if self.block.present is None else np.where(self.block.present, d, 0.0)

    @cached_property
    def _sums(self) -> FloatArray:
        return total(self.d)

    @cached_property
    def offsets(self) -> FloatArray:
        """Subgroup means minus the first mean, (k, m); NaN where a subgroup has no value."""
        return self._sums / _or_nan(self.block.sizes)

    @cached_property
    def means(self) -> FloatArray:
        """Subgroup means, (k, m)."""
        return self._pivot + self.offsets

    @cached_property
    def highest(self) -> FloatArray:
        """Largest value of each subgroup, (k, m); -inf for an empty one."""
        return np.asarray(np.maximum.reduce(self._filled(-np.inf), axis=0))

    @cached_property
    def lowest(self) -> FloatArray:
        """Smallest value of each subgroup, (k, m); inf for an empty one."""
        return np.asarray(np.minimum.reduce(self._filled(np.inf), axis=0))

    def _filled(self, stand_in: float) -> FloatArray:
        present = self.block.present
        return self.block.x if present is None else np.where(present, self.block.x, stand_in)

    @cached_property
    def ranges(self) -> FloatArray:
        """Subgroup ranges, (k, m); NaN below two values."""
        spread = self.highest - self.lowest
        return spread if self.block.present is None and self.block.subgroup_size > 1 else self._if_two(spread)

    def _if_two(self, values: FloatArray) -> FloatArray:
        return np.where(self.block.sizes >= 2, values, np.nan)

    @cached_property
    def squares(self) -> FloatArray:
        """Sums of squared deviations from the subgroup's own mean, (k, m); zero below two values."""
        e = self.d - self._sums / np.maximum(self.block.sizes, 1)
        if self.block.present is not None:
            e = np.where(self.block.present, e, 0.0)
        e *= e
        return np.where(self.highest > self.lowest, total(e), 0.0)

    @cached_property
    def deviations(self) -> FloatArray:
        """Subgroup standard deviations (n - 1), (k, m); NaN below two values."""
        return np.sqrt(self.squares / _or_nan(self.block.sizes - 1))

    @cached_property
    def medians(self) -> FloatArray:
        """Subgroup medians, (k, m); NaN for an empty one."""
        return middle(self._filled(np.nan))

    @cached_property
    def mean(self) -> FloatArray:
        """Mean of all values, (m,); NaN without values."""
        return self._pivot + total(self._sums) / _or_nan(self.counts)

    @cached_property
    def minimum(self) -> FloatArray:
        """Smallest value, (m,); NaN without values."""
        return np.where(self.counts > 0, np.minimum.reduce(self.lowest, axis=0, initial=np.inf), np.nan)

    @cached_property
    def maximum(self) -> FloatArray:
        """Largest value, (m,); NaN without values."""
        return np.where(self.counts > 0, np.maximum.reduce(self.highest, axis=0, initial=-np.inf), np.nan)

    @cached_property
    def sd(self) -> FloatArray:
        """Standard deviation (n - 1) of all values, (m,); NaN below two values, 0 when all are equal."""
        correction = total(self._sums)
        squares = total(total(self.d * self.d)) - correction * correction / np.maximum(self.counts, 1)
        variance = np.maximum(squares, 0.0) / _or_nan(self.counts - 1)
        return np.where(
            self.minimum == self.maximum, np.where(self.counts > 1, 0.0, np.nan), np.sqrt(variance)
        )


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
