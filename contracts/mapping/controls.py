"""The controls of an approval form as `oa/getapprovaldetail` gives them, and the value in each.

Unused members of a control's value come as empty arrays, whatever they should be, and new kinds of
control appear over time: what is not understood is odd only where somebody wants it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from contracts.formats import FormatError, shanghai

_NUMBER = re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?")
_MOST_CHARACTERS = 24
"""Of a number: so many digits stay exact in every step of decimal arithmetic, a sum included."""

_WITHOUT_VALUE = frozenset({"Tips"})


class OddValue(ValueError):
    """A value that is not what its control or its conversion needs; `code` is a stable word."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time in Asia/Shanghai; `has_time` is false where only a day was asked for."""

    at: datetime
    has_time: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, and the duration that WeCom computed, in seconds."""

    begin: Moment
    end: Moment
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """An option, a member or a department: the stable key and the words of today."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """A value with named parts: a location, a bank account."""

    parts: Mapping[str, Any]

    def part(self, path: str) -> str:
        """Return the text at `bank.name`; empty where there is none."""
        found: Any = self.parts
        for key in path.split("."):
            found = found.get(key) if isinstance(found, Mapping) else None
        return "" if found is None or isinstance(found, Mapping | list) else str(found)


Value = str | Decimal | Moment | Span | Record | tuple[Named, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Control:
    """One control with what the applicant entered, as it came."""

    id: str
    kind: str
    titles: tuple[str, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def title(self) -> str:
        return self.titles[0] if self.titles else ""

    def is_called(self, name: str) -> bool:
        return name in self.titles

    def rows(self) -> tuple[Row, ...]:
        """Return the rows of a table, those in which nothing at all was entered left out."""
        rows = tuple(_row(child) for child in _list(self.raw.get("children")))
        return tuple(row for row in rows if any(not control.is_empty() for control in row.controls))

    def unnamed_departments(self) -> list[str]:
        """Return the numbers of the departments of a contact that WeCom gave no name for."""
        chosen = map(_mapping, _list(self.raw.get("departments")))
        return [str(one.get("openapi_id", "")) for one in chosen if not one.get("name")]

    def is_empty(self) -> bool:
        try:
            return not self.rows() if self.kind == "Table" else self.value() is None
        except OddValue:
            return False

    def value(self) -> Value | None:
        """Return what was entered; None for nothing. Raises OddValue."""
        read = _READERS.get(self.kind)
        if read is None:
            raise OddValue("unknown_control", self.kind)
        return read(self.raw)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: controls of the same shape as those of the form."""

    controls: tuple[Control, ...]

    def find(self, name: str, kind: str = "") -> Control | None:
        return _find(self.controls, name, kind)


@dataclass(frozen=True, slots=True)
class Form:
    """The controls of one approval, and what its detail says around them."""

    controls: tuple[Control, ...]
    info: Mapping[str, Any] = field(repr=False)

    def find(self, name: str, kind: str = "") -> Control | None:
        """Return the control with this id; failing that the only one with this title (of this kind)."""
        return _find(self.controls, name, kind)

    def paths(self) -> Iterator[tuple[str, Control]]:
        """Return every control with its path; those in a table as `table/child`, from its first row."""
        for control in self.controls:
            yield control.id, control
            for child in _list(control.raw.get("children"))[:1] if control.kind == "Table" else ():
                for inner in _row(child).controls:
                    yield f"{control.id}/{inner.id}", inner


def read_form(detail: Mapping[str, Any]) -> Form:
    """Return the form in an answer of `oa/getapprovaldetail`, or in its `info` alone."""
    info = _mapping(detail.get("info")) or detail
    contents = _list(_mapping(info.get("apply_data")).get("contents"))
    return Form(tuple(_control(one) for one in contents if isinstance(one, Mapping)), info)


def decimal_of(text: str) -> Decimal:
    """Return a decimal number as it is written, with commas in threes or none. Raises OddValue."""
    text = text.strip()
    if not _NUMBER.fullmatch(text) or len(text) > _MOST_CHARACTERS:
        raise OddValue("no_number", text[:40])
    return Decimal(text.replace(",", ""))


