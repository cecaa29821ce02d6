"""Why a result does not exist, as codes that a page can translate.

A result that does not exist is NaN inside arrays and None in the objects for one characteristic; the reason
stands beside it under one of these codes. It is never 0, infinity or an exception.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np


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


def jsonable(value: Any) -> Any:
    """A result as plain lists, dicts, numbers and texts: ready for JSON, None for what does not exist.

    Dataclasses become dicts by field name, arrays lists, NaN and infinities None, decimals their text.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float):
        return optional(value)
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [jsonable(item) for item in value]
    return value
