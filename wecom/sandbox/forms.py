"""The forms of the sandbox's approvals: what a company would have drawn in WeCom's back office.

`controls` are those of `oa/gettemplatedetail`; `contents_of` makes of what a person typed what
`oa/getapprovaldetail` would show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_SHANGHAI_BEHIND = timedelta(hours=8)
UNUSED: Mapping[str, list[Any]] = {
    name: [] for name in ("tips", "members", "departments", "files", "children", "stat_field")
}
"""What the value of every control has besides: empty lists of what it is not."""


@dataclass(frozen=True, slots=True)
class Control:
    """One field of a form; a Table has its columns as `children`, a Selector its `options`."""

    kind: str
    id: str
    title: str
    sample: str = ""
    options: tuple[str, ...] = ()
    children: tuple[Control, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    required: bool = True

    def property(self) -> dict[str, Any]:
        """Return what `oa/gettemplatedetail` says of it."""
        said: dict[str, Any] = {
            "property": {
                "control": self.kind,
                "id": self.id,
                "title": [{"text": self.title, "lang": "zh_CN"}],
                "placeholder": [{"text": "", "lang": "zh_CN"}],
                "require": int(self.required),
                "un_print": 0,
            }
        }
        if self.kind == "Selector":
            said["config"] = {"selector": {"type": "single", "options": self._options()}}
        elif self.kind == "Date":
            said["config"] = {"date": {"type": "day"}}
        elif self.kind == "Table":
            said["config"] = {"table": {"children": [child.property() for child in self.children]}}
        return said

    def _options(self) -> list[dict[str, Any]]:
        return [
            {"key": f"option-{place}", "value": [{"text": text, "lang": "zh_CN"}]}
            for place, text in enumerate(self.options, 1)
        ]

    def filled(self, text: str, file_ids: Sequence[str] = ()) -> dict[str, Any]:
        """Return the control as it stands in the contents of a detail."""
        return self.taken(self._value(text, file_ids))

    def taken(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the control with a value that `oa/applyevent` brought, its options with their words."""
        chosen = {str(one.get("key")) for one in (value.get("selector") or {}).get("options") or ()}
        if chosen:
            options = [option for option in self._options() if option["key"] in chosen]
            value = {**value, "selector": {**value["selector"], "options": options}}
        return {
            "control": self.kind,
            "id": self.id,
            "title": [{"text": self.title, "lang": "zh_CN"}, {"text": "", "lang": "en"}],
            "value": {**UNUSED, **value},
        }

    def _value(self, text: str, file_ids: Sequence[str]) -> dict[str, Any]:
        match self.kind:
            case "Number":
                return {"new_number": text}
            case "Money":
                return {"new_money": text}
            case "Date":
                return {"date": {"type": "day", "s_timestamp": str(_seconds(text))}}
            case "Selector":
                chosen = [option for option in self._options() if option["value"][0]["text"] == text]
                return {"selector": {"type": "single", "options": chosen}}
            case "Contact":
                return {"members": [{"userid": text, "name": text}]}
            case "File":
                return {"files": [{"file_id": file_id} for file_id in file_ids]}
        return {"text": text}


def _seconds(day: str) -> int:
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC) - _SHANGHAI_BEHIND
    return int(moment.timestamp())


@dataclass(frozen=True, slots=True)
class Template:
    """A form."""

    id: str
    name: str
    controls: tuple[Control, ...]

    def detail(self) -> dict[str, Any]:
        """Return what `oa/gettemplatedetail` answers."""
        return {
            "errcode": 0,
            "errmsg": "ok",
            "template_names": [{"text": self.name, "lang": "zh_CN"}],
            "template_content": {"controls": [control.property() for control in self.controls]},
        }


def contents_of(
    template: Template, typed: Mapping[str, str], file_ids: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return a filled form; `typed` holds texts by control id, of a table's cells by `id.row.child`."""
    return [
        _table(control, typed)
        if control.kind == "Table"
        else control.filled(typed.get(control.id, ""), file_ids)
        for control in template.controls
    ]


def _table(control: Control, typed: Mapping[str, str]) -> dict[str, Any]:
    filled = control.filled("")
    filled["value"] = {
        **filled["value"],
        "children": [
            {
                "list": [
                    child.filled(typed.get(f"{control.id}.{row}.{child.id}", ""))
                    for child in control.children
                ]
            }
            for row in range(len(control.rows))
            if any(typed.get(f"{control.id}.{row}.{child.id}") for child in control.children)
        ],
    }
    return filled


PURCHASE = Template(
    "3TkaPurchaseContractSandboxTemplate",
    "采购合同用印",
    (
        Control("Text", "Text-party", "供应商", "无锡示例轴承厂"),
        Control("Selector", "Selector-type", "合同类型", "采购", options=("采购", "框架", "外协")),
        Control(
            "Table",
            "Table-1",
            "采购明细",
            children=(
                Control("Text", "Text-item", "品名"),
                Control("Number", "Number-count", "数量"),
                Control("Money", "Money-line", "金额"),
            ),
            rows=(("深沟球轴承 6204", "200", "3600.00"), ("密封圈 20×35×7", "400", "880.50"), ("", "", "")),
        ),
        Control("Money", "Money-total", "合同总额", "4480.50"),
        Control("Date", "Date-due", "交货日期", "2026-12-31"),
        Control("Textarea", "Textarea-note", "付款方式", "货到验收合格后 30 天付清", required=False),
        Control("File", "File-quote", "报价单", required=False),
    ),
)
CONCESSION = Template(
    "3TkaConcessionSandboxTemplate",
    "让步接收申请",
    (
        Control("Text", "Text-subject", "检验报告", "IQC-2026-0001 活塞环 外径"),
        Control("Textarea", "Textarea-reason", "不合格情况", "3 件超上限 0.002 mm"),
        Control("Textarea", "Textarea-why", "让步理由", "装配间隙允许，不影响使用"),
        Control("Text", "Text-mark", "来源编号", required=False),
    ),
)
DEMO_TEMPLATES = (PURCHASE, CONCESSION)
