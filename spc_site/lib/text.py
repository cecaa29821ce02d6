"""Text as people type it into sheets: full-width forms, stray blanks, labels, numbers.

Numbers are decimal text here, never floats: `"10.050"` keeps its zero, and what a cell shows
is what is kept. A number that Excel stores as a float is read as the shortest decimal of at
most 15 significant digits, which is what Excel itself shows and compares by.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache

MAX_DIGITS = 30
"""Digits that a number may have before or after its point; more is a slip, not a measurement."""

# Full-width ASCII to half-width. Not NFKC: that would turn "Ra²" into "Ra2" and "①" into "1".
_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: " "}
_INVISIBLE = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD])
_CONTROL = dict.fromkeys([*range(9), *range(14, 32), 127])  # what a database may refuse to store
_TIDY = _HALF_WIDTH | _INVISIBLE | _CONTROL
_NOT_IN_KEY = re.compile(r"[\W_]+")
_CJK = re.compile(r"[㐀-䶿一-鿿豈-﫿]+")
_LABEL_END = re.compile(r"\s*[:：]\s*")
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")

_MINUS = str.maketrans({"−": "-", "–": "-", "﹣": "-", "。": ".", "﹢": "+"})
_SIMPLE = re.compile(r"-?[1-9]\d{0,14}(?:\.\d{1,15})?|-?0\.\d{0,14}[1-9]", re.ASCII)
_PLAIN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(?:,\d{3})+|(?: \d{3})+)(?:\.\d+)?", re.ASCII)
_SCIENTIFIC = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)[eE][+-]?\d{1,3}", re.ASCII)
_COMMA_DECIMAL = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_CENSORED = re.compile(r"(?:[<>≤≥]=?|≦|≧)\s*[+-]?[\d.]+\s*\S{0,6}", re.ASCII)
_LEADING_ZEROS = re.compile(r"^(-?)0+(?=\d)", re.ASCII)


class NumberError(ValueError):
    """Text that is no number; `code` says in which way.

    `not_a_number`, `comma_decimal` (`10,05`), `censored` (`<0.01`), `too_long`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@lru_cache(maxsize=16384)
def tidy(text: str) -> str:
    """Return text on one line: full-width letters and signs halved, blanks collapsed."""
    return " ".join(text.translate(_TIDY).split())


@lru_cache(maxsize=16384)
def label_key(text: str) -> str:
    """Return what decides whether two labels are the same: letters and digits, folded.

    `" 供 应 商： "` and `"供应商"` have one key, `"Lot No."` and `"LOT NO"` have one.
    """
    return _NOT_IN_KEY.sub("", unicodedata.normalize("NFKC", text).casefold())


@lru_cache(maxsize=16384)
def label_keys(text: str) -> tuple[str, ...]:
    """Return every key by which a label may be known, the most telling first.

    A bilingual label is known by the whole, by its Chinese and by its other half, and by each
    of its lines; a bracketed addition such as `规格(mm)` may be left out.
    """
    flat = unicodedata.normalize("NFKC", text)
    whole = label_key(flat)
    bare = label_key(_BRACKETED.sub(" ", flat))
    chinese = "".join(_CJK.findall(flat))
    other = label_key(_CJK.sub(" ", flat))
    lines = map(label_key, flat.splitlines())
    found = dict.fromkeys(key for key in (whole, bare, chinese, other, *lines) if key)
    return tuple(found)


def split_label(text: str) -> tuple[str, str]:
    """Split `供应商：ABC` at its first colon into label and value; no colon: value is empty."""
    label, *rest = _LABEL_END.split(text.strip(), maxsplit=1)
    return label, rest[0] if rest else ""


def decimal_text(number: float | int) -> str:
    """Return a number of a sheet as the shortest plain decimal of at most 15 significant digits.

    Raises
    ------
    NumberError
        For infinity and not-a-number, and for sizes that no instrument shows.
    """
    text = f"{number:.15g}"
    if "e" in text or "n" in text:
        return parse_number(text)
    return "0" if text == "-0" else text


def percent_text(fraction: float) -> str:
    """Return a fraction as the percentage that its cell shows, without binary noise."""
    number = float(f"{fraction * 100:.13g}")
    try:
        return decimal_text(number) + "%"
    except NumberError:
        return f"{number:g}%"  # no percentage that anybody means; it is refused where it is used


def parse_number(text: str, unit: str = "") -> str:
    """Return the number that a text shows as plain decimal text, trailing zeros kept.

    Parameters
    ----------
    text
        As typed: full-width digits, surrounding blanks, thousands separators, a leading plus
        and `1.2E-3` are understood; so is the Chinese full stop typed for a decimal point.
    unit
        Unit that may follow the number, such as `mm`; any other one is an error. Where the unit
        is `%`, `95.2%` is 95.2; where it is not, `95.2%` is the fraction 0.952.

    Raises
    ------
    NumberError
        With the way in which the text is no number.
    """
    if _SIMPLE.fullmatch(text):
        return text
    text = unicodedata.normalize("NFKC", text).translate(_MINUS).translate(_INVISIBLE).strip()
    if unit and not text[-1:].isdigit():
        suffix = unicodedata.normalize("NFKC", unit).strip()
        if suffix and text.casefold().endswith(suffix.casefold()):
            text = text[: -len(suffix)].rstrip()
    is_percentage = text.endswith("%")
    if is_percentage:
        text = text[:-1].rstrip()
    if _PLAIN.fullmatch(text):
        plain = text
    elif _GROUPED.fullmatch(text):
        plain = text.replace(",", "").replace(" ", "")
    elif _SCIENTIFIC.fullmatch(text):
        number = Decimal(text)
        if number and abs(number.adjusted()) > MAX_DIGITS:
            raise NumberError("too_long")
        plain = format(number, "f")
    elif _COMMA_DECIMAL.fullmatch(text):
        raise NumberError("comma_decimal")
    elif _CENSORED.fullmatch(text):
        raise NumberError("censored")
    else:
        raise NumberError("not_a_number")
    if is_percentage:
        plain = format(Decimal(plain).scaleb(-2), "f")
    return _canonical(plain)


def _canonical(plain: str) -> str:
    """Write a plain number in the one way: no plus, no needless zeros in front, no bare point."""
    plain = plain.removeprefix("+").removesuffix(".")
    if plain.startswith((".", "-.")):
        plain = plain.replace(".", "0.", 1)
    plain = _LEADING_ZEROS.sub(r"\1", plain)
    whole, _, fraction = plain.lstrip("-").partition(".")
    if len(whole) > MAX_DIGITS or len(fraction) > MAX_DIGITS:
        raise NumberError("too_long")
    if plain.startswith("-") and not plain.strip("-0."):
        return plain[1:]
    return plain
