"""Given limits of the characteristics of a block, in columns, and how they win over computed ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quality.spc.inputs import FloatArray
from quality.spc.lines import Parameters
from quality.spc.patterns import Lines
from quality.spc.plans import LIMIT_FIELDS, Limits


class GivenLimits:
    """`Limits` in columns (m,), NaN where not given; `is_given` tells the characteristics that have any."""

    def __init__(self, limits: Sequence[Limits | None]) -> None:
        column = {name: np.array([_number(entry, name) for entry in limits]) for name in LIMIT_FIELDS}
        self.centre, self.sigma = column["centre"], column["sigma"]
        self._primary = (column["centre"], column["ucl"], column["lcl"])
        self._secondary = (column["secondary_centre"], column["secondary_ucl"], column["secondary_lcl"])
        self.is_given = np.array([entry is not None for entry in limits], dtype=np.bool_)

    def parameters(self, estimated: Parameters) -> Parameters:
        """Given mean and sigma in the place of estimated ones."""
        return replace(
            estimated,
            centre=_prefer(self.centre, estimated.centre),
            sigma=_prefer(self.sigma, estimated.sigma),
        )

    def primary(self, computed: Lines, nsigma: float) -> Lines:
        """Given lines of the primary chart in the place of computed ones."""
        return _replaced(computed, *self._primary, nsigma)

    def secondary(self, computed: Lines, nsigma: float) -> Lines:
        """Given lines of the secondary chart in the place of computed ones."""
        return _replaced(computed, *self._secondary, nsigma)

    def sigma_of_lines(self, sigma: FloatArray, nsigma: float, unit: FloatArray) -> FloatArray:
        """The sigma that given primary lines stand for, where no sigma is given beside them.

        `unit` is the standard error of the plotted statistic for a sigma of one.
        """
        centre, ucl, lcl = self._primary
        up, down = ucl - centre, centre - lcl
        distance = np.where(np.isnan(up), down, np.where(np.isnan(down), up, (up + down) / 2.0))
        implied = np.where(distance > 0, distance / nsigma / unit, np.nan)
        return np.where(np.isnan(self.sigma) & ~np.isnan(implied), implied, sigma)


def given_limits(limits: Sequence[Limits | None]) -> GivenLimits | None:
    """The columns, or None when nothing is given at all."""
    return GivenLimits(limits) if any(entry is not None for entry in limits) else None


def _number(limits: Limits | None, name: str) -> float:
    value = None if limits is None else getattr(limits, name)
    return np.nan if value is None else float(value)


def _prefer(given: FloatArray, estimated: FloatArray) -> FloatArray:
    return np.where(np.isnan(given), estimated, given)


def _replaced(computed: Lines, centre: FloatArray, ucl: FloatArray, lcl: FloatArray, nsigma: float) -> Lines:
    is_given = ~np.isnan(ucl) | ~np.isnan(lcl)
    if not is_given.any():
        return computed
    up, down = (ucl - centre) / nsigma, (centre - lcl) / nsigma
    up, down = np.where(up > 0, up, np.nan), np.where(down > 0, down, np.nan)
    # With a line on one side only, its zones stand for both sides.
    up, down = np.where(np.isnan(up), down, up), np.where(np.isnan(down), up, down)
    pairs = (
        (centre, computed.centre),
        (ucl, computed.ucl),
        (lcl, computed.lcl),
        (up, computed.up),
        (down, computed.down),
    )
    return Lines(*(np.where(is_given, given, own) for given, own in pairs))
