"""Forms of the makers of templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.mapping import CONVERSIONS, PARTS, Check, Form, Rule, Source
from contracts.mapping.rules import APPROVAL_PARTS
from contracts.mappings import ROLES
from contracts.models import ContractTemplate
from contracts.services.templates import MOST_BYTES

SOURCES: Mapping[str, str | Promise] = {
    Source.CONTROL: gettext_lazy("审批控件"),
    Source.APPROVAL: gettext_lazy("审批单本身"),
    Source.CONSTANT: gettext_lazy("固定文字"),
    Source.NUMBER: gettext_lazy("合同编号"),
    Source.TODAY: gettext_lazy("生成当天"),
    Source.ROW_NUMBER: gettext_lazy("行号"),
    Source.SUM: gettext_lazy("某列合计"),
    Source.COUNT: gettext_lazy("列表行数"),
    Source.QR: gettext_lazy("核验二维码"),
}
WRITINGS: Mapping[str, str | Promise] = {
    "plain": gettext_lazy("原样"),
    "number": gettext_lazy("数字（参数：小数位，如 2 或 2,）"),
    "yuan": gettext_lazy("金额 0.00（参数 , 分节）"),
    "fen": gettext_lazy("元换算为分"),
    "from_fen": gettext_lazy("分换算为元"),
    "capital": gettext_lazy("大写金额（参数：人民币、圆、正）"),
    "date_chinese": gettext_lazy("2026年1月2日"),
    "date_numeral": gettext_lazy("二〇二六年一月二日"),
    "date_bill": gettext_lazy("票据日期 零壹月零贰日"),
    "date_iso": gettext_lazy("2026-01-02"),
    "moment": gettext_lazy("日期与时间"),
    "lookup": gettext_lazy("换成文字（参数：键=文字；…）"),
    "count": gettext_lazy("个数"),
    "picture": gettext_lazy("图片（参数：宽度毫米，默认 60）"),
}
PART_NAMES: Mapping[str, str | Promise] = {
    "": gettext_lazy("整个值"),
    "begin": gettext_lazy("开始"),
    "end": gettext_lazy("结束"),
    "days": gettext_lazy("天数"),
    "hours": gettext_lazy("小时数"),
    "title": gettext_lazy("地点名"),
    "address": gettext_lazy("地址"),
    "latitude": gettext_lazy("纬度"),
    "longitude": gettext_lazy("经度"),
    "key": gettext_lazy("选项或人员的键"),
}
_INPUTS = ("source", "path", "part", "conversion", "argument")


class TemplateForm(forms.ModelForm):
    """One kind of contract."""

    class Meta:
        model = ContractTemplate
        fields = (
            "name",
            "contract_type",
            "wecom_template_id",
            "series",
            "tells_applicant",
            "group",
            "wants_pdf",
            "sign_within_days",
            "remind_before_days",
            "is_enabled",
        )


class UploadForm(forms.Form):
    """A Word file for the next version."""

    file = forms.FileField(
        label=gettext_lazy("Word 文件（.docx）"), widget=forms.ClearableFileInput(attrs={"accept": ".docx"})
    )
    declared = forms.CharField(
        label=gettext_lazy("字段名（每行一个；表格的列写作 明细.单价）"),
        help_text=gettext_lazy("留空则按模板中的写法识别。字段后面紧接中文时，请在这里列出字段名。"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
    )
    note = forms.CharField(label=gettext_lazy("说明"), max_length=255, required=False)

    def clean_file(self) -> Any:
        """Look at the size before anything is read."""
        upload = self.cleaned_data["file"]
        if upload.size > MOST_BYTES:
            raise forms.ValidationError(_("文件超过 20 MB。"))
        return upload

    def names(self) -> list[str]:
        """Return the declared names, each once."""
        lines = str(self.cleaned_data["declared"]).split("\n")
        return list(dict.fromkeys(line.strip().lstrip("$").strip("{}") for line in lines if line.strip()))


@dataclass(frozen=True, slots=True)
class MappingRow:
    """One field in the editor: what was chosen, and what it gives with the approval beside it."""

    index: int
    rule: Rule
    parts: list[tuple[str, str | Promise]]
    control: str
    value: str
    problem: str


@dataclass(frozen=True, slots=True)
class Posted:
    """What the editor sent."""

    rules: list[Rule]
    checks: list[Check]
    roles: dict[str, str]
    note: str
    based_on: int | None


def read_mapping(
    data: Mapping[str, Any], fields: Sequence[str], form: Form | None, old: Sequence[Rule]
) -> Posted:
    """Return the rules that were chosen in the editor; a field without a source has none.

    A control's kind is taken from the approval beside it, else from the rule of before.
    """
    kinds = {rule.path: rule.kind for rule in old if rule.kind}
    if form is not None:
        kinds |= {path: control.kind for path, control in form.paths()}
    rules = []
    for index, field in enumerate(fields):
        chosen = {name: str(data.get(f"{name}:{index}", "")).strip() for name in _INPUTS}
        if chosen["source"] not in SOURCES:
            continue
        is_control = chosen["source"] == Source.CONTROL
        rules.append(
            Rule(
                field=field,
                source=chosen["source"],
                path=chosen["path"] if chosen["source"] in _WITH_PATH else "",
                kind=kinds.get(chosen["path"], "") if is_control else "",
                part=chosen["part"] if is_control else "",
                conversion=chosen["conversion"] if chosen["conversion"] in CONVERSIONS else "plain",
                argument=chosen["argument"][:2000],
                is_required=f"required:{index}" in data,
            )
        )
    names = {name: str(data.get(f"check:{name}", "")) for name in ("total", "rows", "capital")}
    number = str(data.get("based_on", ""))
    return Posted(
        rules=rules,
        checks=[Check(**names)] if any(names.values()) else [],
        roles={role: str(data.get(f"role:{role}", "")) for role in ROLES},
        note=str(data.get("note", "")).strip(),
        based_on=int(number) if number.isdecimal() else None,
    )


_WITH_PATH = frozenset({Source.CONTROL, Source.APPROVAL, Source.SUM, Source.COUNT})


def part_choices(kind: str) -> list[tuple[str, str | Promise]]:
    """Return the parts that a value of this kind of control has, the whole first; none where it has none."""
    names = [name for name in PARTS.get(kind, ()) if name != "text"]
    return [("", PART_NAMES[""]), *((name, PART_NAMES[name]) for name in names)] if names else []


def approval_part_names() -> list[tuple[str, str]]:
    """Return what the approval itself can give, for the list of suggestions."""
    names = {
        "sp_no": _("审批单号"),
        "sp_name": _("审批名称"),
        "applicant": _("申请人"),
        "applicant_id": _("申请人 userid"),
        "department": _("部门"),
        "applied_at": _("申请时间"),
        "granted_at": _("通过时间"),
    }
    return [(part, names[part]) for part in APPROVAL_PARTS]
