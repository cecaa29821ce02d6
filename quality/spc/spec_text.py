"""Specification text → tokens: one spelling for every sign, units and keywords recognised.

Forms are typed by hand, on full-width keyboards, or pasted from drawings; this module knows the spellings,
`specifications.py` what they mean.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal

from quality.spc.errors import SpcInputError

_KEPT = str.maketrans({"²": "\ue002", "³": "\ue003"})  # NFKC would make mm2 of mm²
_KEPT_BACK = str.maketrans({"\ue002": "²", "\ue003": "³"})
_BEFORE = str.maketrans({"º": "°", "˚": "°", "ﾟ": "°", "￠": "Ø", "…": "~", "⋯": "~"})
_AFTER = str.maketrans(
    {
        **dict.fromkeys("−–—―‐‑﹣", "-"),
        **dict.fromkeys("〜∼˜∽～", "~"),
        **dict.fromkeys("⌀φΦϕ∅ø𝜙", "Ø"),
        **dict.fromkeys("≦⩽≲", "≤"),
        **dict.fromkeys("≧⩾≳", "≥"),
        **dict.fromkeys("′’‘´`", "'"),
        **dict.fromkeys("″”“", '"'),
        **dict.fromkeys("【〔{", "("),
        **dict.fromkeys("】〕}", ")"),
        **dict.fromkeys("、", ","),
        **dict.fromkeys("Ωω", "Ω"),
    }
)
_MARKS = re.compile(r"[★☆▲△▼▽◆◇■□※*]+|\((?:SC|CC|CTQ|CR|MAJ|MIN|重要|关键)\)", re.IGNORECASE)
_SPELLINGS = (
    (re.compile(r"\+\s*/?\s*-|﹢/-"), "±"),
    (re.compile(r"<\s*=|=\s*<"), "≤"),
    (re.compile(r">\s*=|=\s*>"), "≥"),
    (re.compile(r"\.{2,}"), "~"),
    (re.compile(r"(?<=\d)\s*(?:to|至|到)\s*(?=[-+Ø\d])", re.IGNORECASE), "~"),
    (re.compile(r"不大于等于|小于等于|小于或等于|不大于|不超过|不高于"), "≤"),
    (re.compile(r"大于等于|大于或等于|不小于|不低于|不少于"), "≥"),
    (re.compile(r"小于|低于"), "<"),
    (re.compile(r"大于|高于|超过"), ">"),
)
_UPPER = r"(?:max(?:imum|\.)?|upper|usl|以下|以内|之内|最大值?|上限)"
_LOWER = r"(?:min(?:imum|\.)?|lower|lsl|以上|最小值?|下限)"
_GEOMETRIC_WORDS = (
    "直线度|平面度|圆柱度|圆度|线轮廓度|面轮廓度|轮廓度|平行度|垂直度|倾斜度|同轴度|同心度|位置度|对称度|"
    "全跳动|圆跳动|跳动|平整度|翘曲度?|flatness|straightness|roundness|circularity|cylindricity|parallelism|"
    "perpendicularity|concentricity|runout|粗糙度|roughness"
)
_GEOMETRIC_SIGNS = "⏤⏥▱○⌭⌒⌓//∥⫽⊥∠⌖⊕◎⌯↗⌰"
_SIGN_CLASS = re.escape(_GEOMETRIC_SIGNS.replace("/", ""))
_SYMBOL = re.compile(
    rf"(?:{_GEOMETRIC_WORDS})\s*[:=]?\s*(?:SØ|Ø|R[azqtpv](?=\s*[\d≤<]))?"
    rf"|(?://|[{_SIGN_CLASS}])\s*(?:SØ|Ø)?"
    r"|SØ|Ø|SR(?=\s*\d)|R[azqtpv]\b|R[azqtpv](?=\s*[\d≤<])|R(?=\s*\d)|C(?=\s*\d)",
    re.IGNORECASE,
)
_COUNT = re.compile(r"^\d+\s*(?:[-xX×]|处)\s*(?=SØ|Ø|R\s*\d|C\s*\d)|^\d+\s*[xX×]\s*(?=\d)")
_HARDNESS = re.compile(r"^(HR[A-Z]|HBW?|HV|HK|HS|HLD|Shore\s*[A-D]|邵氏?[A-D])\s*[:=]?\s*(?=[\d≤≥<>])")
_FIT = re.compile(r"(?<=\d)\s*(?:[A-Z]{1,2}|[a-z]{1,2})\d{1,2}\s*(?=[(±+-]|0\s*[/,(-])")
_LABEL = re.compile(r"^(?:[\u4e00-\u9fff]+[A-Za-z0-9]{0,3}|[A-Za-z]{1,12}\s*[:=])\s*[:=]?\s*")
_TOKEN = re.compile(
    rf"(?P<space>\s+)|(?P<number>\d+(?:,\d+)*(?:\.\d*)?|\.\d+)|(?P<upper>{_UPPER}(?![a-z]))"
    rf"|(?P<lower>{_LOWER}(?![a-z]))|(?P<reference>ref\.?|参考|basic|bsc|理论)|(?P<sign>[±+\-~≤≥<>/,;()\[\]|])"
    r"|(?P<unit>(?:[A-Za-zμΩ°%'\"\ue002\ue003·℉]|(?<=[A-Za-z])/(?=[A-Za-z]))+)|(?P<cjk>[\u4e00-\u9fff]+)",
    re.IGNORECASE,
)
_CHINESE_UNITS = {
    "毫米": "mm",
    "厘米": "cm",
    "微米": "μm",
    "米": "m",
    "度": "°",
    "克": "g",
    "千克": "kg",
    "公斤": "kg",
    **{name: name for name in ("丝", "个", "件", "只", "次", "级", "秒", "分钟", "小时", "天")},
}
_DECIMAL_COMMA = re.compile(r"^\d+,(?:\d{1,2}|\d{4,})$|^0,\d+$")
_THOUSANDS = re.compile(r"^[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$")


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is one character: N for a number, U, L, F for keywords, or the sign itself."""

    kind: str
    value: Decimal = Decimal(0)
    unit: str = ""
    spaced: bool = False


