"""The working layout: many characteristics of one shape, side by side, and the sums over it.

A `Block` holds x[i, j, c]: value i of subgroup j of characteristic c. The characteristics are the last,
contiguous axis, so that every step is one vector operation over all of them, whatever the subgroup size.
A chart of single values has n = 1.

One and many give the same bits: every operation works element by element along the characteristics, and sums
over values are taken by `total`, a fixed tree of additions that zeros at the end do not change. (numpy's own
`sum` changes its order with the shape of the array, a single characteristic would differ from the same one in
a batch in the last digit.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from quality.spc.inputs import FloatArray, Group, IndexArray

CHUNK_VALUES = 640 * 1024
"""Values worked on at once: enough that numpy's cost per call vanishes, few enough for the memory."""
TILE = 256
"""Characteristics that are turned at once from rows to columns."""

# glibc returns every freed array above a threshold to the system, and the next array then pays a page fault
# for each 4 KiB: a third of the whole time. Freeing one large array, never touched and so free of cost,
# raises the threshold above the size of a chunk's arrays.
np.empty(4 * CHUNK_VALUES)

Number = TypeVar("Number", np.float64, np.int64)


def total(x: NDArray[Number]) -> NDArray[Number]:
    """Sum over the first axis by pairs of neighbours, then pairs of pairs: as accurate as pairwise summation.

    The last axis may have any length, and rows of zeros at the end may follow: the bits stay the same.
    """
    if len(x) == 0:
        return np.zeros(x.shape[1:], dtype=x.dtype)
    while len(x) > 1:
        even = len(x) - len(x) % 2
        if even == len(x):
            x = x[0::2] + x[1::2]
            continue
        folded = np.empty((even // 2 + 1, *x.shape[1:]), dtype=x.dtype)
        np.add(x[0:even:2], x[1:even:2], out=folded[:-1])
        folded[-1] = x[-1]
        x = folded
    first: NDArray[Number] = x[0]
    return first


@dataclass(frozen=True, slots=True)
class Block:
    """`x` is (n, k, m) with zeros for missing values; `present` is None when nothing is missing.

    `highest` and `lowest` are those of each subgroup, (k, m); -inf and inf for an empty one. `points` (m,) is
    the number of subgroups of each characteristic where that is not k for all.

    `present` and `sizes` have a last axis of 1 where all characteristics miss the same (a short last
    subgroup).
    """

    indices: IndexArray
    x: FloatArray
    present: NDArray[np.bool_] | None
    sizes: NDArray[np.int64]
    highest: FloatArray
    lowest: FloatArray
    points: NDArray[np.int64] | None = None

    @property
    def subgroup_size(self) -> int:
        """The size a subgroup is meant to have."""
        return int(self.x.shape[0])

    @property
    def width(self) -> int:
        """How many characteristics are in the block."""
        return int(self.x.shape[2])


def merged(groups: Sequence[Group]) -> Iterator[Group]:
    """Fill up short series to the length of longer ones, so that ragged input makes few blocks.

    Only groups too small for a block of their own are merged, and none is filled up to more than twice its
    length. The groups must be alike in everything but the length.
    """
    waiting: list[Group] = []
    by_length = sorted(groups, key=lambda group: group.data.shape[1], reverse=True)
    for group in by_length:
        if waiting:
            longest = waiting[0].data
            room = CHUNK_VALUES // max(1, int(np.prod(longest.shape[1:])))
            members = sum(map(len, (one.indices for one in waiting)))
            if members + len(group.indices) > room or 2 * group.data.shape[1] < longest.shape[1]:
                yield _filled_up(waiting)
                waiting = []
        waiting.append(group)
    if waiting:
        yield _filled_up(waiting)


def _filled_up(groups: Sequence[Group]) -> Group:
    if len(groups) == 1:
        return groups[0]
    members = [len(group.indices) for group in groups]
    data = np.full((sum(members), *groups[0].data.shape[1:]), np.nan)
    start = 0
    for group, count in zip(groups, members, strict=True):
        data[start : start + count, : group.data.shape[1]] = group.data
        start += count
    lengths = np.repeat([group.data.shape[1] for group in groups], members)
    return Group(np.concatenate([group.indices for group in groups]), data, lengths)


def blocks(group: Group, subgroup_size: int) -> Iterator[Block]:
    """Cut a group into blocks of at most about CHUNK_VALUES values.

    Flat data are cut into subgroups in order; what is left over is a last, smaller subgroup. Data that are in
    subgroups already keep them.
    """
    values_each = max(1, int(np.prod(group.data.shape[1:])))
    step = max(1, CHUNK_VALUES // values_each)
    for start in range(0, len(group.data), step):
        part = slice(start, start + step)
        block = _block(group.indices[part], group.data[part], subgroup_size)
        if group.lengths is None:
            yield block
        else:
            points = group.lengths[part]
            yield replace(block, points=points if group.data.ndim == 3 else -(-points // subgroup_size))


def _block(indices: IndexArray, data: FloatArray, subgroup_size: int) -> Block:
    if data.ndim == 3:
        x = np.ascontiguousarray(data.transpose(2, 1, 0))
        return _with_missing(indices, x, None)
    width, length = data.shape
    full, left_over = divmod(length, subgroup_size)
    x = np.empty((subgroup_size, full + (left_over > 0), width))
    cut = data[:, : full * subgroup_size].reshape(width, full, subgroup_size)
    for start in range(0, width, TILE):  # few characteristics at a time: what is read stays in the cache
        part = slice(start, start + TILE)
        x[:, :full, part] = cut[part].transpose(2, 1, 0)
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
