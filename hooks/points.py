"""The twelve points at which a customer's code is called, and exactly what each is told.

A payload is plain data: ids, text, flags, counts, decimal numbers as text, times with their zone.
It never holds a row, a session or a float, so it can be stored, replayed and read by a program
that was written years ago. `schema` of a point counts up when a field changes its meaning or goes;
a field that is added leaves it as it is, because a hook takes only the fields that it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ITEMS_AT_MOST = 5000
"""So many entries may stand in a list of a payload; whoever fires sends more in several events."""


class Role(StrEnum):
    """What a point is for: to watch something happen, or to add to a result."""

    OBSERVER = "observer"
    FILTER = "filter"


class Kind(StrEnum):
    """What a field holds. `COUNT` is a whole number that fits 64 bits; `NUMBER` is decimal text."""

    ID = "id"
    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    FLAG = "flag"
    TIME = "time"
    DATE = "date"
    ITEMS = "items"
    MAPPING = "mapping"


class PayloadError(ValueError):
    """A payload that is not what its point promises: a mistake in the code that fires."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload; `may_be_none` where there may be nothing to tell."""

    name: str
    kind: Kind
    meaning: str
    may_be_none: bool = False
    fields: tuple[Field, ...] = ()
    """What each entry of `ITEMS` holds."""


@dataclass(frozen=True, slots=True)
class Point:
    """One hook point: who fires it, when, and what it tells."""

    name: str
    app: str
    when: str | Promise
    fields: tuple[Field, ...]
    role: Role = Role.OBSERVER
    schema: int = 1

    @property
    def arguments(self) -> frozenset[str]:
        """Return the names that a hook of this point may take."""
        return COMMON_ARGUMENTS | {one.name for one in self.fields}


COMMON_ARGUMENTS = frozenset({"event", "event_id"})
"""What every hook may take besides the fields of its point."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as a hook sees it; `payload` cannot be changed.

    The same `id` may come twice: whoever writes elsewhere remembers the ids that are done. In a
    dry run what is stored is taken back; a hook that reaches out of the system leaves that.
    """

    id: str
    point: str
    schema: int
    occurred_at: datetime
    attempt: int = 1
    is_dry_run: bool = False
    payload: Mapping[str, Any] = field(default_factory=dict)


# --- what the points tell -----------------------------------------------------------------------


def _id(name: str, meaning: str, *, none: bool = False) -> Field:
    return Field(name, Kind.ID, meaning, none)


def _text(name: str, meaning: str) -> Field:
    return Field(name, Kind.TEXT, meaning)


def _time(name: str, meaning: str, *, none: bool = False) -> Field:
    return Field(name, Kind.TIME, meaning, none)


def _count(name: str, meaning: str) -> Field:
    return Field(name, Kind.COUNT, meaning)


def _number(name: str, meaning: str, *, none: bool = False) -> Field:
    return Field(name, Kind.NUMBER, meaning, none)


_LINK = _text("link", "path of the page that shows it, or empty")

_ALARM = (
    _id("alarm_id", "the alarm (one episode)"),
    _text("key", "what is abnormal; the same for every episode of the same thing"),
    _text("source", "the app that found it: quality, energy, notifications, …"),
    _text("subject", "the row it speaks of, such as quality.IQC.entry:345, or empty"),
    _text("severity", "info, warning or critical"),
    _text("title", "one line"),
    _text("description", "several lines, or empty"),
    _text("value", "the value as shown, or empty"),
    _text("threshold", "the limit as shown, or empty"),
    _time("triggered_at", "when the episode began"),
    _LINK,
)

_WORK_ORDER = (
    _id("work_order_id", "the work order"),
    _id("alarm_id", "the alarm it belongs to", none=True),
    _text("title", "one line"),
    _text("description", "what is to be done, or empty"),
    _text("key", "what was abnormal (the key of the alarm), or empty"),
    _text("assignee", "login name of who does it, or empty"),
    _time("due_at", "when it should be done", none=True),
    _time("created_at", "when it was made"),
    _LINK,
)

_CHARGING_ORDER = (
    _id("order_id", "the row of the order"),
    _text("order_number", "the number given by the charging system; unique"),
    _text("station", "name or code of the charging station"),
    _text("plug", "name or code of the plug"),
    _text("state", "charging, completed or cancelled"),
    _time("started_at", "when charging began"),
    _time("ended_at", "when charging ended", none=True),
    _number("energy_kwh", "energy charged", none=True),
    _number("price", "what it costs", none=True),
)

