"""One pass over the values: the columns from which every capability result follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc import estimators
from quality.spc.blocks import blocks
from quality.spc.cuts import Cut, Cuts
from quality.spc.errors import SpcInputError
from quality.spc.inputs import (
    FloatArray,
    IndexArray,
    per_characteristic,
    read,
)
from quality.spc.judgement import specification_limits
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


def moments(
    values: Any,
    *,
    lsl: Any,
    usl: Any,
    target: Any,
    lower_bound: Any,
    upper_bound: Any,
    subgroup_size: Any,
    estimator: str | Sequence[str],
    on_block: Callable[[Stats, Cut, OutOfSpec], None] | None = None,
) -> tuple[bool, Moments, Cuts]:
    """Read `values`; return (is it one characteristic, columns, cuts). `on_block` sees every block."""
    batch = read(values)
    columns = _empty(batch.size, lsl, usl, target, lower_bound, upper_bound)
    cuts = Cuts(subgroup_size, estimator, batch.size)
    for group, cut in cuts.groups(batch):
        decided = within_estimator(cut.estimator, cut.size)
        for block in blocks(group, cut.size):
            stats = Stats(block)
            out = _fill(columns, stats, decided)
            if on_block is not None:
                on_block(stats, cut, out)
    return batch.is_one, columns, cuts


def _empty(m: int, lsl: Any, usl: Any, target: Any, lower_bound: Any, upper_bound: Any) -> Moments:
    limits = specification_limits(lsl, usl, m)
    nothing = np.full(m, np.nan)
    return Moments(
        n=np.zeros(m, dtype=np.int64),
        mean=nothing,
        minimum=nothing.copy(),
        maximum=nothing.copy(),
        sd_overall=nothing.copy(),
        sd_within=nothing.copy(),
        below=np.zeros(m, dtype=np.int64),
        above=np.zeros(m, dtype=np.int64),
        df_within=np.zeros(m),
        lsl=limits.lsl,
        usl=limits.usl,
        lower=np.where(flags("lower_bound", lower_bound, m), np.nan, limits.lsl),
        upper=np.where(flags("upper_bound", upper_bound, m), np.nan, limits.usl),
        target=per_characteristic("target", target, m),
        estimator=np.full(m, "", dtype="U16"),
    )


def _fill(columns: Moments, stats: Stats, estimator: str) -> OutOfSpec:
    at = stats.block.indices
    spread = estimators.within(stats, estimator)
    columns.n[at] = stats.counts
    columns.mean[at], columns.minimum[at], columns.maximum[at] = stats.mean, stats.minimum, stats.maximum
    columns.sd_overall[at] = stats.sd
    columns.sd_within[at], columns.df_within[at] = spread
    columns.estimator[at] = estimator
    above, below = (
        _outside(stats, limits[at], sign) for limits, sign in ((columns.usl, 1), (columns.lsl, -1))
    )
    columns.above[at] = np.bincount(above.column, minlength=len(at))
    columns.below[at] = np.bincount(below.column, minlength=len(at))
    return OutOfSpec(
        at[np.concatenate([above.column, below.column])], np.concatenate([above.position, below.position])
    )


class OutOfSpec(NamedTuple):
    """Values outside of their limits: characteristic (or column of a block) and position, in no order."""

    column: IndexArray
    position: IndexArray


def _outside(stats: Stats, limits: FloatArray, sign: int) -> OutOfSpec:
    """Values beyond a limit; only characteristics whose extreme value is beyond it are searched."""
    block = stats.block
    extreme = stats.maximum if sign > 0 else stats.minimum
    with np.errstate(invalid="ignore"):
        suspects = np.flatnonzero(exceeds(extreme, limits, sign=sign))
    values = block.x[:, :, suspects]
    found = exceeds(values, limits[suspects], sign=sign)
    if block.present is not None:
        found &= block.present[:, :, suspects] if block.present.shape[2] > 1 else block.present
    place, subgroup, column = np.nonzero(found)
    return OutOfSpec(suspects[column], subgroup * block.subgroup_size + place)
