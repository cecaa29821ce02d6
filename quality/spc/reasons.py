"""Why a capability result of one characteristic does not exist."""

from __future__ import annotations

import numpy as np

from quality.spc.missing import Missing
from quality.spc.moments import Moments

_WITHIN = ("cp", "cpl", "cpu", "cpk", "z_bench_within")
_LOWER = ("cpl", "ppl", "ppm_expected_overall_below", "ppm_expected_within_below")
_UPPER = ("cpu", "ppu", "ppm_expected_overall_above", "ppm_expected_within_above")


def reason(name: str, one: Moments) -> Missing:
    """The first thing that stands in the way. `one` holds a single characteristic."""
    if one.n[0] == 0:
        return Missing.NO_VALUES
    if name.startswith("ppm_observed"):
        return (
            Missing.NO_LSL
            if name.endswith("below")
            else Missing.NO_USL
            if name.endswith("above")
            else _limits(one)
        )
    if name in ("sd_overall", "sd_within", "df_within"):
        return _spread(name, one)
    return _of_limits(name, one) or _of_spread(name, one)


def _spread(name: str, one: Moments) -> Missing:
    return Missing.ONE_VALUE if one.n[0] == 1 else Missing.NO_WITHIN_SPREAD


def _limits(one: Moments) -> Missing:
    if np.isnan(one.lsl[0]) and np.isnan(one.usl[0]):
        return Missing.NO_LIMITS
    return Missing.LOWER_BOUND if np.isnan(one.usl[0]) else Missing.UPPER_BOUND


def _no_lower(one: Moments) -> Missing | None:
    if not np.isnan(one.lower[0]):
        return None
    return Missing.NO_LSL if np.isnan(one.lsl[0]) else Missing.LOWER_BOUND


def _no_upper(one: Moments) -> Missing | None:
    if not np.isnan(one.upper[0]):
        return None
    return Missing.NO_USL if np.isnan(one.usl[0]) else Missing.UPPER_BOUND


def _of_limits(name: str, one: Moments) -> Missing | None:
    lower, upper = _no_lower(one), _no_upper(one)
    if name in _LOWER and lower:
        return lower
    if name in _UPPER and upper:
        return upper
    if lower and upper:
        return _limits(one)
    if name in ("cp", "pp", "ca") and (lower or upper):
        bound = next((found for found in (lower, upper) if found and found.value.endswith("_bound")), None)
        return bound or Missing.ONE_SIDED
    if one.lower[0] == one.upper[0] and name != "cpm":
        return Missing.ZERO_TOLERANCE
    if name == "cpm":
        return _of_target(one)
    return None


def _of_target(one: Moments) -> Missing | None:
    target = one.target[0]
    if np.isnan(target):
        return Missing.NO_TARGET
    if target < one.lower[0] or target > one.upper[0]:
        return Missing.TARGET_OUTSIDE
    return None


def _of_spread(name: str, one: Moments) -> Missing:
    sigma = one.sd_within[0] if name in _WITHIN or "_within" in name else one.sd_overall[0]
    if np.isnan(sigma):
        return _spread(name, one)
    return Missing.ZERO_VARIANCE
