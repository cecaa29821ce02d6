"""Fill the approval form of a disposition: placeholders → the controls that `oa/applyevent` takes.

Nothing here asks WeCom. A text is scanned once: what a person typed into a reason is never
taken for a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.people import name_of
from approvals.services.starting import MARK
from quality.choices import ControlKind, Decision
from quality.kinds import KINDS
from quality.models import Disposition, DispositionControl, DispositionForm
from spc_site.errors import AppError

PLACEHOLDERS: Mapping[str, Promise] = {
    "kind": gettext_lazy("来料检验或出货检验"),
    "decision": gettext_lazy("处置"),
    "party": gettext_lazy("供应商或客户"),
    "part_name": gettext_lazy("品名"),
    "part_number": gettext_lazy("料号"),
    "lot": gettext_lazy("批号"),
    "report_no": gettext_lazy("报告编号"),
    "revision": gettext_lazy("修订"),
    "quantity": gettext_lazy("涉及数量"),
    "unit": gettext_lazy("单位"),
    "defects": gettext_lazy("不合格项目，每行一项"),
    "defect_count": gettext_lazy("不合格项目数"),
    "reason": gettext_lazy("理由"),
    "person": gettext_lazy("提出人"),
    "date": gettext_lazy("提出日期"),
    "url": gettext_lazy("报告地址"),
    "mark": gettext_lazy("来源编号，丢失答复时据此找回"),
}
"""What a control's text may name, and what it stands for."""

_TOKEN = re.compile(r"\{([a-z_]+)\}")
_DEFECTS_NAMED = 20
_SHANGHAI = timedelta(hours=8)
_MOST_CHARACTERS = {ControlKind.TEXT: 500, ControlKind.TEXTAREA: 4000}

_PROPOSALS: Sequence[tuple[str, str]] = (
    ("来源|单据号|系统编号", MARK),
    ("让步理由|申请理由|理由|原因说明", "{reason}"),
    ("不合格|不良|缺陷|异常", "{defects}"),
    ("料号|物料编码|图号", "{part_number}"),
    ("品名|物料名称|产品名称|零件", "{part_name}"),
    ("批号|批次", "{lot}"),
    ("数量", "{quantity}"),
    ("供应商|客户", "{party}"),
    ("日期", "{date}"),
    ("处置", "{decision}"),
    ("链接|地址|网址", "{url}"),
    ("报告|主题|标题", "{report_no} {part_name} {part_number} {lot}"),
)
"""What the title of a control says should stand in it; the first that fits."""


def propose(title: str, kind: str) -> str:
    """Return the text that the title of a control asks for; empty where it says nothing known."""
    if kind == ControlKind.SELECTOR:
        return ""
    if kind == ControlKind.DATE:
        return "{date}"
    return next((text for words, text in _PROPOSALS if re.search(words, title)), "")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of their names; the mark's place stays, it is filled when it is started."""
    return _TOKEN.sub(lambda match: values.get(match.group(1), match.group(0)), text).strip()


def filled(form: DispositionForm, disposition: Disposition) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the contents of the approval and the lines of its summary; raises AppError."""
    controls = list(form.controls.all())
    values = values_of(disposition)
    if not controls:
        raise AppError("form_unfilled", _("审批表单“%(form)s”还没有设置控件。") % {"form": form})
    summary = [
        f"{values['decision']} {values['part_name']}",
        f"{values['party']}",
        f"{values['lot']} {disposition.amount}",
    ]
    return contents_of(controls, values), summary


def values_of(disposition: Disposition) -> dict[str, str]:
    """Return what stands for each placeholder but the mark, in the language of the plant."""
    report = disposition.report
    lines = [f"{one['name']} {one['what']}".strip() for one in disposition.covers[:_DEFECTS_NAMED]]
    with translation.override(settings.LANGUAGE_CODE):
        if len(disposition.covers) > _DEFECTS_NAMED:
            lines.append(_("…… 共 %(count)s 项") % {"count": len(disposition.covers)})
        return {
            "kind": str(KINDS[report.KIND].title),
            "decision": str(Decision(disposition.decision).label),
            "party": report.party.name,
            "part_name": report.part.name,
            "part_number": report.part.number,
            "lot": report.lot,
            "report_no": report.report_no or f"{report.KIND}-{report.pk}",
            "revision": str(disposition.revision),
            "quantity": f"{disposition.quantity.normalize():f}",
            "unit": disposition.unit,
            "defects": "\n".join(lines),
            "defect_count": str(len(disposition.covers)),
            "reason": disposition.reason,
            "person": name_of(disposition.proposed_by),
            "date": timezone.localtime(disposition.proposed_at).date().isoformat(),
            "url": settings.FRONTEND_URL + report.get_absolute_url(),
        }


def contents_of(controls: Iterable[DispositionControl], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the filled controls; raises AppError that names every one that cannot be filled."""
    contents, wrong = [], []
    for control in controls:
        text = fill(control.text, values)
        if not text:
            if control.is_required:
                wrong.append(_("“%(control)s”是必填项，没有内容") % {"control": control})
            continue
        try:
            value = _VALUES[control.kind](text)
        except (ValueError, InvalidOperation):
            wrong.append(
                _("“%(control)s”要的是%(kind)s，不是“%(text)s”")
                % {"control": control, "kind": control.get_kind_display(), "text": text[:40]}
            )
        else:
            contents.append({"control": control.kind, "id": control.control_id, "value": value})
    if wrong:
        raise AppError("form_unfilled", _("审批表单填不完整：%(wrong)s。") % {"wrong": "；".join(wrong)})
    return contents


