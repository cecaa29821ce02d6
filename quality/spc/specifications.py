"""Specification notations of drawings and inspection forms → nominal, lower and upper limit, exact.

    10±0.05   10 +0.1/-0.05   10 (+0.10,+0.05)   10 +0.1 0      nominal with tolerances; the larger is USL
    5.00-5.02   Ø5.00~5.02   9.95≤x≤10.05   上限10.05 下限9.95   both limits
    ≤0.02   0.8 max   Ra 0.8   平面度 0.05   0.5以下              upper limit only
    ≥12   12 min   12以上                                        lower limit only
    10   (10)   10 REF                                          nominal only: nothing to judge by
    100Ω±5%   45°±30'   10mm±50μm                               tolerance in per cent or in another unit

A text that can be read in two ways is refused, not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Context, Decimal

from quality.spc.errors import SpcInputError
from quality.spc.spec_text import SpecText, Token, read_text

_UNIT_CONTEXT = Context(prec=15)
_SCALES: tuple[dict[str, Decimal], ...] = (
    {
        "nm": Decimal("0.000001"),
        "μm": Decimal("0.001"),
        "um": Decimal("0.001"),
        "mm": Decimal(1),
        "cm": Decimal(10),
        "m": Decimal(1000),
        "in": Decimal("25.4"),
        "inch": Decimal("25.4"),
        '"': Decimal("25.4"),
    },
    {"°": Decimal(3600), "'": Decimal(60), '"': Decimal(1)},
    {"mΩ": Decimal("0.001"), "Ω": Decimal(1), "kΩ": Decimal(1000), "MΩ": Decimal(1000000)},
    {"mg": Decimal("0.001"), "g": Decimal(1), "kg": Decimal(1000)},
    {"mV": Decimal("0.001"), "V": Decimal(1), "kV": Decimal(1000)},
    {"μA": Decimal("0.001"), "mA": Decimal(1), "A": Decimal(1000)},
)


@dataclass(frozen=True, slots=True)
class Specification:
    """Limits in `unit` ("" where none was written). `notation` names the form: symmetric, tolerances, range,
    upper, lower, nominal. `symbol` is what stood before the number (Ø, R, Ra, ⊥, 平面度);
    `is_bounded`: the quantity cannot be below zero (form, position, roughness).
    """

    nominal: Decimal | None
    lsl: Decimal | None
    usl: Decimal | None
    unit: str = ""
    notation: str = "nominal"
    symbol: str = ""
    is_bounded: bool = False


def parse_spec(text: str) -> Specification:
    """Read a specification. Raises SpcInputError(argument="text") for what is none or not clear."""
    if not isinstance(text, str):
        raise SpcInputError("text", f"must be text, not {text!r}")
    read = read_text(text)
    if not any(token.kind == "N" for token in read.tokens):
        raise SpcInputError("text", f"{text!r} holds no number")
    tokens, unit = _in_one_unit(_compound_angles(read.tokens), text)
    tokens = tuple(token for token in tokens if token.kind not in "/,;|")
    read = SpecText(read.symbol, read.is_bounded, tokens)
    for pattern, build in _FORMS:
        if pattern.fullmatch(read.shape):
            nominal, low, high, notation = build(tokens, text)
            break
    else:
        raise SpcInputError("text", f"{text!r} is no specification")
    if notation == "nominal" and read.is_bounded and read.shape == "N":
        nominal, low, high, notation = None, None, nominal, "upper"
    if low is not None and high is not None and low > high:
        raise SpcInputError("text", f"{text!r}: lower limit {low} is above upper limit {high}")
    return Specification(nominal, low, high, unit, notation, read.symbol, read.is_bounded)


def _compound_angles(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    """45°30' is one number of degrees."""
    merged: list[Token] = []
    for token in tokens:
        last = merged[-1] if merged else None
        if last and last.kind == token.kind == "N" and last.unit == "°" and token.unit in ("'", '"'):
            merged[-1] = replace(last, value=last.value + _convert(token.value, token.unit, "°"))
        else:
            merged.append(token)
    return tuple(merged)


def _convert(value: Decimal, unit: str, into: str) -> Decimal:
    """Exact where the result is a finite decimal of at most 15 digits (20' = 0.333333333333333°)."""
    for scale in _SCALES:
        if unit in scale and into in scale:
            converted = _UNIT_CONTEXT.divide(value * scale[unit], scale[into])
            return converted.normalize(_UNIT_CONTEXT)
    raise SpcInputError("text", f"units {unit!r} and {into!r} do not go together")


def _in_one_unit(tokens: tuple[Token, ...], text: str) -> tuple[tuple[Token, ...], str]:
    """Bring all numbers to the unit of the first; a per cent tolerance becomes an amount of the nominal."""
    numbers = [token for token in tokens if token.kind == "N"]
    units = {token.unit for token in numbers if token.unit}
    unit = numbers[0].unit
    if len(units) <= 1:
        only = units.pop() if units else ""
        if only == "%" and not unit and any(token.kind == "±" for token in tokens):
            raise SpcInputError("text", f"{text!r}: write 50%±5% or 50±2.5, a per cent of what is not clear")
        return tokens, only
    if not unit:
        raise SpcInputError("text", f"{text!r}: units {sorted(units)} without one at the first number")
    return tuple(_in_unit(token, numbers[0]) for token in tokens), unit


def _in_unit(token: Token, first: Token) -> Token:
    if token.kind != "N" or token.unit in ("", first.unit):
        return token
    if token.unit == "%":
        return replace(token, value=(first.value * token.value).scaleb(-2), unit=first.unit)
    return replace(token, value=_convert(token.value, token.unit, first.unit), unit=first.unit)


