"""How contracts write amounts, dates and times. Exact: whole fen, plain dates, Asia/Shanghai.

Sources: the writing rules for bills and settlement vouchers of the People's Bank of China
(《支付结算办法》附一《正确填写票据和结算凭证的基本规定》, 1997), articles 1 to 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import product
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLAIN_DIGITS = "〇一二三四五六七八九"
_PLACES = ("", "拾", "佰", "仟")
_GROUPS = ("", "万", "亿")
_NO_SPARE = (False,) * len(_GROUPS)
_LIMIT_FEN = 10**14
"""A trillion yuan: beyond it the groups of four have no single name."""

_YUAN = re.compile(r"(-?)([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]{1,2}))?")
_SAME = str.maketrans(
    {
        "圆": "元",
        "圓": "元",
        "正": "整",
        "萬": "万",
        "億": "亿",
        "貳": "贰",
        "陸": "陆",
        "負": "负",
        "〇": "零",
    }
)
_CAPITAL = re.compile(
    r"(?P<minus>负)?(?:(?P<yuan>[零壹贰叁肆伍陆柒捌玖拾佰仟万亿]+)元)?"
    r"零?(?:(?P<jiao>[零壹贰叁肆伍陆柒捌玖])角)?零?(?:(?P<fen>[壹贰叁肆伍陆柒捌玖])分)?整?"
)


class FormatError(ValueError):
    """A text that is not what it should be, or a number that cannot be written so."""


# --- amounts ----------------------------------------------------------------------------------


def yuan_to_fen(text: str) -> int:
    """Return the fen of an amount in yuan: at most two decimals, commas in threes or none.

    Raises FormatError.
    """
    found = _YUAN.fullmatch(text.strip())
    if not found:
        raise FormatError(f"no amount in yuan with at most two decimals: {text!r}")
    sign, yuan, decimals = found.groups()
    fen = int(yuan.replace(",", "")) * 100 + int((decimals or "").ljust(2, "0"))
    return -fen if sign else fen


def fen_to_yuan(fen: int, *, grouped: bool = False) -> str:
    """Return an amount in yuan with two decimals; `grouped` with commas between thousands."""
    yuan, rest = divmod(abs(fen), 100)
    whole = f"{yuan:,}" if grouped else str(yuan)
    return f"{'-' if fen < 0 else ''}{whole}.{rest:02}"


def capital_amount(fen: int) -> str:
    """Return an amount in capital characters as this system prints it: no optional zero, 整 behind 角.

    Raises FormatError beyond a trillion yuan.
    """
    _must_fit(fen)
    yuan, jiao, rest = _split(fen)
    minus = "负" if fen < 0 else ""
    head = f"{_whole(yuan, _NO_SPARE)}元" if yuan or not (jiao or rest) else ""
    return minus + head + _tail(jiao, rest, after_yuan=bool(head), spare_zero=False)


def capital_wordings(fen: int) -> frozenset[str]:
    """Return every permitted wording of an amount: optional zeros both ways, 整 behind 角 or not.

    Raises FormatError beyond a trillion yuan.
    """
    _must_fit(fen)
    yuan, jiao, rest = _split(fen)
    minus = "负" if fen < 0 else ""
    heads = {f"{_whole(yuan, spare)}元" for spare in product((False, True), repeat=len(_GROUPS))}
    if not yuan and (jiao or rest):
        heads.add("")
    may_spare = bool(jiao) and yuan > 0 and yuan % 10 == 0
    found = set()
    for head, spared in product(heads, (False, True) if may_spare else (False,)):
        wording = minus + head + _tail(jiao, rest, after_yuan=bool(head), spare_zero=spared)
        found.add(wording)
        if jiao and not rest:
            found.add(wording.removesuffix("整"))
    return frozenset(found)


def parse_capital(text: str) -> int:
    """Return the fen of an amount in capital characters, in any permitted wording.

    人民币 in front, 圆 for 元, 正 for 整 and the traditional forms that the rules allow are understood.

    Raises FormatError for anything else, so that 壹佰伍元 (for 壹佰零伍元) is no amount.
    """
    wording = re.sub(r"\s", "", text).removeprefix("人民币").translate(_SAME)
    found = _CAPITAL.fullmatch(wording)
    if not found or not (found["yuan"] or found["jiao"] or found["fen"]):
        raise FormatError(f"no amount in capital characters: {text!r}")
    fen = _read_whole(found["yuan"] or "零") * 100
    fen += _DIGITS.index(found["jiao"] or "零") * 10 + _DIGITS.index(found["fen"] or "零")
    if found["minus"]:
        fen = -fen
    if abs(fen) >= _LIMIT_FEN or wording not in capital_wordings(fen):
        raise FormatError(f"not a permitted wording of an amount: {text!r}")
    return fen


def _must_fit(fen: int) -> None:
    if abs(fen) >= _LIMIT_FEN:
        raise FormatError(f"{fen} fen cannot be written in capital characters")


def _split(fen: int) -> tuple[int, int, int]:
    """Return yuan, jiao and fen of the absolute amount."""
    yuan, rest = divmod(abs(fen), 100)
    return yuan, rest // 10, rest % 10


def _tail(jiao: int, fen: int, *, after_yuan: bool, spare_zero: bool) -> str:
    """Return what stands behind 元."""
    if not jiao and not fen:
        return "整"
    if not jiao:
        return f"{'零' if after_yuan else ''}{_DIGITS[fen]}分"
    text = f"{'零' if spare_zero else ''}{_DIGITS[jiao]}角"
    return text + (f"{_DIGITS[fen]}分" if fen else "整")


def _groups(yuan: int) -> list[tuple[int, str]]:
    """Return the groups of four digits with their names, the highest first."""
    parts = [(yuan // 10000**n % 10000, _GROUPS[n]) for n in reversed(range(len(_GROUPS)))]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return parts


def _group(number: int) -> str:
    """Return the capital characters of 1 to 9999: one zero for any zeros between digits."""
    text = ""
    zero = False
    for place in reversed(range(4)):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if zero and text else "") + _DIGITS[digit] + _PLACES[place]
            zero = False
        else:
            zero = True
    return text


def _whole(yuan: int, spare: Sequence[bool]) -> str:
    """Return whole yuan; `spare` says for each group whether an optional zero is written in front of it."""
    if not yuan:
        return "零"
    text = ""
    before: int | None = None  # the group in front of this one
    for (number, name), spared in zip(_groups(yuan), spare, strict=False):
        if number:
            if before is not None:
                # A gap must be spoken; a group that ends with 0 before one that starts with a digit may be.
                must = number < 1000 or before == 0
                text += "零" if must or (spared and before % 10 == 0) else ""
            text += _group(number) + name
        before = number
    return text


def _read_whole(text: str) -> int:
    """Return the number of a wording, without judging it."""
    total = group = digit = 0
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS.index(character)
        elif character in _PLACES:
            group += digit * 10 ** _PLACES.index(character)
            digit = 0
        else:
            unit = 10000 ** _GROUPS.index(character)
            total = (total + group + digit) * unit if character == "亿" else total + (group + digit) * unit
            group = digit = 0
    return total + group + digit


# --- dates and times --------------------------------------------------------------------------


def chinese_date(day: date) -> str:
    """Return 2026年1月2日."""
    return f"{day.year}年{day.month}月{day.day}日"


def numeral_date(day: date) -> str:
    """Return 二〇二六年一月二日."""
    year = "".join(_PLAIN_DIGITS[int(digit)] for digit in f"{day.year:04}")
    return f"{year}年{_spoken(day.month)}月{_spoken(day.day)}日"


def bill_date(day: date) -> str:
    """Return 贰零贰陆年零壹月零贰日, as bills need it.

    零 stands before the months 1, 2 and 10 and the days 1 to 10, 20 and 30; 壹 before 拾 (article 4).
    """
    year = "".join(_DIGITS[int(digit)] for digit in f"{day.year:04}")
    month = ("零" if day.month in (1, 2, 10) else "") + _group(day.month)
    number = ("零" if day.day < 10 or day.day % 10 == 0 else "") + _group(day.day)
    return f"{year}年{month}月{number}日"


def shanghai(moment: int | str | datetime) -> datetime:
    """Return a moment in Asia/Shanghai: Unix seconds, ISO 8601 with an offset, or an aware datetime.

    Raises FormatError for a moment without an offset or out of range.
    """
    try:
        if isinstance(moment, int):
            return datetime.fromtimestamp(moment, UTC).astimezone(SHANGHAI)
        found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        if found.tzinfo is None:
            raise FormatError(f"a moment without an offset: {moment}")
        return found.astimezone(SHANGHAI)
    except (OverflowError, OSError) as error:
        raise FormatError(f"no moment: {moment}") from error
    except ValueError as error:
        raise error if isinstance(error, FormatError) else FormatError(f"no moment: {moment!r}") from error


def month_of(moment: int | str | datetime) -> str:
    """Return the month in Asia/Shanghai, as 2026-03."""
    return f"{shanghai(moment):%Y-%m}"


def _spoken(number: int) -> str:
    """Return 1 to 99 as spoken: 十一, 二十, 二十九."""
    tens, ones = divmod(number, 10)
    head = "" if not tens else ("十" if tens == 1 else f"{_PLAIN_DIGITS[tens]}十")
    return head + (_PLAIN_DIGITS[ones] if ones else "")
