"""From whatever the caller holds to groups of equal shape.

One characteristic: a flat sequence of measurements in the order they were taken (None or NaN = not measured),
or `Subgroups`. Many: an array with a leading axis, (m, N) flat or (m, k, n) in subgroups, or a list of any
mixture of the single forms, of any lengths.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quality.spc.errors import SpcInputError

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]


class Subgroups:
    """One characteristic that is already in subgroups: rows are subgroups, possibly of unequal sizes.

    `rows` becomes a float array (k, n) with NaN where a row is shorter than the longest or a value is
    missing.
    """

    __slots__ = ("rows",)

    def __init__(self, rows: Iterable[Sequence[float | None]] | FloatArray) -> None:
        if isinstance(rows, np.ndarray) and rows.ndim == 2:
            self.rows = as_floats("values", rows)
            return
        parts = [as_floats("values", row) for row in rows]
        if any(part.ndim != 1 for part in parts):
            raise SpcInputError("values", "each subgroup must be a flat sequence of numbers")
        self.rows = np.full((len(parts), max((len(part) for part in parts), default=0)), np.nan)
        for row, part in zip(self.rows, parts, strict=True):
            row[: len(part)] = part


def as_floats(argument: str, values: Any) -> FloatArray:
    """Return `values` as a float array; None becomes NaN.

    Raises SpcInputError for text, booleans, complex numbers, dates, infinities and rows of unequal length.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise SpcInputError(argument, "rows are of unequal length") from error
    if array.dtype.kind == "O":
        array = _floats_of_objects(argument, array)
    elif array.dtype.kind not in "fiu" and array.size:
        raise SpcInputError(argument, f"must be numbers, not {array.dtype.name}")
    floats = array.astype(np.float64, copy=False)
    # One read of the array settles most cases: a finite sum has no infinite term.
    if not math.isfinite(floats.sum()) and np.isinf(floats).any():
        raise SpcInputError(argument, "must be finite; a missing value is None or NaN")
    return floats


def _floats_of_objects(argument: str, array: NDArray[Any]) -> FloatArray:
    items = array.reshape(-1).tolist()
    unwanted = {kind for kind in set(map(type, items)) if not _is_number_or_none(kind)}
    if unwanted:
        position, item = next((place, item) for place, item in enumerate(items) if type(item) in unwanted)
        raise SpcInputError(argument, f"must be numbers; position {position} holds {item!r}")
    return array.astype(np.float64)  # None becomes NaN


def _is_number_or_none(kind: type) -> bool:
    return issubclass(kind, Real | Decimal | type(None)) and not issubclass(kind, bool | np.bool_)