def unknown_placeholders(text: str) -> list[str]:
    """Return the placeholders of a text that stand for nothing."""
    return [f"{{{name}}}" for name in dict.fromkeys(_TOKEN.findall(text)) if name not in PLACEHOLDERS]


def problems_of(controls: Sequence[DispositionControl]) -> list[str]:
    """Return what is wrong with the mapping of a form as it stands here; empty where nothing is."""
    found = []
    for control in controls:
        if unknown := unknown_placeholders(control.text):
            words = {"control": control, "names": "、".join(unknown)}
            found.append(_("“%(control)s”：没有 %(names)s 这样的占位符") % words)
        if control.is_required and not control.text.strip():
            found.append(_("“%(control)s”是必填项，没有填写内容") % {"control": control})
        if control.kind == ControlKind.SELECTOR and control.text and control.options:
            found += _option_problems(control)
    if controls and not any(MARK in control.text for control in controls):
        found.append(_("没有一个文本控件含 {mark}：提交时若丢失答复，就不能自动找回"))
    if not any(control.text.strip() for control in controls):
        found.append(_("还没有一个控件有内容"))
    return found


def _option_problems(control: DispositionControl) -> list[str]:
    if control.text.strip() in control.options:
        return []
    known = "、".join(f"{key}（{text}）" for key, text in control.options.items())
    return [_("“%(control)s”要填选项的键，可用：%(known)s") % {"control": control, "known": known}]


# --- what WeCom says of a form ------------------------------------------------------------------


def described(info: Mapping[str, Any]) -> list[DispositionControl]:
    """Return the controls that an answer of `oa/gettemplatedetail` names, with proposals, not saved."""
    content = info.get("template_content")
    controls = content.get("controls") if isinstance(content, Mapping) else None
    found = []
    for place, one in enumerate(controls if isinstance(controls, list) else (), 1):
        said = one.get("property") if isinstance(one, Mapping) else None
        if not isinstance(said, Mapping) or not said.get("id"):
            continue
        kind, title = str(said.get("control", "")), _words(said.get("title"))
        found.append(
            DispositionControl(
                position=place,
                control_id=str(said["id"])[:128],
                kind=kind[:12],
                title=title[:120],
                is_required=bool(said.get("require")),
                text=propose(title, kind) if kind in ControlKind.values else "",
                options=_options(one.get("config")),
            )
        )
    return found


def differences(mine: Iterable[DispositionControl], theirs: Iterable[DispositionControl]) -> list[str]:
    """Return how the mapping differs from the form at WeCom, in words."""
    there = {control.control_id: control for control in theirs}
    found = []
    for control in mine:
        other = there.pop(control.control_id, None)
        if other is None:
            found.append(_("“%(control)s”已不在企业微信的表单里") % {"control": control})
        elif other.kind != control.kind:
            words = {"control": control, "mine": control.kind, "theirs": other.kind}
            found.append(_("“%(control)s”的类型是 %(theirs)s，不是 %(mine)s") % words)
        elif other.is_required and not control.text.strip():
            found.append(_("“%(control)s”是必填项，没有填写内容") % {"control": control})
        elif control.kind == ControlKind.SELECTOR and control.text:
            control.options = other.options
            found += _option_problems(control)
    found += [
        _("“%(control)s”是必填项，系统填不了 %(kind)s 类型") % {"control": other, "kind": other.kind}
        if other.kind not in ControlKind.values
        else _("缺少必填的“%(control)s”") % {"control": other}
        for other in there.values()
        if other.is_required
    ]
    return found


def _options(config: object) -> dict[str, str]:
    selector = config.get("selector") if isinstance(config, Mapping) else None
    options = selector.get("options") if isinstance(selector, Mapping) else None
    return {
        str(option["key"]): _words(option.get("value"))
        for option in (options if isinstance(options, list) else ())
        if isinstance(option, Mapping) and option.get("key")
    }


def _words(texts: object) -> str:
    """Return the first text of a list by language."""
    named = (
        [str(one.get("text") or "") for one in texts if isinstance(one, Mapping)]
        if isinstance(texts, list)
        else []
    )
    return next(filter(None, named), "")


# --- values by kind of control --------------------------------------------------------------------


def _line(text: str) -> dict[str, Any]:
    """A single line: WeCom refuses one with a newline."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return {"text": "；".join(lines)[: _MOST_CHARACTERS[ControlKind.TEXT]]}


def _lines(text: str) -> dict[str, Any]:
    return {"text": text[: _MOST_CHARACTERS[ControlKind.TEXTAREA]]}


def _number(text: str) -> dict[str, Any]:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return {"new_number": f"{number:f}"}


def _date(text: str) -> dict[str, Any]:
    midnight = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC) - _SHANGHAI
    return {"date": {"type": "day", "s_timestamp": str(int(midnight.timestamp()))}}


def _selector(text: str) -> dict[str, Any]:
    return {"selector": {"type": "single", "options": [{"key": text}]}}


_VALUES: Mapping[str, Callable[[str], dict[str, Any]]] = {
    ControlKind.TEXT: _line,
    ControlKind.TEXTAREA: _lines,
    ControlKind.NUMBER: _number,
    ControlKind.DATE: _date,
    ControlKind.SELECTOR: _selector,
}
