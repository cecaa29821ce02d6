"""One pass over the values: the columns from which every capability result follows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality.spc import estimators
from quality.spc.blocks import Block, blocks
from quality.spc.errors import SpcInputError
from quality.spc.inputs import Batch, FloatArray, Group, per_characteristic, read, whole_numbers
from quality.spc.judgement import SpecificationLimits, specification_limits
from quality.spc.numbers import exceeds
from quality.spc.plans import within_estimator
from quality.spc.stats import Stats

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Columns (m,). `lower` and `upper` are the limits that indices look at: NaN for none and for a bound.

    `below` and `above` count values outside of lsl and usl; `target` is NaN for none.
    """

    n: Counts
    mean: FloatArray
    minimum: FloatArray
    maximum: FloatArray
    sd_overall: FloatArray
    sd_within: FloatArray
    df_within: FloatArray
    below: Counts
    above: Counts
    lsl: FloatArray
    usl: FloatArray
    lower: FloatArray
    upper: FloatArray
    target: FloatArray
    estimator: NDArray[np.str_]

    def at(self, index: int) -> Moments:
        """The columns of one characteristic."""
        return Moments(**{item.name: getattr(self, item.name)[index : index + 1] for item in fields(self)})


def flags(argument: str, value: Any, size: int) -> NDArray[np.bool_]:
    """A truth value or one per characteristic."""
    array = np.asarray(value)
    if array.dtype != np.bool_ or array.shape not in ((), (size,)):
        raise SpcInputError(argument, f"must be True or False, or {size} of them, not {value!r}")
    return np.broadcast_to(array, (size,))


def sized_groups(batch: Batch, subgroup_size: Any) -> Iterator[tuple[Group, int]]:
    """The groups of a batch with their subgroup size, split where that differs within one shape."""
    sizes = whole_numbers("subgroup_size", subgroup_size, batch.size)
    for group in batch.groups:
        if group.data.ndim == 3:
            yield group, max(group.data.shape[2], 1)
            continue
        own = sizes[group.indices]
        for size in np.unique(own):
            chosen = own == size
            if chosen.all():
                yield group, int(size)
            else:
                yield Group(group.indices[chosen], group.data[chosen]), int(size)


def moments(
    values: Any,
    *,
    lsl: Any,
    usl: Any,
    target: Any,
    lower_bound: Any,
    upper_bound: Any,
    subgroup_size: Any,
    estimator: str,
    on_block: Callable[[Stats, SpecificationLimits], None] | None = None,
) -> tuple[bool, Moments]:
    """Read `values`, return (is it one characteristic, columns). `on_block` sees every block."""
    batch = read(values)
    m = batch.size
    limits = specification_limits(lsl, usl, m)
    none: Callable[[], FloatArray] = lambda: np.full(m, np.nan)  # noqa: E731
    columns = Moments(
        n=np.zeros(m, dtype=np.int64),
        mean=none(),
        minimum=none(),
        maximum=none(),
        sd_overall=none(),
        sd_within=none(),
        df_within=np.zeros(m),
        below=np.zeros(m, dtype=np.int64),
        above=np.zeros(m, dtype=np.int64),
        lsl=limits.lsl,
        usl=limits.usl,
        lower=np.where(flags("lower_bound", lower_bound, m), np.nan, limits.lsl),
        upper=np.where(flags("upper_bound", upper_bound, m), np.nan, limits.usl),
        target=per_characteristic("target", target, m),
        estimator=np.full(m, "", dtype="U16"),
    )
    for group, size in sized_groups(batch, subgroup_size):
        decided = within_estimator(estimator, size)
        for block in blocks(group, size):
            stats = Stats(block)
            _fill(columns, stats, decided)
            if on_block is not None:
                on_block(stats, limits)
    return batch.is_one, columns


def _fill(columns: Moments, stats: Stats, estimator: str) -> None:
    at = stats.block.indices
    spread = estimators.within(stats, estimator)
    columns.n[at] = stats.counts
    columns.mean[at], columns.minimum[at], columns.maximum[at] = stats.mean, stats.minimum, stats.maximum
    columns.sd_overall[at] = stats.sd
    columns.sd_within[at], columns.df_within[at] = spread
    columns.estimator[at] = estimator
    above = outside(stats.block, columns.usl[at], sign=1)
    below = outside(stats.block, columns.lsl[at], sign=-1)
    columns.above[at] = np.count_nonzero(above, axis=(0, 1))
    columns.below[at] = np.count_nonzero(below, axis=(0, 1))


def outside(block: Block, limits: FloatArray, *, sign: int) -> NDArray[np.bool_]:
    """Flags (n, k, m) of the values beyond a limit; a missing value is not."""
    found: NDArray[np.bool_] = exceeds(block.x, limits, sign=sign)
    return found if block.present is None else found & block.present
