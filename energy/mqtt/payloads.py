"""Messages of MQTT → readings: topic filters, codes of meters, paths into JSON, moments.

Nothing here touches the database, the disk or the network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, DecimalException, Inexact
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from django.utils.translation import gettext as _

from energy.importing.moments import moment_of
from spc_site.errors import AppError
from spc_site.lib.columns import CellFault

MOST_BYTES = 256 * 1024
"""A larger payload is no reading."""
_EXCERPT = 120
_MOST_DIGITS = 40
_MILLISECONDS_FROM = Decimal(10) ** 11
"""A larger number is milliseconds since 1970: as seconds it would be the year 5138."""

_STEP = re.compile(r'\.?(?:\[(?P<index>\d{1,6})\]|\["(?P<quoted>[^"\]]+)"\]|(?P<name>[^.\[\]"]+))')
_LEVEL = re.compile(r"\{(\d{1,3})\}")
_EXACT = Context(prec=100, traps=[Inexact, *(one for one in Context().traps if Context().traps[one])])

Path: TypeAlias = "tuple[str | int, ...]"


class Message(NamedTuple):
    """One message as it came, and when."""

    topic: str
    payload: bytes
    arrived: datetime

    @property
    def excerpt(self) -> str:
        """Return the beginning of the payload for people."""
        text = self.payload[: 4 * _EXCERPT].decode("utf-8", "replace")
        text = "".join(one if one.isprintable() else "·" for one in text)
        return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"


class Found(NamedTuple):
    """One value of a message. `at` is None where the message has no time of its own."""

    meter: str
    at: datetime | None
    value: Decimal


@dataclass(frozen=True, slots=True)
class Layout:
    """How the messages of one topic filter are read.

    The code of the meter is `meter` itself, or made of levels of the topic (`meter_pattern`), or
    stands in the payload (`meter_path`). Without `value_path` the payload is a plain number; with
    `items_path` it holds a list of values and the other paths begin at each entry.
    """

    meter: str = ""
    meter_pattern: str = ""
    meter_path: str = ""
    items_path: str = ""
    value_path: str = ""
    time_path: str = ""
    scale: Decimal = Decimal(1)
    decimals: int | None = None


# --- topics -----------------------------------------------------------------------------------


def check_filter(text: str) -> None:
    """Refuse what no broker takes as a filter, or what would not bring readings.

    Raises
    ------
    AppError
        `bad_filter`.
    """
    levels = text.split("/")
    if not text or "\0" in text:
        raise AppError("bad_filter", _("请填写主题"))
    if text.startswith("$"):
        raise AppError("bad_filter", _("以 $ 开头的主题是代理自己的，没有读数"))
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        raise AppError("bad_filter", _("# 只能单独作为最后一级，如 plant/#"))
    if any("+" in level and level != "+" for level in levels):
        raise AppError("bad_filter", _("+ 必须单独占一级，如 plant/+/energy"))


@lru_cache(maxsize=50_000)
def matches(topic_filter: str, topic: str) -> bool:
    """Tell whether a topic belongs to a filter, as brokers do."""
    if topic.startswith("$") != topic_filter.startswith("$"):
        return False
    wanted, given = topic_filter.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(given) or level not in ("+", given[place]):
            return False
    return len(wanted) == len(given)


def check_pattern(pattern: str, topic_filter: str) -> None:
    """Refuse a pattern that names no level, or one that the topics need not have.

    Raises
    ------
    AppError
        `bad_pattern`.
    """
    numbers = [int(number) for number in _LEVEL.findall(pattern)]
    if not numbers or "{" in _LEVEL.sub("", pattern):
        raise AppError("bad_pattern", _("用 {1}、{2} … 表示主题的第几级，如 E-{2}"))
    levels = len(topic_filter.split("/"))
    if topic_filter.endswith("#"):
        levels = 100
    if min(numbers) < 1 or max(numbers) > levels:
        raise AppError("bad_pattern", _("主题只有 %(count)d 级") % {"count": levels})


def code_of(pattern: str, topic: str) -> str:
    """Return the code of the meter that levels of the topic make.

    Raises
    ------
    AppError
        `no_level`: the topic is too short.
    """
    levels = topic.split("/")

    def level(match: re.Match[str]) -> str:
        number = int(match[1])
        if number > len(levels):
            raise AppError("no_level", _("主题没有第 %(number)d 级，请改表号的拼法") % {"number": number})
        return levels[number - 1]

    return _LEVEL.sub(level, pattern)


# --- paths ------------------------------------------------------------------------------------


@lru_cache(maxsize=2_000)
def parse_path(text: str) -> Path:
    """Read `data.meters[0].value`; names with dots are written `["a.b"]`.

    Raises
    ------
    AppError
        `bad_path`.
    """
    steps: list[str | int] = []
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        has_dot = match is not None and match[0].startswith(".")
        if match is None or has_dot != (place > 0 and match["name"] is not None):
            raise AppError("bad_path", _('路径应如 data.meters[0].value；名称含点时写作 ["a.b"]'))
        steps.append(int(match["index"]) if match["index"] else match["quoted"] or match["name"])
        place = match.end()
    if not steps:
        raise AppError("bad_path", _("路径是空的"))
    return tuple(steps)


def _at(document: Any, path: str) -> Any:
    """Return what stands at a path."""
    here = document
    for step in parse_path(path):
        if not _has(here, step):
            raise AppError("no_path", _("报文里没有“%(path)s”，请改路径") % {"path": path})
        here = here[step]
    return here


def _has(here: Any, step: str | int) -> bool:
    if isinstance(step, int):
        return isinstance(here, list) and step < len(here)
    return isinstance(here, dict) and step in here


# --- values -----------------------------------------------------------------------------------


def read(layout: Layout, message: Message) -> Iterator[Found | AppError]:
    """Yield the values of a message; of those that cannot be read, the refusals."""
    try:
        if len(message.payload) > MOST_BYTES:
            raise AppError("too_long", _("报文超过 %(kb)d KB，不像读数") % {"kb": MOST_BYTES // 1024})
        text = message.payload.decode("utf-8-sig").strip()
        document = json_of(text) if layout.value_path else text
        items = _items(document, layout)
    except UnicodeDecodeError:
        yield AppError("not_text", _("报文不是 UTF-8 文字；二进制报文请先由网关转为数值或 JSON"))
        return
    except AppError as refusal:
        yield refusal
        return
    for item in items:
        try:
            yield _found(layout, message.topic, item)
        except AppError as refusal:
            yield refusal


def json_of(text: str) -> Any:
    """Read JSON with exact numbers.

    Raises
    ------
    AppError
        `not_json`.
    """
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)
    except (ValueError, DecimalException, RecursionError):
        raise AppError("not_json", _("报文不是 JSON；若是单个数值，请把数值路径留空")) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _items(document: Any, layout: Layout) -> list[Any]:
    if not layout.items_path:
        return [document]
    items = _at(document, layout.items_path)
    if not isinstance(items, list):
        raise AppError("not_a_list", _("“%(path)s”不是列表") % {"path": layout.items_path})
    return items


def _found(layout: Layout, topic: str, item: Any) -> Found:
    value = number_of(_at(item, layout.value_path) if layout.value_path else item)
    at = moment_from(_at(item, layout.time_path)) if layout.time_path else None
    return Found(_meter(layout, topic, item), at, scaled(value, layout))


def _meter(layout: Layout, topic: str, item: Any) -> str:
    if layout.meter_path:
        code = _at(item, layout.meter_path)
        if isinstance(code, Decimal):
            code = str(code)
        if not isinstance(code, str) or not code.strip():
            raise AppError("no_meter", _("“%(path)s”不是表号") % {"path": layout.meter_path})
        return code.strip()
    return code_of(layout.meter_pattern, topic) if layout.meter_pattern else layout.meter


def number_of(value: Any) -> Decimal:
    """Return a number, also one that stands in quotes.

    Raises
    ------
    AppError
        `not_a_number`.
    """
    try:
        number = Decimal(value.strip()) if isinstance(value, str) else value
    except DecimalException:
        number = None
    if (
        not isinstance(number, Decimal)
        or not number.is_finite()
        or len(number.as_tuple().digits) > _MOST_DIGITS
    ):
        shown = str(value)[:40]
        raise AppError("not_a_number", _("“%(value)s”不是数值，请看报文或改数值路径") % {"value": shown})
    return number


def moment_from(value: Any) -> datetime:
    """Return the moment of a text, or of a number of seconds or milliseconds since 1970.

    Raises
    ------
    AppError
        `bad_time`.
    """
    try:
        if isinstance(value, str) and not re.fullmatch(r"\d{9,13}(\.\d+)?", value.strip()):
            return moment_of(value)
        number = number_of(value)
        if number >= _MILLISECONDS_FROM:
            number /= 1000
        return datetime.fromtimestamp(int(number), UTC)
    except (AppError, CellFault, OverflowError, ValueError, OSError, DecimalException):
        shown = str(value)[:40]
        raise AppError(
            "bad_time",
            _("“%(value)s”不是时刻：应为 ISO 8601，或 1970 年以来的秒数或毫秒数") % {"value": shown},
        ) from None


def scaled(value: Decimal, layout: Layout) -> Decimal:
    """Return a value in the unit of the meter, rounded where the layout says so."""
    try:
        if layout.scale != 1:
            value = _EXACT.multiply(value, layout.scale)
        if layout.decimals is not None:
            value = value.quantize(Decimal(1).scaleb(-layout.decimals))
    except DecimalException:
        raise AppError("too_large", _("读数过大")) from None
    return value
