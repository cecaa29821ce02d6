"""What is wrong with a mapping, a template or a contract's data, in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.docx import BadPlaceholder, BadValue, DocxError, MissingField
from contracts.mapping import Problem

_PROBLEMS: Mapping[str, str | Promise] = {
    "missing": gettext_lazy("没有填写"),
    "control_absent": gettext_lazy("审批表单中没有对应的控件"),
    "wrong_kind": gettext_lazy("控件类型已改变"),
    "unknown_control": gettext_lazy("不支持的控件类型"),
    "no_number": gettext_lazy("不是数字"),
    "no_whole_number": gettext_lazy("不是整数"),
    "no_amount": gettext_lazy("不是可识别的金额"),
    "more_than_two_decimals": gettext_lazy("金额超过两位小数"),
    "too_many_decimals": gettext_lazy("小数位数超过规定"),
    "no_date": gettext_lazy("不是日期"),
    "no_moment": gettext_lazy("不是时间"),
    "bad_span": gettext_lazy("起止日期不完整或颠倒"),
    "bad_format": gettext_lazy("无法按要求书写"),
    "part_missing": gettext_lazy("未指定取哪一部分"),
    "no_words_for": gettext_lazy("选项没有对应的文字"),
    "department_unnamed": gettext_lazy("企业微信没有给出部门名称"),
    "picture_missing": gettext_lazy("没有图片"),
    "picture_several": gettext_lazy("应为一张图片，上传了多个文件"),
    "picture_waiting": gettext_lazy("附件还没有下载完"),
    "picture_lost": gettext_lazy("附件无法从企业微信下载"),
    "picture_kind": gettext_lazy("附件不是 PNG 或 JPEG 图片"),
    "picture_too_large": gettext_lazy("图片超过 10 MB"),
    "picture_too_tall": gettext_lazy("图片过高，一页放不下"),
    "amounts_differ": gettext_lazy("金额不一致"),
    "mapped_twice": gettext_lazy("重复映射"),
    "unmapped": gettext_lazy("没有映射"),
    "two_tables": gettext_lazy("各列来自不同的表格"),
    "list_without_table": gettext_lazy("列表没有一列来自表格控件"),
    "unknown_column": gettext_lazy("合计的列不存在"),
    "unknown_list": gettext_lazy("计数的列表不存在"),
    "check_unknown": gettext_lazy("金额核对引用了不存在的字段"),
    "check_incomplete": gettext_lazy("金额核对至少需要两项"),
    "unknown_source": gettext_lazy("未知的来源"),
    "not_in_a_row": gettext_lazy("此来源不能用于表格的列"),
    "only_in_a_row": gettext_lazy("行号只能用于表格的列"),
    "unknown_conversion": gettext_lazy("未知的写法"),
    "unsuitable_conversion": gettext_lazy("写法不适合此控件"),
    "bad_argument": gettext_lazy("参数有误"),
    "constant_empty": gettext_lazy("固定文字为空"),
    "unknown_part": gettext_lazy("没有这一部分"),
    "no_control": gettext_lazy("没有选择控件"),
    "column_outside_table": gettext_lazy("列表的列必须取自表格控件"),
    "table_for_single": gettext_lazy("单个字段不能取自表格控件"),
}

REFUSALS: Mapping[str, str | Promise] = {
    "macro": gettext_lazy("文件含有宏"),
    "external_relation": gettext_lazy("文件引用了外部内容"),
    "embedded_object": gettext_lazy("文件含有嵌入对象"),
    "dtd": gettext_lazy("文件含有 DTD 或实体"),
    "too_large": gettext_lazy("文件或其中的内容过大"),
    "too_deep": gettext_lazy("文件结构嵌套过深"),
    "bad_member_name": gettext_lazy("压缩包内有不允许的文件名"),
    "duplicate_member": gettext_lazy("压缩包内有重复的文件"),
    "encrypted_or_old": gettext_lazy("文件已加密，或是旧的 .doc 格式"),
    "not_docx": gettext_lazy("不是有效的 .docx 文件"),
    "bad_placeholder": gettext_lazy("占位符有误"),
    "bad_field": gettext_lazy("字段名不合规则"),
    "missing_field": gettext_lazy("缺少字段"),
    "bad_value": gettext_lazy("字段的值有误"),
}

FINDINGS: Mapping[str, str | Promise] = {
    "fullwidth_dollar": gettext_lazy("全角 ＄，不会被填写"),
    "undeclared_field": gettext_lazy("未声明的字段"),
    "glued_field": gettext_lazy("字段紧接文字，建议加花括号"),
    "tracked_change": gettext_lazy("留有修订痕迹"),
    "comment_left": gettext_lazy("留有批注"),
    "bad_placeholder": gettext_lazy("占位符有误"),
    "lone_dollar": gettext_lazy("单独的 $，按文字处理"),
    "place_not_filled": gettext_lazy("此处的占位符不会被填写"),
    "unused_field": gettext_lazy("声明了但模板中没有"),
}


def problem(one: Problem | Mapping[str, Any]) -> str:
    """Say one problem: which field, in which row, what is wrong."""
    found = one.as_json() if isinstance(one, Problem) else one
    where = found["field"]
    if found.get("row"):
        where = _("%(field)s（第 %(row)d 行）") % {"field": where, "row": found["row"]}
    said = f"{where}：{_PROBLEMS.get(found['code'], found['code'])}"
    return f"{said}（{found['detail']}）" if found.get("detail") else said


def problems(found: Iterable[Problem | Mapping[str, Any]]) -> list[str]:
    """Say every problem, one a line."""
    return [problem(one) for one in found]


def refusal(error: DocxError) -> str:
    """Say why the engine refused a file or its filling: the code, and everything that it names."""
    said = f"{REFUSALS.get(error.code, error.code)}（{error.code}）"
    if isinstance(error, MissingField):
        return f"{said}：{'、'.join(error.names)}"
    if isinstance(error, BadPlaceholder):
        return f"{said}：" + "；".join(f"{one.part} #{one.paragraph} {one.text[:40]}" for one in error.places)
    if isinstance(error, BadValue):
        return f"{said}：{error.field}"
    return f"{said}：{getattr(error, 'detail', '') or error}"
