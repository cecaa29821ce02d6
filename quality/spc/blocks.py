"""The working layout: many characteristics of one shape, side by side, and the sums over it.

A `Block` holds x[i, j, c]: value i of subgroup j of characteristic c. The characteristics are the last,
contiguous axis, so that every step is one vector operation over all of them, whatever the subgroup size.
A chart of single values has n = 1.

One and many give the same bits: every operation works element by element along the characteristics, and sums
over values are taken by `total`, a fixed tree of additions. (numpy's own `sum` changes its order with the
shape of the array, a single characteristic would differ from the same one in a batch in the last digit.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quality.spc.inputs import FloatArray, Group, IndexArray

CHUNK_VALUES = 256 * 1024
"""Values worked on at once: enough that numpy's cost per call vanishes, few enough for cache and memory."""

# glibc returns every freed array above a threshold to the system, and the next array then pays a page fault
# for each 4 KiB: a third of the whole time. Freeing one large array, never touched and so free of cost,
# raises the threshold above the size of a chunk's arrays.
np.empty(4 * CHUNK_VALUES)

Number = TypeVar("Number", np.float64, np.int64)


def total(x: NDArray[Number]) -> NDArray[Number]:
    """Sum over the first axis by halving: as accurate as pairwise summation, the same for any last axis."""
    if len(x) == 0:
        return np.zeros(x.shape[1:], dtype=x.dtype)
    while len(x) > 1:
        half = len(x) // 2
        folded = x[:half] + x[half : 2 * half]
        if len(x) % 2:
            folded[0] += x[-1]
        x = folded
    first: NDArray[Number] = x[0]
    return first


@dataclass(frozen=True, slots=True)
class Block:
    """`x` is (n, k, m) with zeros for missing values; `present` is None when nothing is missing.

    `highest` and `lowest` are those of each subgroup, (k, m); -inf and inf for an empty one.

    `present` and `sizes` have a last axis of 1 where all characteristics miss the same (a short last
    subgroup).
    """

    indices: IndexArray
    x: FloatArray
    present: NDArray[np.bool_] | None
    sizes: NDArray[np.int64]
    highest: FloatArray
    lowest: FloatArray

    @property
    def subgroup_size(self) -> int:
        """The size a subgroup is meant to have."""
        return int(self.x.shape[0])

    @property
    def width(self) -> int:
        """How many characteristics are in the block."""
        return int(self.x.shape[2])


def blocks(group: Group, subgroup_size: int) -> Iterator[Block]:
    """Cut a group into blocks of at most about CHUNK_VALUES values.

    Flat data are cut into subgroups in order; what is left over is a last, smaller subgroup. Data that are in
    subgroups already keep them.
    """
    values_each = max(1, int(np.prod(group.data.shape[1:])))
    step = max(1, CHUNK_VALUES // values_each)
    for start in range(0, len(group.data), step):
        yield _block(group.indices[start : start + step], group.data[start : start + step], subgroup_size)


def _block(indices: IndexArray, data: FloatArray, subgroup_size: int) -> Block:
    if data.ndim == 3:
        x = np.ascontiguousarray(data.transpose(2, 1, 0))
        return _with_missing(indices, x, None)
    width, length = data.shape
    full, left_over = divmod(length, subgroup_size)
    x = np.empty((subgroup_size, full + (left_over > 0), width))
    cut = data[:, : full * subgroup_size].reshape(width, full, subgroup_size)
    x[:, :full] = cut.transpose(2, 1, 0)
    if not left_over:
        return _with_missing(indices, x, None)
    x[:left_over, full] = data[:, full * subgroup_size :].T
    x[left_over:, full] = 0.0
    padding = np.ones((*x.shape[:2], 1), dtype=np.bool_)
    padding[left_over:, full] = False
    return _with_missing(indices, x, padding)


def _with_missing(indices: IndexArray, x: FloatArray, padding: NDArray[np.bool_] | None) -> Block:
    size, count, _ = x.shape
    sizes = np.full((count, 1), size, dtype=np.int64)
    if size == 0:
        empty = np.full(x.shape[1:], np.inf)
        return Block(indices, x, None, sizes, -empty, empty)
    highest = x[0] if size == 1 else np.maximum.reduce(x, axis=0)  # carries a NaN on
    if padding is None and not np.isnan(highest).any():
        return Block(indices, x, None, sizes, highest, x[0] if size == 1 else np.minimum.reduce(x, axis=0))
    missing = np.isnan(x)
    present = ~missing if padding is None else padding & ~missing if missing.any() else padding
    x = np.where(present, x, 0.0)
    highest = np.maximum.reduce(np.where(present, x, -np.inf), axis=0)
    lowest = np.minimum.reduce(np.where(present, x, np.inf), axis=0)
    return Block(indices, x, present, total(present.astype(np.int64)), highest, lowest)