_POINTS = (
    Point(
        "on_alarm_created",
        "alarms",
        _("报警产生（新的一次；再次发生或加重不算）"),
        _ALARM,
    ),
    Point(
        "on_alarm_resolved",
        "alarms",
        _("报警关闭：人工关闭，或自行恢复"),
        (
            *_ALARM,
            _time("resolved_at", "when it was closed"),
            _text("resolved_by", "login name of who closed it; empty: the system"),
            _text("resolution", "why: by_hand, recovered, corrected, period_end, …"),
            _text("cause", "the cause that a person gave, or empty"),
            _text("action", "the action that a person gave, or empty"),
            _count("occurrences", "how often it was seen during the episode"),
        ),
    ),
    Point(
        "on_energy_data_received",
        "energy",
        _("一批读数已入库"),
        (
            _id("batch_id", "the batch of readings"),
            _text("source", "who sent it: name of the token, file or gateway"),
            _text("way", "file, api, manual or mqtt"),
            _count("taken", "readings that are new"),
            _count("corrected", "readings that changed a stored one"),
            _count("rejected", "readings that were refused"),
            _time("first_at", "the earliest reading", none=True),
            _time("last_at", "the latest reading", none=True),
            Field(
                "meters",
                Kind.ITEMS,
                "the meters of the batch",
                fields=(
                    _id("device_id", "the meter"),
                    _text("code", "its code"),
                    _count("count", "its readings in this batch"),
                    _time("first_at", "its earliest reading"),
                    _time("last_at", "its latest reading"),
                ),
            ),
        ),
    ),
    Point(
        "on_device_status_changed",
        "energy",
        _("设备断线、恢复，或人工改了状态（短暂抖动不算）"),
        (
            _id("device_id", "the device"),
            _text("code", "its code"),
            _text("name", "its name"),
            _text("aspect", "connection (seen by the system) or status (set by a person)"),
            _text("before", "the state before"),
            _text("after", "the state now: unknown, online, silent; in_use, standby, retired"),
            _time("changed_at", "when it changed"),
            _time("last_seen_at", "its latest reading", none=True),
        ),
    ),
    Point(
        "on_quota_exceeded",
        "energy",
        _("周期用量超过配额本身（预警走报警）"),
        (
            _id("quota_id", "the quota"),
            _text("name", "its name"),
            _text("energy_type", "code of the energy type"),
            _text("target", "what is limited: name of a group or a device"),
            _text("period", "monthly, quarterly or yearly"),
            Field("period_start", Kind.DATE, "first day of the period"),
            Field("period_end", Kind.DATE, "last day of the period"),
            _number("actual_value", "use so far"),
            _number("quota_value", "the quota"),
            _text("unit", "unit of both"),
            _number("usage_rate_pct", "use in percent of the quota", none=True),
            _time("calculated_at", "when it was calculated"),
            _id("alarm_id", "the alarm that was raised", none=True),
            _LINK,
        ),
    ),
    Point("on_work_order_created", "alarms", _("新建工单"), _WORK_ORDER),
    Point(
        "on_work_order_completed",
        "alarms",
        _("工单完成"),
        (
            *_WORK_ORDER,
            _time("completed_at", "when it was completed"),
            _text("completed_by", "login name of who completed it, or empty"),
            _text("result", "what was done, or empty"),
        ),
    ),
    Point(
        "on_inspection_completed",
        "quality",
        _("报告全部项目已判定（更正后再次触发）"),
        (
            _text("kind", "IQC or OQC"),
            _id("report_id", "the report"),
            _count("revision", "which revision of it, from 1"),
            _text("report_no", "its number"),
            _text("party", "supplier (IQC) or customer (OQC)"),
            _text("part_number", "part number"),
            _text("part_name", "part name"),
            _text("lot", "lot"),
            _text("status", "NORMAL, ABNORMAL or ERROR"),
            _count("entries", "how many characteristics were judged"),
            _count("abnormal", "how many of them are abnormal"),
            _time("judged_at", "when the last verdict was written"),
            _LINK,
            Field(
                "abnormal_entries",
                Kind.ITEMS,
                "the abnormal ones",
                fields=(
                    _id("entry_id", "the entry"),
                    _text("name", "the characteristic"),
                    Field("is_out_of_spec", Kind.FLAG, "whether a value lies outside the specification"),
                    _text("rules", "the reasons, as codes with commas"),
                ),
            ),
        ),
    ),
    Point(
        "on_report_generated",
        "quality",
        _("系统生成了文件：异常汇总、标出问题的表格、验证记录"),
        (
            _text("kind", "inspection_summary, import_problems, verification"),
            _text("title", "what it is called"),
            _text("file_name", "name of the file; empty where the document is a page"),
            _text("path", "where the file lies below var/; empty where it was handed out and not kept"),
            _text("content_type", "media type of the file, or empty"),
            _count("size", "bytes of the file; 0 without one"),
            _text("sha256", "digest of the file, or empty"),
            _text("subject", "the row it speaks of, or empty"),
            _text("made_by", "login name of who asked for it; empty: the system"),
            _time("made_at", "when it was made"),
            _LINK,
        ),
    ),
    Point(
        "calculate_custom_kpis",
        "hooks",
        _("每隔几分钟：计算看板与 /metrics 上的客户指标"),
        (
            _time("now", "the moment of the calculation"),
            Field("core", Kind.MAPPING, "the system's own figures: name → decimal text"),
        ),
        role=Role.FILTER,
    ),
    Point("on_charging_order_created", "energy", _("充电订单已入库"), _CHARGING_ORDER),
    Point("on_charging_order_completed", "energy", _("充电订单完成"), _CHARGING_ORDER),
)