def _find(controls: Sequence[Control], name: str, kind: str) -> Control | None:
    for control in controls:
        if control.id == name:
            return control
    called = [one for one in controls if one.is_called(name) and kind in ("", one.kind)]
    return called[0] if len(called) == 1 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _control(one: Mapping[str, Any]) -> Control:
    titles = [str(_mapping(title).get("text") or "") for title in _list(one.get("title"))]
    named = tuple(dict.fromkeys(title for title in titles if title))
    return Control(str(one.get("id", "")), str(one.get("control", "")), named, _mapping(one.get("value")))


def _row(child: Any) -> Row:
    return Row(tuple(_control(one) for one in _list(_mapping(child).get("list")) if isinstance(one, Mapping)))


# --- readers ------------------------------------------------------------------------------------


def _text(raw: Mapping[str, Any]) -> str | None:
    text = str(raw.get("text") or "").replace("\r\n", "\n").strip()
    return text or None


def _decimal(key: str) -> Any:
    def read(raw: Mapping[str, Any]) -> Decimal | None:
        text = raw.get(key)
        text = "" if text is None or isinstance(text, list | Mapping) else str(text).strip()
        return decimal_of(text) if text else None

    return read


def _formula(raw: Mapping[str, Any]) -> str | None:
    found = _mapping(raw.get("formula")).get("value")
    return (str(found).strip() or None) if found is not None else None


def _moment(seconds: Any, kind: Any) -> Moment | None:
    text = str(seconds).strip() if isinstance(seconds, str | int) else ""
    if text in ("", "0"):
        return None
    try:
        return Moment(shanghai(int(text)), has_time=kind not in ("day", "halfday"))
    except (ValueError, FormatError) as error:
        raise OddValue("no_moment", text[:40]) from error


def _date(raw: Mapping[str, Any]) -> Moment | None:
    date = _mapping(raw.get("date")) or raw  # one published sample has no wrapper
    return _moment(date.get("s_timestamp"), date.get("type", "day"))


def _date_range(raw: Mapping[str, Any]) -> Span | None:
    found = _mapping(raw.get("date_range"))
    begin, end = (_moment(found.get(name), found.get("type", "day")) for name in ("new_begin", "new_end"))
    if begin is None and end is None:
        return None
    if begin is None or end is None or end.at < begin.at:
        raise OddValue("bad_span")
    duration = found.get("new_duration")
    return Span(begin, end, int(duration) if isinstance(duration, int) else None)


def _selector(raw: Mapping[str, Any]) -> tuple[Named, ...] | None:
    found = []
    for option in _list(_mapping(raw.get("selector")).get("options")):
        words = [str(_mapping(word).get("text") or "") for word in _list(_mapping(option).get("value"))]
        found.append(Named(str(_mapping(option).get("key", "")), next(filter(None, words), "")))
    return tuple(found) or None


def _contact(raw: Mapping[str, Any]) -> tuple[Named, ...] | None:
    members = [
        Named(str(one.get("userid", "")), str(one.get("name") or ""))
        for one in map(_mapping, _list(raw.get("members")))
    ]
    departments = [
        Named(str(one.get("openapi_id", "")), str(one.get("name") or ""))
        for one in map(_mapping, _list(raw.get("departments")))
    ]
    return (*members, *departments) or None


def _files(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    return tuple(str(_mapping(one).get("file_id", "")) for one in _list(raw.get("files"))) or None


def _related(raw: Mapping[str, Any]) -> tuple[str, ...] | None:
    found = (str(_mapping(one).get("sp_no", "")) for one in _list(raw.get("related_approval")))
    return tuple(filter(None, found)) or None


def _record(key: str) -> Any:
    def read(raw: Mapping[str, Any]) -> Record | None:
        found = _mapping(raw.get(key))
        return Record(found) if any(value not in ("", None, []) for value in found.values()) else None

    return read


def _no_value(raw: Mapping[str, Any]) -> None:
    return None


_READERS: Mapping[str, Any] = {
    "Text": _text,
    "Textarea": _text,
    "Number": _decimal("new_number"),
    "Money": _decimal("new_money"),
    "Formula": _formula,
    "Date": _date,
    "DateRange": _date_range,
    "Selector": _selector,
    "Contact": _contact,
    "File": _files,
    "RelatedApproval": _related,
    "Location": _record("location"),
    "BankAccount": _record("bank_account"),
    **dict.fromkeys(_WITHOUT_VALUE, _no_value),
}
KINDS = (*_READERS, "Table")
"""The kinds of control that a contract can take values from."""
