"""Named warnings about data whose limits and indices would be computed correctly and mean little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from quality.spc import constants, estimators
from quality.spc.blocks import Block, blocks, total
from quality.spc.cuts import Cuts
from quality.spc.inputs import FloatArray, per_characteristic, read
from quality.spc.plans import within_estimator
from quality.spc.stats import Stats

LEAST_VALUES = 25
LEAST_DISTINCT = 5
MIXTURE_P = 0.001
_MOST_DECIMALS = 9


class WarningCode(StrEnum):
    """What is the matter; stored and translated by its value."""

    TOO_FEW_VALUES = "too_few_values"
    CONSTANT = "constant"
    FEW_DISTINCT_VALUES = "few_distinct_values"
    RESOLUTION_CHATTER = "resolution_chatter"
    MIXTURE_OF_POSITIONS = "mixture_of_positions"


@dataclass(frozen=True, slots=True)
class QualityWarning:
    """A warning with the numbers behind it, for the sentence that a page makes of it.

    too_few_values        n, least
    constant              value
    few_distinct_values   distinct, least
    resolution_chatter    step of the gauge, ucl of the ranges, possible values of a range within it, least
    mixture_of_positions  f and p of the difference between the positions (cavities) of a subgroup
    """

    code: WarningCode
    numbers: Mapping[str, float]


def quality_warnings(
    values: Any, *, subgroup_size: Any = 1, resolution: Any = None, least_values: int = LEAST_VALUES
) -> Any:
    """Warnings about one characteristic (→ tuple) or many (→ list of tuples).

    resolution: the step of the gauge; without it the largest step that all values are multiples apart of. A
    mixture needs subgroups whose positions mean something, such as the cavities of one shot: then the spread
    within subgroups is the difference of cavities, and limits of the means are too wide. Raises
    SpcInputError.

    Sources: Wheeler, EMP (inadequate measurement units: fewer than five possible ranges within their limits,
    four for ranges of two); positions by two-way analysis of variance without interaction.
    """
    batch = read(values)
    steps = per_characteristic("resolution", resolution, batch.size)
    found: list[tuple[QualityWarning, ...]] = [()] * batch.size
    for group, cut in Cuts(subgroup_size, "auto", batch.size).groups(batch):
        for block in blocks(group, cut.size):
            examined = _Examined(Stats(block), steps[block.indices])
            for column, index in enumerate(block.indices.tolist()):
                found[index] = tuple(examined.warnings(column, least_values))
    return found[0] if batch.is_one else found


class _Examined:
    """The numbers of all characteristics of a block, (m,) each."""

    def __init__(self, stats: Stats, given_steps: FloatArray) -> None:
        block = stats.block
        self.counts, self.lowest, self.highest = stats.counts, stats.minimum, stats.maximum
        values = np.sort(_flat(block), axis=0)
        self.distinct = np.count_nonzero(values[1:] > values[:-1], axis=0) + (self.counts > 0)
        self.step = np.where(np.isnan(given_steps), common_step(values), given_steps)
        self.range_size = max(2, block.subgroup_size)
        is_range = block.subgroup_size <= constants.MAX_N
        sigma = estimators.within(stats, within_estimator("auto", block.subgroup_size)).sigma
        self.ucl = (
            sigma * constants.constant("D2", self.range_size) if is_range else np.full(block.width, np.nan)
        )
        self.f, self.p = position_effect(stats)

    def warnings(self, column: int, least_values: int) -> list[QualityWarning]:
        """The warnings of one characteristic."""
        result = []

        def warn(code: WarningCode, **numbers: float) -> None:
            known = {name: float(number) for name, number in numbers.items() if np.isfinite(number)}
            result.append(QualityWarning(code, known))

        count = int(self.counts[column])
        if count < least_values:
            warn(WarningCode.TOO_FEW_VALUES, n=count, least=least_values)
        if count > 1 and self.distinct[column] == 1:
            warn(WarningCode.CONSTANT, value=self.lowest[column])
        elif count >= LEAST_DISTINCT and self.distinct[column] < LEAST_DISTINCT:
            warn(WarningCode.FEW_DISTINCT_VALUES, distinct=self.distinct[column], least=LEAST_DISTINCT)
        step, ucl = self.step[column], self.ucl[column]
        if count >= LEAST_DISTINCT and step > 0 and ucl > 0:
            possible = int(ucl / step * (1.0 + 1e-9)) + 1
            least = LEAST_DISTINCT if self.range_size > 2 else LEAST_DISTINCT - 1
            if possible < least:
                warn(WarningCode.RESOLUTION_CHATTER, step=step, ucl=ucl, possible=possible, least=least)
        if self.p[column] < MIXTURE_P:
            warn(WarningCode.MIXTURE_OF_POSITIONS, f=self.f[column], p=self.p[column])
        return result


def _flat(block: Block) -> FloatArray:
    values = block.x if block.present is None else np.where(block.present, block.x, np.nan)
    return values.reshape(-1, block.width)


def common_step(values: FloatArray) -> FloatArray:
    """The largest step of which all differences are multiples, (m,); NaN when all are equal or not decimal.

    `values` is (N, m) with NaN for missing. Read as decimals of at most nine places, the differences are
    whole numbers and the step is their greatest common divisor.
    """
    with np.errstate(invalid="ignore"):
        lowest = np.fmin.reduce(values, axis=0, initial=np.inf)
        differences = np.where(np.isnan(values), 0.0, values - lowest)
    result = np.full(values.shape[1:], np.nan)
    open_columns = np.flatnonzero(np.isfinite(lowest) & (differences.max(axis=0, initial=0.0) > 0))
    tolerance = 1e-12 * np.maximum(1.0, np.abs(np.where(np.isfinite(lowest), lowest, 0.0)))
    for places in range(_MOST_DECIMALS + 1):
        scaled = differences[:, open_columns] * 10.0**places
        whole = np.rint(scaled)
        is_whole = (np.abs(scaled - whole) <= tolerance[open_columns] * 10.0**places).all(axis=0)
        is_whole &= (whole < 2.0**53).all(axis=0)
        done = open_columns[is_whole]
        steps = np.gcd.reduce(whole[:, is_whole].astype(np.int64), axis=0)
        result[done] = steps / 10.0**places
        open_columns = open_columns[~is_whole]
        if not open_columns.size:
            break
    return result


def position_effect(stats: Stats) -> tuple[FloatArray, NDArray[np.float64]]:
    """F and p of the difference between positions within subgroups, over complete subgroups, (m,) each.

    NaN below two positions or three subgroups; an effect without any residual has F infinite shown as NaN, p
    0.
    """
    block = stats.block
    n = block.subgroup_size
    nothing = np.full(block.width, np.nan)
    if n < 2:
        return nothing, nothing
    complete = np.broadcast_to(block.sizes == n, (block.x.shape[1], block.width))
    k = total(complete.astype(np.float64))
    deviations = np.where(complete, block.x - stats.means, 0.0)  # (n, k, m)
    enough = k >= 3
    safe_k = np.where(enough, k, np.nan)
    columns = total(deviations.transpose(1, 0, 2)) / safe_k
    between = safe_k * total(columns * columns)
    residual = total(total(np.where(complete, (deviations - columns[:, None]) ** 2, 0.0)))
    with np.errstate(invalid="ignore", divide="ignore"):
        f = (between / (n - 1)) / (residual / ((safe_k - 1) * (n - 1)))
        p = special.fdtrc(n - 1.0, (safe_k - 1) * (n - 1), f)
        exact = (residual <= 1e-24 * between) & (between > 0)
    return np.where(exact, np.nan, f), np.where(exact, 0.0, p)
