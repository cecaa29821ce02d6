"""Which points of which chart make the limits, and which are tested: stages, baseline, exclusions.

For one characteristic the arguments of `control_chart` are

    stages    one label per point; a new stage starts wherever the label changes
    baseline  how many first points (of each stage), or a flag per point, or the indices of the points
    excluded  {index: reason}: shown, but neither part of the limits nor tested, and no run goes through them

and for many a list with one such argument (or None) per characteristic; a single number of baseline points
holds for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality.spc.errors import SpcInputError
from quality.spc.inputs import IndexArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Selection:
    """For a block of k points and m characteristics, (k, m); None where nothing was said."""

    stage: NDArray[np.intp] | None = None
    baseline: Mask | None = None
    excluded: Mask | None = None

    @property
    def starts(self) -> Mask | None:
        """Points at which a new stage begins (the first point is none)."""
        if self.stage is None:
            return None
        starts: Mask = np.zeros(self.stage.shape, dtype=np.bool_)
        starts[1:] = self.stage[1:] != self.stage[:-1]
        return starts

    @property
    def used(self) -> Mask | None:
        """Points that make limits: in the baseline and not excluded."""
        if self.excluded is None:
            return self.baseline
        return ~self.excluded if self.baseline is None else self.baseline & ~self.excluded

    def used_by_stage(self) -> list[Mask | None]:
        """The same for each stage in turn; a single entry when there are no stages."""
        if self.stage is None:
            return [self.used]
        masks = [self.stage == code for code in range(int(self.stage.max(initial=0)) + 1)]
        return [mask if self.used is None else mask & self.used for mask in masks]


@dataclass(frozen=True, slots=True)
class Choices:
    """The three arguments, one entry per characteristic; None when an argument was not given at all."""

    stages: Sequence[Any] | None
    baseline: Sequence[Any] | None
    excluded: Sequence[Mapping[int, str] | None] | None

    @property
    def is_empty(self) -> bool:
        """Nothing was said about any point."""
        return self.stages is None and self.baseline is None and self.excluded is None

    def select(self, indices: IndexArray, points: int) -> Selection:
        """The selection of a block. Raises SpcInputError where an argument does not fit the points."""
        if self.is_empty:
            return Selection()
        stage = None
        if self.stages is not None:
            stage = np.stack([stage_codes(self.stages[i], points) for i in indices], axis=1)
        baseline = None
        if self.baseline is not None:
            codes = [None if stage is None else stage[:, c] for c in range(len(indices))]
            columns = [
                baseline_flags(self.baseline[i], points, code) for i, code in zip(indices, codes, strict=True)
            ]
            baseline = np.stack(columns, axis=1)
        excluded = None
        if self.excluded is not None:
            excluded = np.stack([excluded_flags(self.excluded[i], points) for i in indices], axis=1)
        return Selection(stage, baseline, excluded)


def choices(size: int, *, is_one: bool, stages: Any, baseline: Any, excluded: Any) -> Choices:
    """Spread the arguments over the characteristics. Raises SpcInputError for a list of wrong length."""
    if is_one:
        return Choices(
            None if stages is None else [stages],
            None if baseline is None else [baseline],
            None if excluded is None else [_reasons(excluded)],
        )
    if isinstance(baseline, int) and not isinstance(baseline, bool):
        baseline = [baseline] * size
    for argument, value in (("stages", stages), ("baseline", baseline), ("excluded", excluded)):
        if value is not None and (isinstance(value, Mapping | str) or len(value) != size):
            raise SpcInputError(argument, f"needs one entry (or None) for each of the {size} characteristics")
    return Choices(stages, baseline, None if excluded is None else [_reasons(item) for item in excluded])


def _reasons(excluded: Any) -> Mapping[int, str]:
    if excluded is None:
        return {}
    if not isinstance(excluded, Mapping):
        raise SpcInputError("excluded", "must map the index of each excluded point to the reason")
    for index, reason in excluded.items():
        if isinstance(index, bool) or not isinstance(index, int | np.integer):
            raise SpcInputError("excluded", f"{index!r} is not the index of a point")
        if not isinstance(reason, str) or not reason.strip():
            raise SpcInputError("excluded", f"point {index} is excluded without a reason")
    return excluded


def stage_codes(labels: Any, points: int) -> NDArray[np.intp]:
    """Number the stages 0, 1, … along the points."""
    if labels is None:
        return np.zeros(points, dtype=np.intp)
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise SpcInputError("stages", f"must be one label per point, not {labels!r}")
    labels = list(labels)
    if len(labels) != points:
        raise SpcInputError("stages", f"{len(labels)} labels for {points} points")
    changes = [0] + [int(new != old) for old, new in pairwise(labels)]
    return np.cumsum(np.asarray(changes[:points], dtype=np.intp))


def baseline_flags(baseline: Any, points: int, stage: NDArray[np.intp] | None) -> Mask:
    """Flags of the points that limits are computed from."""
    if baseline is None:
        return np.ones(points, dtype=np.bool_)
    if isinstance(baseline, int | np.integer) and not isinstance(baseline, bool):
        if baseline < 1:
            raise SpcInputError("baseline", f"needs at least one point, not {baseline}")
        position = np.arange(points)
        if stage is not None:
            position = position - np.searchsorted(stage, stage, side="left")
        return np.asarray(position < baseline)
    try:
        array = np.asarray(baseline)
    except ValueError as error:
        raise SpcInputError("baseline", "must be flags or indices of points") from error
    if array.dtype == np.bool_:
        if array.shape != (points,):
            raise SpcInputError("baseline", f"{array.size} flags for {points} points")
        return array
    flags: Mask = np.zeros(points, dtype=np.bool_)
    flags[_indices("baseline", array, points)] = True
    return flags


def excluded_flags(excluded: Mapping[int, str] | None, points: int) -> Mask:
    """Flags of the excluded points."""
    flags: Mask = np.zeros(points, dtype=np.bool_)
    if excluded:
        flags[_indices("excluded", np.asarray(list(excluded)), points)] = True
    return flags


def _indices(argument: str, array: NDArray[Any], points: int) -> NDArray[np.intp]:
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise SpcInputError(argument, "must be indices of points")
    if array.size and (array.min() < 0 or array.max() >= points):
        raise SpcInputError(argument, f"a point outside of 0 … {points - 1}")
    return array.astype(np.intp)
