"""Start the approval of a contract from here: WeCom's own form, filled in on a page of ours.

The form is asked of WeCom when it is shown and when it is handed in, so that it is always today's. What the
approval becomes is no concern of this module: a granted one makes a contract like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from approvals import client
from approvals.models import OutgoingApproval
from approvals.services import start_approval
from approvals.services.reading import in_words
from contracts import formats
from contracts.mapping.controls import OddValue, decimal_of
from contracts.mapping.conversions import fen_of
from contracts.models import ContractTemplate
from spc_site.errors import AppError

ROWS = 6
"""Of a table on the page; blank ones are left out."""

_FILLED_HERE = frozenset({"Text", "Textarea", "Number", "Money", "Date", "Selector"})
_WITHOUT_VALUE = frozenset({"Tips"})
_TOKEN = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A control of WeCom's form; a table has columns, a choice its options as key and words."""

    id: str
    kind: str
    title: str
    is_required: bool
    options: tuple[tuple[str, str], ...] = ()
    columns: tuple[Asked, ...] = ()


def form_of(template: ContractTemplate) -> list[Asked]:
    """Return the controls of a template's approval that are filled in here. Asks WeCom.

    Raises AppError where WeCom cannot be asked, or where it wants something that only its own form takes.
    """
    if not template.wecom_template_id:
        raise AppError("no_form", _("此模板没有填写企业微信审批模板 ID。"))
    found = client.approvals().template(template.wecom_template_id)
    if not found.outcome.ok:
        raise AppError("wecom_failed", in_words(found.outcome))
    return list(_asked(_mapping(found.info.get("template_content")).get("controls")))


def _asked(controls: object) -> Iterator[Asked]:
    for one in controls if isinstance(controls, list) else ():
        said, config = _mapping(_mapping(one).get("property")), _mapping(_mapping(one).get("config"))
        kind, is_required = str(said.get("control", "")), said.get("require") == 1
        control = Asked(
            id=str(said.get("id", "")),
            kind=kind,
            title=_words(said.get("title")),
            is_required=is_required,
            options=tuple(
                (str(_mapping(option).get("key", "")), _words(_mapping(option).get("value")))
                for option in _mapping(config.get("selector")).get("options") or ()
            ),
            columns=tuple(_asked(_mapping(config.get("table")).get("children"))),
        )
        if kind in _FILLED_HERE or (kind == "Table" and control.columns):
            yield control
        elif is_required and kind not in _WITHOUT_VALUE:
            raise AppError(
                "only_in_wecom",
                _("控件“%(title)s”（%(kind)s）只能在企业微信里填写，请在企业微信中发起。")
                % {"title": control.title, "kind": kind},
            )


def start(
    template: ContractTemplate, typed: Mapping[str, str], *, token: str, user: User
) -> OutgoingApproval:
    """Hand in the approval of a contract in the person's own name; the same token hands in once.

    `typed` holds texts by control id, of a table's cells by `id.row.child` with rows from 0.

    Raises AppError with every place that is missing or odd.
    """
    profile = getattr(user, "profile", None)
    if profile is None or not profile.wecom_userid:
        raise AppError("no_userid", _("您的账号没有对应的企业微信成员，不能发起审批。"))
    if not _TOKEN.fullmatch(token):
        raise AppError("bad_token", _("页面已过期，请重新打开。"))
    asked = form_of(template)
    contents = contents_of(asked, typed)
    said = [f"{one.title}：{typed[one.id].strip()}" for one in asked if typed.get(one.id, "").strip()]
    return start_approval(
        key=f"{_key(template)}{token}",
        template_id=template.wecom_template_id,
        creator=profile.wecom_userid,
        contents=contents,
        summary=said[:3],
        user=user,
    )


def started(template: ContractTemplate) -> QuerySet[OutgoingApproval]:
    """Return the approvals of a template that were started here, the newest first."""
    return OutgoingApproval.objects.filter(key__startswith=_key(template))


def _key(template: ContractTemplate) -> str:
    return f"contracts.template:{template.pk}:"


def contents_of(asked: Sequence[Asked], typed: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a filled form as `oa/applyevent` takes it; a blank control that may be so is left out.

    Raises AppError that names everything missing or odd.
    """
    faults: list[str] = []
    contents = []
    for control in asked:
        if control.kind == "Table":
            rows = list(_rows(control, typed, faults))
            if rows:
                contents.append(_filled(control, {"children": rows}))
            elif control.is_required:
                faults.append(_("%(title)s：没有填写") % {"title": control.title})
        elif value := _value(control, typed.get(control.id, ""), control.title, faults):
            contents.append(_filled(control, value))
    if faults:
        raise AppError("form_incomplete", "；".join(faults))
    return contents


def _rows(table: Asked, typed: Mapping[str, str], faults: list[str]) -> Iterator[dict[str, Any]]:
    """Return the rows in which something stands; each holds every column, as WeCom wants it."""
    for number in range(ROWS):
        cells = {column.id: typed.get(f"{table.id}.{number}.{column.id}", "") for column in table.columns}
        if not any(text.strip() for text in cells.values()):
            continue
        listed = []
        for column in table.columns:
            where = _("%(table)s 第 %(row)d 行 %(title)s") % {
                "table": table.title,
                "row": number + 1,
                "title": column.title,
            }
            listed.append(_filled(column, _value(column, cells[column.id], where, faults) or {}))
        yield {"list": listed}


def _filled(control: Asked, value: Mapping[str, Any]) -> dict[str, Any]:
    return {"control": control.kind, "id": control.id, "value": dict(value)}


def _value(control: Asked, text: str, where: str, faults: list[str]) -> dict[str, Any] | None:
    """Return the value of one control; None where nothing stands or something odd, which is noted."""
    text = text.replace("\r\n", "\n").strip()
    if not text:
        if control.is_required:
            faults.append(_("%(title)s：没有填写") % {"title": where})
        return None
    try:
        return _read(control, text)
    except OddValue:
        faults.append(_("%(title)s：“%(text)s”不能填在这里") % {"title": where, "text": text[:40]})
        return None


def _read(control: Asked, text: str) -> dict[str, Any]:
    match control.kind:
        case "Number":
            return {"new_number": f"{decimal_of(text):f}"}
        case "Money":
            fen_of(decimal_of(text))
            return {"new_money": f"{decimal_of(text):f}"}
        case "Date":
            return {"date": {"type": "day", "s_timestamp": str(_midnight(text))}}
        case "Selector":
            if text not in dict(control.options):
                raise OddValue("no_option", text)
            return {"selector": {"type": "single", "options": [{"key": text}]}}
        case "Text":
            return {"text": " ".join(text.split())}
    return {"text": text}


def _midnight(text: str) -> int:
    """Return the second at which a day begins in Shanghai. Raises OddValue."""
    try:
        day = parse_date(text)
    except ValueError as error:
        raise OddValue("no_date", text) from error
    if day is None:
        raise OddValue("no_date", text)
    return int(datetime(day.year, day.month, day.day, tzinfo=formats.SHANGHAI).timestamp())


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(texts: object) -> str:
    """Return the first words of a text in several languages."""
    found = (str(_mapping(one).get("text") or "") for one in (texts if isinstance(texts, list) else ()))
    return next(filter(None, found), "")
