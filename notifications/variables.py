"""The variables of a template, pure: what type each has, and a sample that shows it.

Stored as JSON, `{"lot": {"type": "text", "sample": "B2611"}}`. The short form that a person
writes by hand (`{"lot": "B2611"}`, `{"items": {"prepared": "- …"}}`) is read, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from urllib.parse import urlsplit

from notifications.choices import VariableType

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}\Z")
MOST = 100
LONGEST_SAMPLE = 20_000

_USERID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}\Z")
_BETWEEN_USERIDS = re.compile(r"[\s,;|，；、]+")


@dataclass(frozen=True, slots=True)
class Variable:
    """One declared variable."""

    name: str
    type: str
    sample: str


def is_link(text: str) -> bool:
    """Say whether a text is an address that WeCom opens: http or https, a host, no blanks."""
    try:
        address = urlsplit(text)
        return address.scheme in ("http", "https") and bool(address.hostname) and not re.search(r"\s", text)
    except ValueError:
        return False


def userids(text: str) -> list[str]:
    """Return the userids of a text; nothing if one of them is none, or would ring everybody."""
    found = [word for word in _BETWEEN_USERIDS.split(text) if word]
    is_list = all(_USERID.match(word) and word.lower() != "all" for word in found)
    return found if is_list else []


def read(stored: object) -> dict[str, Variable]:
    """Return declared variables by name, from either form; raises ValueError for anything else."""
    if not isinstance(stored, Mapping):
        raise ValueError("变量必须是“变量名: 示例值”的对照表")
    return {str(name): _read_one(str(name), value) for name, value in stored.items()}


def _read_one(name: str, value: object) -> Variable:
    match value:
        case {"type": str(kind), "sample": str(sample), **rest} if not rest and kind in VariableType:
            return Variable(name, kind, sample)
        case {"prepared": str(sample), **rest} if not rest:
            return Variable(name, VariableType.LINES, sample)
        case str(sample):
            return Variable(name, VariableType.LINK if is_link(sample) else VariableType.TEXT, sample)
        case bool() | None:
            pass
        case int() | float():
            return Variable(name, VariableType.NUMBER, str(value))
    raise ValueError(f"变量 {name} 必须是示例值，或者含 type 与 sample 的对照表")


def write(variables: Mapping[str, Variable]) -> dict[str, dict[str, str]]:
    """Return variables in the form in which they are stored."""
    return {name: {"type": one.type, "sample": one.sample} for name, one in variables.items()}


def types(variables: Mapping[str, Variable]) -> dict[str, str]:
    """Return the type of each variable."""
    return {name: one.type for name, one in variables.items()}


def problems(variables: Mapping[str, Variable]) -> list[str]:
    """Return what is wrong with the declarations, each by the name of its variable."""
    found = [f"变量太多：{len(variables)} 个，最多 {MOST} 个"] if len(variables) > MOST else []
    for name, one in variables.items():
        if not NAME.match(name):
            found.append(f"{name} 不是变量名（字母、数字、下划线，最长 40）")
        elif len(one.sample) > LONGEST_SAMPLE:
            found.append(f"{name} 的示例太长")
        elif complaint := _COMPLAINTS.get(one.type, _no_complaint)(one.sample):
            found.append(f"{name}：{complaint}")
    return found


def _no_complaint(_sample: str) -> str:
    return ""


def _bad_number(sample: str) -> str:
    try:
        is_good = Decimal(sample.strip()).is_finite()
    except InvalidOperation:
        is_good = False
    return "" if is_good else f"示例“{sample}”不是数"


def _bad_time(sample: str) -> str:
    for reader in (datetime.fromisoformat, time.fromisoformat):
        try:
            reader(sample.strip())
        except ValueError:
            continue
        return ""
    return f"示例“{sample}”不是时间（如 2026-11-22 08:30）"


def _bad_link(sample: str) -> str:
    return "" if is_link(sample) else f"示例“{sample}”不是 http:// 或 https:// 开头的网址"


def _bad_userid(sample: str) -> str:
    return "" if userids(sample) else f"示例“{sample}”不是 userid"


_COMPLAINTS: dict[str, Callable[[str], str]] = {
    VariableType.NUMBER: _bad_number,
    VariableType.TIME: _bad_time,
    VariableType.LINK: _bad_link,
    VariableType.USERID: _bad_userid,
}
