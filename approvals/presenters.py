"""Approvals in words: the form as a table, an event's XML with its lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from django.utils.translation import gettext as _

from wecom import callback
from wecom.callback import Element
from wecom.crypto import CallbackRefused

_SHANGHAI = timezone(timedelta(hours=8))
_PLAIN = ("new_money", "new_number", "text")


@dataclass(frozen=True, slots=True)
class Field:
    """One control of a form: its title, its kind and id, and what was put in. Rows are of a table."""

    title: str
    kind: str
    id: str
    text: str
    rows: tuple[tuple[Field, ...], ...] = ()


def fields_of(detail: Mapping[str, Any]) -> list[Field]:
    """Return the form of a detail; what is not understood is shown empty, never an error."""
    apply_data = detail.get("apply_data")
    return list(_fields(apply_data.get("contents") if isinstance(apply_data, Mapping) else None))


def _fields(contents: object) -> Iterator[Field]:
    for control in contents if isinstance(contents, list) else ():
        if not isinstance(control, Mapping):
            continue
        raw = control.get("value")
        value: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}
        rows = tuple(
            tuple(_fields(row.get("list"))) for row in value.get("children") or () if isinstance(row, Mapping)
        )
        names = (str(control.get("control", "")), str(control.get("id", "")))
        yield Field(_title(control), *names, "" if rows else _text(value), rows)


def _title(control: Mapping[str, Any]) -> str:
    titles = control.get("title")
    words = [str(one.get("text", "")) for one in titles or () if isinstance(one, Mapping)]
    return next((text for text in words if text), str(control.get("id", "")))


def _text(value: Mapping[str, Any]) -> str:
    for name in _PLAIN:
        if value.get(name):
            return str(value[name])
    if isinstance(date := value.get("date"), Mapping):
        return _day(date.get("s_timestamp"))
    if isinstance(selector := value.get("selector"), Mapping):
        return "、".join(_title({"title": one.get("value")}) for one in selector.get("options") or ())
    if value.get("members"):
        return "、".join(str(one.get("name") or one.get("userid") or "") for one in value["members"])
    if value.get("departments"):
        return "、".join(
            department_in_words(str(one.get("openapi_id") or ""), str(one.get("name") or ""))
            for one in value["departments"]
        )
    if value.get("files"):
        return _("%(count)d 个附件") % {"count": len(value["files"])}
    if isinstance(formula := value.get("formula"), Mapping):
        return str(formula.get("value", ""))
    return ""


def department_in_words(number: str, name: str = "") -> str:
    """Return the name of a department; where WeCom gave none, its number, said to be one."""
    if name or not number:
        return name
    return _("部门 %(number)s（企业微信未给出名称）") % {"number": number}


def _day(seconds: object) -> str:
    try:
        return f"{datetime.fromtimestamp(int(str(seconds)), _SHANGHAI):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return ""


def readable(raw: str) -> str:
    """Return an event's XML with one element a line; as it came where it is no XML."""
    try:
        return "\n".join(_lines(callback.parse(raw.encode()), 0))
    except CallbackRefused:
        return raw


def _lines(element: Element, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if not element.children:
        yield f"{pad}<{element.name}>{element.text}</{element.name}>"
        return
    yield f"{pad}<{element.name}>"
    for child in element.children:
        yield from _lines(child, depth + 1)
    yield f"{pad}</{element.name}>"
