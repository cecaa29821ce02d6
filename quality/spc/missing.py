"""Why a result does not exist, as codes that a page can translate.

A result that does not exist is NaN inside arrays and None in the objects for one characteristic; the reason
stands beside it under one of these codes. It is never 0, infinity or an exception.
"""

from __future__ import annotations

import math
from enum import StrEnum


class Missing(StrEnum):
    """Machine-readable reasons; stored and compared as their value."""

    NO_VALUES = "no_values"  # nothing was measured
    ONE_VALUE = "one_value"  # a spread needs two values
    ZERO_VARIANCE = "zero_variance"  # all values (or all within subgroups) are equal
    NO_WITHIN_SPREAD = "no_within_spread"  # no subgroup or moving range has two values
    NO_LSL = "no_lsl"  # the index looks at the lower limit, which is not given
    NO_USL = "no_usl"
    NO_LIMITS = "no_limits"  # neither specification limit is given
    ONE_SIDED = "one_sided"  # the index needs both limits
    LOWER_BOUND = "lower_bound"  # LSL is a physical bound (flatness, runout), not a tolerance
    UPPER_BOUND = "upper_bound"
    ZERO_TOLERANCE = "zero_tolerance"  # LSL equals USL
    NO_TARGET = "no_target"
    TARGET_OUTSIDE = "target_outside"  # the target is not between the limits
    NO_BASELINE = "no_baseline"  # no point is left to compute limits from
    NOT_GIVEN = "not_given"  # limits were given without this one
    TOO_FEW_VALUES = "too_few_values"  # fewer values than the method needs
    TOO_MANY_VALUES = "too_many_values"  # more values than the method was made for
    NO_P_VALUE = "no_p_value"  # the distribution of the test statistic is not published for this family
    NONE_NONCONFORMING = "none_nonconforming"  # nothing bad was found: the rate is 0 and has no Z
    ALL_NONCONFORMING = "all_nonconforming"  # nothing good was found
    NOT_POSITIVE = "not_positive"  # the transformation or distribution needs values above 0
    SINGULAR = "singular"  # the covariance matrix has no inverse
    NO_FIT = "no_fit"  # the family has no member that fits these values
    NO_DEGREES_OF_FREEDOM = "no_degrees_of_freedom"  # an interval needs at least one


def optional(value: float) -> float | None:
    """Return the Python float, or None for NaN and infinities: the form of one result outside of arrays."""
    number = float(value)
    return number if math.isfinite(number) else None
