"""Numbers as they were written: reading, rounding (GB/T 8170), and comparing binary floats as decimals.

A number is read as its shortest decimal of at most 15 significant digits. That is what a spreadsheet shows
for it, so 10.050000000000001, which a formula left behind, is 10.05.
"""

from __future__ import annotations

import math
import re
import unicodedata
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from fractions import Fraction
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from quality.spc.errors import SpcInputError
from quality.spc.inputs import FloatArray

SIGNIFICANT_DIGITS = 15
"""Every decimal of so many digits survives the way into a binary float and back."""

_READING = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_HALF_EVEN)
_NEAR = 2e-14  # two numbers further apart than this (relative) read in the same order as their floats
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
_SIGNS = str.maketrans({"−": "-", "–": "-", "﹣": "-", "－": "-", "＋": "+", "。": ".", "．": "."})


def to_decimal(value: float | int | Decimal | str) -> Decimal:
    """Read a number. Text may be full width, with spaces and thousands separators; digits as written are
    kept.

    Raises SpcInputError for anything that is no finite number.
    """
    if isinstance(value, str):
        return _decimal_of_text(value)
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise SpcInputError("value", f"must be a number, not {value!r}")
    if isinstance(value, int | Decimal):
        number = Decimal(value)
        if not number.is_finite():
            raise SpcInputError("value", f"must be finite, not {value!r}")
        return _READING.plus(number) if len(number.as_tuple().digits) > SIGNIFICANT_DIGITS else number
    number_as_float = float(value)
    if not math.isfinite(number_as_float):
        raise SpcInputError("value", f"must be finite, not {value!r}")
    return Decimal(f"{number_as_float:.{SIGNIFICANT_DIGITS}g}")


def _decimal_of_text(text: str) -> Decimal:
    cleaned = "".join(unicodedata.normalize("NFKC", text.translate(_SIGNS)).split())
    if _THOUSANDS.fullmatch(cleaned):
        cleaned = cleaned.replace(",", "")
    if not _PLAIN.fullmatch(cleaned):
        raise SpcInputError("value", f"{text!r} is not a number")
    number = Decimal(cleaned)
    return _READING.plus(number) if len(number.as_tuple().digits) > SIGNIFICANT_DIGITS else number


def normalise_number(value: float | int | Decimal | str) -> str:
    """The shortest plain decimal text (no exponent) of at most 15 significant digits.

    Text keeps its trailing zeros: "10.50" tells the resolution of the gauge. Raises SpcInputError.
    """
    number = to_decimal(value)
    if isinstance(value, float) and number:
        number = number.normalize(Context(prec=SIGNIFICANT_DIGITS))
    return format(abs(number) if number == 0 else number, "f")


def read_as_written(values: FloatArray) -> FloatArray:
    """The floats nearest to the decimals that `values` are read as; NaN stays NaN."""
    flat = [float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in values.reshape(-1).tolist()]
    return np.asarray(flat, dtype=np.float64).reshape(values.shape)


def exceeds(values: FloatArray, limits: FloatArray, *, sign: int) -> NDArray[np.bool_]:
    """Where values are above (`sign` 1) or below (-1) limits, both read as written. NaN never is.

    Equal is not. Decimals of 15 digits and their floats are in the same order, so only pairs close together
    need the reading.
    """
    outside: NDArray[np.bool_] = values > limits if sign > 0 else values < limits
    if not outside.any():
        return outside
    near = outside & (np.abs(values - limits) <= _NEAR * np.abs(limits))
    if near.any():
        read, against = read_as_written(values[near]), np.broadcast_to(limits, values.shape)[near]
        against = read_as_written(against)
        outside[near] = read > against if sign > 0 else read < against
    return outside


def round_gbt8170(
    value: float | int | Decimal | str, decimals: int = 0, *, interval: Decimal | str | None = None
) -> Decimal:
    """Round half to even on the decimal digits, once, from the number as written (GB/T 8170-2008, 3.2 and
    3.3).

    decimals: places after the point, negative for tens and hundreds; or interval: "0.5", "20" (clause 4,
    rounding to multiples of 0.5 and 0.2 units). Raises SpcInputError.
    """
    number = to_decimal(value)
    if interval is None:
        if isinstance(decimals, bool) or not isinstance(decimals, int) or not -30 <= decimals <= 30:
            raise SpcInputError("decimals", f"must be a whole number, not {decimals!r}")
        unit = Decimal(1).scaleb(-decimals)
    else:
        try:
            unit = Decimal(interval)
        except InvalidOperation:
            raise SpcInputError("interval", f"{interval!r} is not a number") from None
        if not unit.is_finite() or unit <= 0:
            raise SpcInputError("interval", f"must be above zero, not {interval!r}")
    multiple = round(Fraction(number) / Fraction(unit))  # Fraction rounds half to even
    places = max(0, -int(unit.as_tuple().exponent))
    rounded = Fraction(unit) * multiple
    digits = abs(rounded.numerator * 10**places // rounded.denominator)
    sign = 1 if number.is_signed() and digits else 0
    return Decimal((sign, tuple(int(digit) for digit in str(digits)), -places))