POINTS: Mapping[str, Point] = MappingProxyType({point.name: point for point in _POINTS})


def point(name: str) -> Point:
    """Return a point by its name; LookupError where there is none of that name."""
    try:
        return POINTS[name]
    except KeyError:
        raise LookupError(f"there is no hook point {name!r}") from None


# --- from Python to plain data, and its check -------------------------------------------------------


def plain(value: Any, *, where: str = "payload") -> Any:
    """Return a value as plain data: decimals as text, times as ISO text with zone, lazy text as text.

    Raises PayloadError for what is not plain: a row, a float, a time without a zone.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str | Promise):
        return str(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise PayloadError(f"{where}: {value} is no number")
        return format(value, "f")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise PayloadError(f"{where}: a time without a zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_key(key, where): plain(one, where=f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(one, where=f"{where}[{number}]") for number, one in enumerate(value)]
    if isinstance(value, float):
        raise PayloadError(f"{where}: a float; give numbers as Decimal or text")
    raise PayloadError(f"{where}: {type(value).__name__} is no plain data")


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise PayloadError(f"{where}: the key {key!r} is no text")
    return str(key)


def prepare(name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload as plain data of its point's shape.

    Raises LookupError for an unknown point, PayloadError for a payload that does not fit.
    """
    wanted = point(name)
    data: dict[str, Any] = plain(payload)
    _check_fields(wanted.fields, data, name)
    return data


def _check_fields(fields: Sequence[Field], data: Any, where: str) -> None:
    if not isinstance(data, dict):
        raise PayloadError(f"{where}: a mapping is wanted")
    names = {one.name for one in fields}
    if unknown := data.keys() - names:
        raise PayloadError(f"{where}: no such field: {', '.join(sorted(unknown))}")
    if missing := names - data.keys():
        raise PayloadError(f"{where}: missing: {', '.join(sorted(missing))}")
    for one in fields:
        _check_value(one, data[one.name], f"{where}.{one.name}")


def _check_value(one: Field, value: Any, where: str) -> None:
    if value is None and one.may_be_none:
        return
    if not _FITS[one.kind](value):
        raise PayloadError(f"{where}: {value!r} is no {one.kind}")
    if one.kind == Kind.ITEMS:
        if len(value) > ITEMS_AT_MOST:
            raise PayloadError(f"{where}: more than {ITEMS_AT_MOST} entries")
        for number, entry in enumerate(value):
            _check_fields(one.fields, entry, f"{where}[{number}]")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(one) for one in value.values())


_FITS = {
    Kind.ID: lambda value: _is_count(value) or (isinstance(value, str) and value != ""),
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.COUNT: _is_count,
    Kind.NUMBER: _is_number,
    Kind.FLAG: lambda value: isinstance(value, bool),
    Kind.TIME: _is_time,
    Kind.DATE: _is_date,
    Kind.ITEMS: lambda value: isinstance(value, list),
    Kind.MAPPING: _is_mapping,
}


def dumps(data: Mapping[str, Any]) -> str:
    """Return plain data as text of ASCII alone: every database stores it, whatever it holds."""
    return json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def frozen(value: Any) -> Any:
    """Return plain data that cannot be changed."""
    if isinstance(value, dict):
        return MappingProxyType({key: frozen(one) for key, one in value.items()})
    if isinstance(value, list):
        return tuple(frozen(one) for one in value)
    return value
