"""Text on charts: how wide it is, how it is cut and wrapped, how numbers are written.

Nothing here asks a font: the same SVG is shown by browsers with fonts that we do not know and by the PNG
renderer. Widths are estimates that lean to the wide side, so that labels placed by them never touch.
"""

from __future__ import annotations

import math
import re
import unicodedata

_NARROW = frozenset("iljI.,:;'|!()[]{}\"`fr t")
_WIDE = frozenset("mwMW@%—…")
_MATH = frozenset("=+<>~")
_DIGIT_EM = 0.64
_UPPER_EM = 0.7
_LOWER_EM = 0.62
_NARROW_EM = 0.37
_WIDE_EM = 1.0
_MATH_EM = 0.84

# XML 1.0 has no way to write these, not even as a reference.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """Return `text` on one line and without characters that XML cannot carry."""
    return " ".join(_NOT_XML.sub("", text).split())


def escape(text: str) -> str:
    """Return `text` safe as XML character data and inside single or double quoted attributes."""
    return (
        _NOT_XML.sub("", text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
    )


def char_em(char: str) -> float:
    """Estimate the advance of one character in em."""
    if char in _NARROW:
        return _NARROW_EM
    if char in _WIDE:
        return _WIDE_EM
    if char in _MATH:
        return _MATH_EM
    if char.isascii():
        if char.isdigit():
            return _DIGIT_EM
        return _UPPER_EM if char.isupper() else _LOWER_EM
    if unicodedata.combining(char):
        return 0.0
    # "A" (ambiguous: ①, ±, Greek) is full width in the Chinese faces that we meet.
    return 1.0 if unicodedata.east_asian_width(char) in "WFA" else _UPPER_EM


def text_width(text: str, size: float) -> float:
    """Estimate the width of `text` at font size `size`, in the unit of `size`."""
    return sum(map(char_em, text)) * size


def ellipsize(text: str, size: float, room: float) -> str:
    """Cut `text` to `room`, ending in "…"; "" where not even one character and the dots fit."""
    if text_width(text, size) <= room:
        return text
    for end in range(len(text) - 1, 0, -1):
        cut = text[:end].rstrip() + "…"
        if text_width(cut, size) <= room:
            return cut
    return ""


def wrap(text: str, size: float, room: float) -> tuple[str, ...]:
    """Break `text` into lines of at most `room`: between words, and anywhere in Chinese text."""
    lines: list[str] = []
    line = ""
    for token in re.findall(r"[\x21-\x7e]+|\s+|.", text):
        if text_width((line + token).rstrip(), size) <= room or not line.strip():
            line += token if line or not token.isspace() else ""
        else:
            lines.append(line.rstrip())
            line = token.lstrip()
        while text_width(line.rstrip(), size) > room and len(line) > 1:
            end = len(line) - 1
            while end > 1 and text_width(line[:end], size) > room:
                end -= 1
            lines.append(line[:end])
            line = line[end:]
    if line.strip():
        lines.append(line.rstrip())
    return tuple(lines)


def format_value(value: float, decimals: int) -> str:
    """Write a number with fixed decimals, or with an exponent where that would not be readable."""
    size = abs(value)
    if decimals > 9 or size >= 1e10 or (0 < size < 1e-9):
        text = f"{value:.5g}"
    else:
        text = f"{value:.{decimals}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def fit_value(value: float, decimals: int, size: float, room: float) -> str:
    """Write a number in `room`: with fewer decimals where it must be, at last with an exponent."""
    for places in range(decimals, -1, -1):
        text = format_value(value, places)
        if text_width(text, size) <= room:
            return text
    return f"{value:.3g}"


def decimals_for(span: float) -> int:
    """Return the decimals with which values that differ by `span` can be told apart (about 3 digits)."""
    if not (math.isfinite(span) and span > 0):
        return 3
    return min(12, max(0, 2 - math.floor(math.log10(span))))


def coordinate(value: float) -> str:
    """Write a coordinate with at most one decimal, as short as SVG allows."""
    text = f"{value:.1f}"
    if text.endswith(".0"):
        text = text[:-2]
    return "0" if text == "-0" else text