Built = tuple[Decimal | None, Decimal | None, Decimal | None, str]


def _signed(tokens: tuple[Token, ...]) -> list[tuple[Token, Decimal, bool]]:
    """Numbers with the sign before them applied: (token, value, was there a sign)."""
    result = []
    sign = ""
    for token in tokens:
        if token.kind == "N":
            result.append((token, -token.value if sign == "-" else token.value, bool(sign)))
            sign = ""
        elif token.kind in "+-":
            sign = token.kind
    return result


def _symmetric(tokens: tuple[Token, ...], text: str) -> Built:
    values = [value for _, value, _ in _signed(tokens)]
    nominal, tolerance = (Decimal(0), values[0]) if len(values) == 1 else (values[0], values[1])
    return nominal, nominal - tolerance, nominal + tolerance, "symmetric"


def _tolerances(tokens: tuple[Token, ...], text: str) -> Built:
    numbers = _signed(tokens)
    if len(numbers) == 2:
        numbers = [(numbers[0][0], Decimal(0), False), *numbers]
    (_, nominal, _), *pair = numbers
    for _, value, has_sign in pair:
        if not has_sign and value != 0:
            raise SpcInputError("text", f"{text!r}: a tolerance other than 0 needs its sign")
    low, high = sorted(value for _, value, _ in pair)
    return nominal, nominal + low, nominal + high, "tolerances"


def _plus_only(tokens: tuple[Token, ...], text: str) -> Built:
    (_, nominal, _), (_, tolerance, _) = _signed(tokens)
    return nominal, nominal, nominal + tolerance, "tolerances"


def _minus_or_range(tokens: tuple[Token, ...], text: str) -> Built:
    """5.00-5.02 is a range; 10-0.05 a nominal with a lower tolerance: the second number tells."""
    (_, first, _), (_, second, _) = _signed(tokens)
    if first < 0 or -second == first:
        raise SpcInputError("text", f"{text!r} can be read in more than one way")
    if -second > first:
        return None, first, -second, "range"
    return first, first + second, first, "tolerances"


def _range(tokens: tuple[Token, ...], text: str) -> Built:
    values = [value for _, value, _ in _signed(tokens)]
    if len(values) == 3:
        return values[0], min(values[1:]), max(values[1:]), "range"
    return None, values[0], values[1], "range"


def _in_brackets(tokens: tuple[Token, ...], text: str) -> Built:
    """10 (0/-0.1) is a tolerance, 10 (9.95-10.05) a range."""
    (_, nominal, _), (_, first, _), (_, second, _) = _signed(tokens)
    if first == 0:
        return _tolerances(tokens, text)
    return nominal, first, -second, "range"


def _checked_range(tokens: tuple[Token, ...], text: str) -> Built:
    """10±0.05 (9.95~10.05): the tolerance and the range beside it must say the same."""
    cut = next(place for place, token in enumerate(tokens) if token.kind == "(")
    nominal, low, high, notation = _symmetric(tokens[:cut], text)
    others = [abs(value) for _, value, _ in _signed(tokens[cut:])]
    if [abs(low or 0), abs(high or 0)] != others:
        raise SpcInputError("text", f"{text!r}: tolerance and range do not agree")
    return nominal, low, high, notation


def _upper(tokens: tuple[Token, ...], text: str) -> Built:
    return None, None, _signed(tokens)[0][1], "upper"


def _lower(tokens: tuple[Token, ...], text: str) -> Built:
    return None, _signed(tokens)[0][1], None, "lower"


def _both(tokens: tuple[Token, ...], text: str) -> Built:
    low, high = sorted(value for _, value, _ in _signed(tokens))
    return None, low, high, "range"


def _nominal(tokens: tuple[Token, ...], text: str) -> Built:
    return _signed(tokens)[0][1], None, None, "nominal"


_FORMS: tuple[tuple[re.Pattern[str], Callable[[tuple[Token, ...], str], Built]], ...] = tuple(
    (re.compile(pattern), build)
    for pattern, build in (
        (r"[(\[]?-?N[(\[]?±N[)\]]?|±N", _symmetric),
        (r"-?N±N\(-?N[~-]-?N\)", _checked_range),
        (r"N\(N-N\)", _in_brackets),
        (r"-?N[(\[]?(?:[+-]N[+-]?N|[+-]?N[+-]N)[)\]]?", _tolerances),
        (r"\+N-N", _tolerances),
        (r"-?N[(\[]?\+N[)\]]?", _plus_only),
        (r"-?N[(\[]?-N[)\]]?", _minus_or_range),
        (r"[(\[]?[+-]?N~[+-]?N[)\]]?|\[-?NN\]|-?N[(\[][+-]?N~[+-]?N[)\]]", _range),
        (r"X?[≤<][+-]?N|U[(\[]?[+-]?N[)\]]?|[+-]?N[(\[]?U[)\]]?|[+-]?N[≥>]X", _upper),
        (r"X?[≥>][+-]?N|L[(\[]?[+-]?N[)\]]?|[+-]?N[(\[]?L[)\]]?|[+-]?N[≤<]X", _lower),
        (r"-?N[≤<]X?[≤<]-?N|-?N[≥>]X?[≥>]-?N|[≥>]-?N[≤<]-?N|[≤<]-?N[≥>]-?N", _both),
        (r"U-?NL-?N|L-?NU-?N|-?NU-?NL|-?NL-?NU", _both),
        (r"-?N|\(-?N\)|-?N\(?F\)?|F-?N|\[N\]", _nominal),
    )
)
