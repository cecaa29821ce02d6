"""Which measured values are outside of the specification."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray, Subgroups, per_characteristic, read
from quality.spc.numbers import exceeds

Mask = NDArray[np.bool_]
Limit = float | Decimal | None


class SpecificationLimits(NamedTuple):
    """Lower and upper limit per characteristic, (m,) each, NaN for none."""

    lsl: FloatArray
    usl: FloatArray


def specification_limits(lsl: Any, usl: Any, size: int) -> SpecificationLimits:
    """Check and read the limits of `size` characteristics. Raises SpcInputError, also for LSL above USL."""
    low, high = per_characteristic("lsl", lsl, size), per_characteristic("usl", usl, size)
    crossed = np.flatnonzero(exceeds(low, high, sign=1))
    if crossed.size:
        place = crossed[0]
        where = "" if size == 1 else f" (characteristic {place})"
        raise SpcInputError("lsl", f"{low[place]:.15g} is above usl {high[place]:.15g}{where}")
    return SpecificationLimits(low, high)


def out_of_spec(values: Any, lsl: Any = None, usl: Any = None) -> Any:
    """Flags of the values outside of their limits: a value equal to a limit is inside, a missing one is not
    out.

    Values and limits are compared as written, as decimals of at most 15 significant digits, so the noise of a
    formula (10.050000000000001 against 10.05) does not reject a part.
    values: one characteristic (→ flags of the same shape), an array of many (→ the same), or a list of many
    (→ a list of flags). lsl, usl: None, a number, or one per characteristic. Raises SpcInputError.
    """
    batch = read(values)
    limits = specification_limits(lsl, usl, batch.size)
    parts: list[Mask] = [np.zeros(0, dtype=np.bool_)] * batch.size
    whole: Mask = np.zeros(0, dtype=np.bool_)
    for group in batch.groups:
        shape = (-1,) + (1,) * (group.data.ndim - 1)
        whole = exceeds(group.data, limits.usl[group.indices].reshape(shape), sign=1)
        whole |= exceeds(group.data, limits.lsl[group.indices].reshape(shape), sign=-1)
        for index, flags in zip(group.indices, whole, strict=True):
            parts[index] = flags
    if batch.is_one:
        return parts[0]
    return parts if isinstance(values, list | tuple | Subgroups) else whole
