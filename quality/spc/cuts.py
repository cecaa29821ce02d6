"""How each characteristic is cut into subgroups, and which of them are worked on together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from quality.spc.blocks import merged
from quality.spc.inputs import Batch, Group, one_per, whole_numbers


class Cut(NamedTuple):
    """How a characteristic is cut into subgroups and its spread estimated."""

    size: int
    estimator: str


class Cuts:
    """The cuts of all characteristics: usually one for all, else one each."""

    def __init__(self, subgroup_size: Any, estimator: str | Sequence[str], size: int) -> None:
        self.sizes = whole_numbers("subgroup_size", subgroup_size, size)
        self.estimators = one_per("estimator", estimator, size, lambda item: isinstance(item, str))
        self._is_one = np.ndim(subgroup_size) == 0 and isinstance(estimator, str)

    def __getitem__(self, index: int) -> Cut:
        return Cut(int(self.sizes[index]), self.estimators[index])

    def groups(self, batch: Batch, *, merge: bool = True) -> Iterator[tuple[Group, Cut]]:
        """The groups of a batch, divided where their cuts differ and merged where only their lengths do."""
        alike: dict[tuple[Cut, int], list[Group]] = {}
        for group in batch.groups:
            places = self._places(group)
            for cut, chosen in places.items():
                part = group if len(places) == 1 else Group(group.indices[chosen], group.data[chosen])
                alike.setdefault((cut, part.data.ndim), []).append(part)
        for (cut, _), groups in alike.items():
            for group in merged(groups) if merge else groups:
                yield group, cut

    def _places(self, group: Group) -> dict[Cut, list[int]]:
        """Where in a group each cut stands."""
        if group.data.ndim == 3:  # in subgroups already
            size = max(group.data.shape[2], 1)
            return self._divided([Cut(size, self.estimators[index]) for index in group.indices])
        if self._is_one and len(group.indices):
            return {self[0]: []}
        return self._divided([self[index] for index in group.indices.tolist()])

    @staticmethod
    def _divided(cuts: Sequence[Cut]) -> dict[Cut, list[int]]:
        places: dict[Cut, list[int]] = {}
        for place, cut in enumerate(cuts):
            places.setdefault(cut, []).append(place)
        return places