@dataclass(frozen=True, slots=True)
class SpecText:
    """What stands before the numbers, and the numbers with their signs."""

    symbol: str
    is_bounded: bool
    tokens: tuple[Token, ...]

    @property
    def shape(self) -> str:
        """The kinds of the tokens, one character each."""
        return "".join(token.kind for token in self.tokens)


def read_text(text: str) -> SpecText:
    """Clean and cut a specification. Raises SpcInputError for text that has a part nobody can name."""
    cleaned = (
        unicodedata.normalize("NFKC", text.translate(_BEFORE).translate(_KEPT)).translate(_AFTER).strip()
    )
    for pattern, sign in _SPELLINGS:
        cleaned = pattern.sub(sign, cleaned)
    cleaned = _MARKS.sub(" ", cleaned).strip()
    cleaned = _COUNT.sub("", cleaned)
    symbol, cleaned = _take_symbol(cleaned)
    if not symbol and not re.match(rf"{_UPPER}|{_LOWER}", cleaned, re.IGNORECASE):
        cleaned = _LABEL.sub("", cleaned)
        cleaned = _COUNT.sub("", cleaned)
        symbol, cleaned = _take_symbol(cleaned)
    cleaned = re.sub(r"(?<=[~≤≥<>(\-/])\s*(?:SØ|Ø|R(?=\d))\s*", "", cleaned)  # "Ø5.00-Ø5.02"
    hardness = _HARDNESS.match(cleaned)
    if hardness:  # the unit stands before the number
        tokens = _tokens(cleaned[hardness.end() :], text)
        return SpecText(symbol, False, tuple(replace(token, unit=hardness[1]) for token in tokens))
    return SpecText(symbol, _is_bounded(symbol), tuple(_tokens(_FIT.sub(" ", cleaned), text)))


def _take_symbol(cleaned: str) -> tuple[str, str]:
    match = _SYMBOL.match(cleaned)
    if not match:
        return "", cleaned
    return re.sub(r"[\s:=]", "", match[0]), cleaned[match.end() :].strip()


def _is_bounded(symbol: str) -> bool:
    """Deviations of form and position, and roughness: never below zero, a single number is the largest."""
    if re.match(rf"{_GEOMETRIC_WORDS}|R[azqtpv]", symbol, re.IGNORECASE):
        return True
    return symbol != "" and symbol[0] in _GEOMETRIC_SIGNS


def _tokens(cleaned: str, text: str) -> list[Token]:
    numbers = [match["number"] for match in _TOKEN.finditer(cleaned) if match["number"]]
    decimal_comma = any(_DECIMAL_COMMA.match(number) for number in numbers)
    if decimal_comma and any("." in number for number in numbers):
        raise SpcInputError("text", f"{text!r}: comma and point are not both the decimal sign")
    tokens: list[Token] = []
    place, spaced = 0, False
    while place < len(cleaned):
        match = _TOKEN.match(cleaned, place)
        if match is None:
            raise SpcInputError("text", f"{text!r}: {cleaned[place]!r} is not understood")
        place = match.end()
        kind = match.lastgroup
        if kind == "space":
            spaced = True
            continue
        if kind == "number":
            tokens.append(Token("N", _number(match[0], decimal_comma, text), spaced=spaced))
        elif kind == "unit":
            _attach_unit(tokens, match[0].translate(_KEPT_BACK), text)
        elif kind == "cjk":
            if match[0] not in _CHINESE_UNITS:
                raise SpcInputError("text", f"{text!r}: {match[0]!r} is not understood")
            _attach_unit(tokens, _CHINESE_UNITS[match[0]], text)
        else:
            letter = {"upper": "U", "lower": "L", "reference": "F"}.get(str(kind), match[0])
            tokens.append(Token(letter, spaced=spaced))
        spaced = False
    return tokens


def _number(written: str, decimal_comma: bool, text: str) -> Decimal:
    if "," in written:
        if decimal_comma and written.count(",") == 1:
            written = written.replace(",", ".")
        elif not decimal_comma and _THOUSANDS.match(written):
            written = written.replace(",", "")
        else:
            raise SpcInputError("text", f"{text!r}: {written!r} is not clear: comma or thousands?")
    return Decimal(written)


def _attach_unit(tokens: list[Token], unit: str, text: str) -> None:
    """A unit belongs to the number before it; the x of "9.95 ≤ x ≤ 10.05" stands for the value."""
    last = tokens[-1] if tokens else None
    if last is not None and last.kind == "N" and not last.unit:
        tokens[-1] = replace(last, unit=unit)
    elif (last is None or last.kind in "≤≥<>") and len(unit) == 1:
        tokens.append(Token("X"))
    else:
        raise SpcInputError("text", f"{text!r}: {unit!r} is not understood")