@dataclass(frozen=True, slots=True)
class Group:
    """Characteristics of one shape: `data` is (g, N) flat or (g, k, n) in subgroups.

    `lengths` (g,) tells how many of the N or k belong to each when shorter ones were filled up with NaN.
    """

    indices: IndexArray
    data: FloatArray
    lengths: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What was given, grouped by shape. `is_one` tells that a single characteristic was given."""

    is_one: bool
    size: int
    groups: tuple[Group, ...]


def read(values: Any) -> Batch:
    """Classify and group `values` (see the module's head). Raises SpcInputError(argument="values")."""
    if isinstance(values, Subgroups):
        return Batch(True, 1, (Group(np.zeros(1, np.intp), values.rows[None]),))
    if isinstance(values, str | bytes):
        raise SpcInputError("values", "must be numbers, not text")
    if isinstance(values, list | tuple):
        if values and _is_sequence(values[0]):
            return _read_list(values)
        array = as_floats("values", values)
    else:
        array = as_floats("values", values)
    if array.ndim == 1:
        return Batch(True, 1, (Group(np.zeros(1, np.intp), array[None]),))
    if array.ndim in (2, 3):
        return Batch(False, len(array), (Group(np.arange(len(array)), array),))
    raise SpcInputError("values", f"must have one, two or three axes, not {array.ndim}")


def _is_sequence(item: object) -> bool:
    return isinstance(item, Subgroups | list | tuple | np.ndarray) or hasattr(item, "__len__")


def _read_list(values: Sequence[Any]) -> Batch:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, item in enumerate(values):
        if isinstance(item, Subgroups):
            shape: tuple[int, ...] = item.rows.shape
        elif isinstance(item, np.ndarray):
            shape = item.shape
        elif isinstance(item, str | bytes) or not hasattr(item, "__len__"):
            raise SpcInputError("values", f"item {position} must be a sequence of numbers, not {item!r}")
        else:
            shape = (len(item),)
        by_shape.setdefault(shape, []).append(position)
    groups = []
    for shape, positions in by_shape.items():
        items = [_rows(values[position]) for position in positions]
        data = as_floats("values", items)
        if len(shape) not in (1, 2) or data.shape != (len(positions), *shape):
            raise SpcInputError(
                "values", f"item {positions[0]} must be a flat sequence of numbers or Subgroups"
            )
        groups.append(Group(np.asarray(positions, dtype=np.intp), data))
    return Batch(False, len(values), tuple(groups))


def _rows(item: Any) -> Any:
    return item.rows if isinstance(item, Subgroups) else item


def per_characteristic(argument: str, value: Any, size: int) -> FloatArray:
    """A number, None or one per characteristic → float array (size,), NaN for None. Decimals are allowed."""
    array = as_floats(argument, value)
    if array.ndim == 0:
        return np.full(size, float(array))
    if array.shape != (size,):
        raise SpcInputError(argument, f"must be one number or {size} of them, not shape {array.shape}")
    return array


def whole_numbers(argument: str, value: Any, size: int, *, least: int = 1) -> NDArray[np.int64]:
    """A whole number or one per characteristic, each at least `least`."""
    array = per_characteristic(argument, value, size)
    if not np.all((array >= least) & (array == np.floor(array))):
        raise SpcInputError(argument, f"must be a whole number of at least {least}, not {value!r}")
    return array.astype(np.int64)


def one_per(
    argument: str,
    value: Any,
    size: int,
    is_single: Callable[[Any], bool],
    *,
    is_item: Callable[[Any], bool] | None = None,
) -> list[Any]:
    """A single thing for all, or a sequence with one per characteristic, as a list of `size`.

    `is_item` tells what may stand in the sequence beside None, where that is more than a single thing.
    """
    if value is None or is_single(value):
        return [value] * size
    if not isinstance(value, Iterable):
        raise SpcInputError(argument, f"must be one for all or {size} of them, not {value!r}")
    items = list(value)
    if len(items) != size:
        raise SpcInputError(argument, f"must be one for all or {size} of them, not {len(items)}")
    wanted = is_item or is_single
    for place, item in enumerate(items):
        if item is not None and not wanted(item):
            raise SpcInputError(argument, f"position {place} holds {item!r}")
    return items


def number(argument: str, value: Any, *, least: float = -math.inf) -> float:
    """A finite number of at least `least`."""
    is_number = _is_number_or_none(type(value)) and value is not None
    if not is_number or not math.isfinite(value) or value < least:
        needed = "a finite number" if least == -math.inf else f"a number from {least:g}"
        raise SpcInputError(argument, f"must be {needed}, not {value!r}")
    return float(value)


def one_of(argument: str, value: Any, known: Collection[str], what: str) -> str:
    """One of the names that are known."""
    if not isinstance(value, str) or value not in known:
        raise SpcInputError(argument, f"unknown {what} {value!r}; known: {', '.join(known)}")
    return value


def fraction(argument: str, value: float) -> float:
    """A probability strictly between 0 and 1."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 < float(value) < 1.0:
        raise SpcInputError(argument, f"must be between 0 and 1, not {value!r}")
    return float(value)


def positive(argument: str, value: float) -> float:
    """A finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        raise SpcInputError(argument, f"must be a number above zero, not {value!r}")
    return float(value)
