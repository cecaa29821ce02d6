"""How a value is written in a contract. Exact: decimals as they were entered, whole fen, no rounding."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from contracts import formats
from contracts.formats import FormatError
from contracts.mapping.controls import Moment, Named, OddValue, Record, Span, Value, decimal_of
from contracts.mapping.rules import PICTURE

_DAY = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_MOST_DECIMALS = 12


@dataclass(frozen=True, slots=True)
class Conversion:
    """One way of writing; `kinds` are the controls that it suits, none for all."""

    write: Callable[[Value, str], str]
    kinds: tuple[str, ...] = ()


def convert(value: Value, conversion: str, argument: str = "") -> str:
    """Return a value as its conversion writes it. Raises OddValue."""
    try:
        return CONVERSIONS[conversion].write(value, argument)
    except KeyError as error:
        raise OddValue("unknown_conversion", conversion) from error
    except FormatError as error:
        raise OddValue("bad_format", str(error)) from error


def take_part(value: Value, part: str) -> Value | None:
    """Return the part of a value that a rule asks for; the value itself where it asks for none."""
    if isinstance(value, Record):
        return value.part(part) or None if part else value
    if isinstance(value, Span) and part:
        if part in ("begin", "end"):
            return value.begin if part == "begin" else value.end
        if part == "days" and value.seconds is None:
            return Decimal((value.end.at.date() - value.begin.at.date()).days + 1)
        seconds = value.seconds
        if seconds is None:
            seconds = int((value.end.at - value.begin.at).total_seconds())
        return _plain(Decimal(seconds) / (86400 if part == "days" else 3600))
    if part == "key" and isinstance(value, tuple):
        return tuple(Named(one.key, one.key) for one in value if isinstance(one, Named))
    return value


def fen_of(value: Value, conversion: str = "plain") -> int:
    """Return the fen of an amount: in yuan, in fen (`from_fen`), or a text in capital characters.

    Raises OddValue.
    """
    if isinstance(value, str) and not _looks_like_a_number(value):
        try:
            return formats.parse_capital(value)
        except FormatError as error:
            raise OddValue("no_amount", value[:40]) from error
    number = _number(value)
    if conversion == "from_fen":
        return _whole(number)
    return _yuan_as_fen(number)


def _plain(number: Decimal) -> Decimal:
    """Return a number without zeros at the end of its decimals."""
    whole = number.to_integral_value()
    return whole if whole == number else number.normalize()


def _looks_like_a_number(text: str) -> bool:
    return any(character.isascii() and character.isdigit() for character in text)


def _number(value: Value) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str):
        return decimal_of(value)
    raise OddValue("no_number")


def _whole(number: Decimal) -> int:
    if number != number.to_integral_value():
        raise OddValue("no_whole_number", f"{number:f}")
    return int(number)


def _yuan_as_fen(number: Decimal) -> int:
    fen = number.scaleb(2)
    if fen != fen.to_integral_value():
        raise OddValue("more_than_two_decimals", f"{number:f}")
    return int(fen)


def _day(value: Value) -> date:
    if isinstance(value, Moment):
        return value.at.date()
    if isinstance(value, str) and (found := _DAY.fullmatch(value.strip())):
        try:
            return date(*map(int, found.groups()))
        except ValueError:
            pass
    raise OddValue("no_date", value[:40] if isinstance(value, str) else "")


# --- writers ------------------------------------------------------------------------------------


def _as_plain(value: Value, argument: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Moment):
        return f"{value.at:%Y-%m-%d %H:%M}" if value.has_time else f"{value.at:%Y-%m-%d}"
    if isinstance(value, Span):
        return f"{_as_plain(value.begin, '')} 至 {_as_plain(value.end, '')}"
    if isinstance(value, Record):
        raise OddValue("part_missing")
    words = [one if isinstance(one, str) else one.text or one.key for one in value]
    return (argument or "、").join(words)


def _as_number(value: Value, argument: str) -> str:
    """Write with so many decimals (`2`), with commas (`2,`); what would need rounding is odd."""
    number = _number(value)
    grouped = argument.endswith(",")
    digits = argument.removesuffix(",").strip()
    if digits:
        if not digits.isdecimal() or int(digits) > _MOST_DECIMALS:
            raise OddValue("bad_argument", argument)
        exact = number.quantize(Decimal(1).scaleb(-int(digits)))
        if exact != number:
            raise OddValue("too_many_decimals", f"{number:f}")
        number = exact
    return f"{number:,f}" if grouped else f"{number:f}"


def _as_yuan(value: Value, argument: str) -> str:
    return formats.fen_to_yuan(fen_of(value), grouped=argument == ",")


def _as_fen(value: Value, argument: str) -> str:
    return str(fen_of(value))


def _from_fen(value: Value, argument: str) -> str:
    return formats.fen_to_yuan(fen_of(value, "from_fen"), grouped=argument == ",")


def _as_capital(value: Value, argument: str) -> str:
    """Write 人民币大写; the argument is put in front (人民币), its 正 or 圆 take the place of 整 and 元."""
    text = formats.capital_amount(fen_of(value))
    if "正" in argument:
        text = text.removesuffix("整") + "正" if text.endswith("整") else text
    if "圆" in argument:
        text = text.replace("元", "圆")
    return argument.replace("正", "").replace("圆", "").strip() + text


def _as_chinese_date(value: Value, argument: str) -> str:
    return formats.chinese_date(_day(value))


def _as_numeral_date(value: Value, argument: str) -> str:
    return formats.numeral_date(_day(value))


def _as_bill_date(value: Value, argument: str) -> str:
    return formats.bill_date(_day(value))


def _as_iso_date(value: Value, argument: str) -> str:
    return _day(value).isoformat()


def _as_moment(value: Value, argument: str) -> str:
    if not isinstance(value, Moment):
        raise OddValue("no_moment")
    return f"{formats.chinese_date(value.at.date())} {value.at:%H:%M}"


def words_by_key(argument: str) -> dict[str, str]:
    """Return the words of `键=文字；键=文字` (or one a line). Raises OddValue."""
    found = {}
    for line in re.split(r"[;；\n]", argument):
        if line.strip():
            key, mark, words = line.partition("=")
            if not mark or not key.strip():
                raise OddValue("bad_argument", line.strip()[:40])
            found[key.strip()] = words.strip()
    return found


def _as_lookup(value: Value, argument: str) -> str:
    """Write other words for each option: by its key, or by its own words."""
    table = words_by_key(argument)
    names = value if isinstance(value, tuple) else (_as_plain(value, ""),)
    result = []
    for one in names:
        keys = (one.key, one.text) if isinstance(one, Named) else (one,)
        words = next((table[key] for key in keys if key in table), None)
        if words is None:
            raise OddValue("no_words_for", keys[-1][:40])
        result.append(words)
    return "、".join(result)


def _as_count(value: Value, argument: str) -> str:
    return str(len(value)) if isinstance(value, tuple) else "1"


def _as_picture(value: Value, argument: str) -> str:
    """Refuse: a picture is no text, `applying` takes it from the files of the form."""
    raise OddValue("unsuitable_conversion")


_NUMBERS = ("Number", "Money", "Formula", "Text")
_DAYS = ("Date", "DateRange", "Text")

CONVERSIONS: Mapping[str, Conversion] = {
    "plain": Conversion(_as_plain),
    "number": Conversion(_as_number, _NUMBERS),
    "yuan": Conversion(_as_yuan, _NUMBERS),
    "fen": Conversion(_as_fen, _NUMBERS),
    "from_fen": Conversion(_from_fen, _NUMBERS),
    "capital": Conversion(_as_capital, _NUMBERS),
    "date_chinese": Conversion(_as_chinese_date, _DAYS),
    "date_numeral": Conversion(_as_numeral_date, _DAYS),
    "date_bill": Conversion(_as_bill_date, _DAYS),
    "date_iso": Conversion(_as_iso_date, _DAYS),
    "moment": Conversion(_as_moment, _DAYS),
    "lookup": Conversion(_as_lookup, ("Selector", "Text", "Contact")),
    "count": Conversion(_as_count, ("File", "RelatedApproval", "Contact", "Selector")),
    PICTURE: Conversion(_as_picture, ("File",)),
}
"""Every conversion by its name."""
