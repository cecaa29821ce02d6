"""Every kind of control, in the shapes that the vendor publishes (pages 91983 and 91982)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from contracts.mapping import Facts, FormFile, OddValue, Rule, apply, read_form
from tests.contracts.forms import FACTS, control, form, table

# kind, value as published, conversion, part, argument, what is printed
SHAPES: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("Text", {"text": "HT-001", "files": [], "members": []}, {}, "HT-001"),
    ("Textarea", {"text": "第一行\r\n第二行"}, {}, "第一行\n第二行"),
    ("Number", {"new_number": "12.50"}, {}, "12.50"),
    ("Number", {"new_number": "12.5"}, {"conversion": "number", "argument": "2"}, "12.50"),
    ("Number", {"new_number": "1234567"}, {"conversion": "number", "argument": "0,"}, "1,234,567"),
    ("Money", {"new_money": "128000.5"}, {"conversion": "yuan"}, "128000.50"),
    ("Money", {"new_money": "128000.5"}, {"conversion": "yuan", "argument": ","}, "128,000.50"),
    ("Money", {"new_money": "0.29"}, {"conversion": "fen"}, "29"),
    ("Money", {"new_money": "12800050"}, {"conversion": "from_fen"}, "128000.50"),
    ("Money", {"new_money": "10500.30"}, {"conversion": "capital"}, "壹万零伍佰元叁角整"),
    (
        "Money",
        {"new_money": "100"},
        {"conversion": "capital", "argument": "人民币圆正"},
        "人民币壹佰圆正",
    ),
    ("Formula", {"formula": {"value": "3,600.00"}}, {"conversion": "yuan"}, "3600.00"),
    ("Date", {"date": {"type": "day", "s_timestamp": "1767283200"}}, {}, "2026-01-02"),
    ("Date", {"s_timestamp": "1767283200", "type": "day"}, {"conversion": "date_chinese"}, "2026年1月2日"),
    (
        "Date",
        {"date": {"type": "day", "s_timestamp": "1767283200"}},
        {"conversion": "date_numeral"},
        "二〇二六年一月二日",
    ),
    (
        "Date",
        {"date": {"type": "day", "s_timestamp": "1767283200"}},
        {"conversion": "date_bill"},
        "贰零贰陆年零壹月零贰日",
    ),
    # 2025-12-31 16:30 UTC is already the next year in Shanghai
    ("Date", {"date": {"type": "hour", "s_timestamp": "1767198600"}}, {}, "2026-01-01 00:30"),
    (
        "Date",
        {"date": {"type": "hour", "s_timestamp": "1767198600"}},
        {"conversion": "moment"},
        "2026年1月1日 00:30",
    ),
    ("Text", {"text": "2026/3/3"}, {"conversion": "date_chinese"}, "2026年3月3日"),
    (
        "Selector",
        {
            "selector": {
                "type": "multi",
                "options": [
                    {"key": "o1", "value": [{"text": "月结"}]},
                    {"key": "o2", "value": [{"text": "电汇"}]},
                ],
            }
        },
        {},
        "月结、电汇",
    ),
    (
        "Selector",
        {"selector": {"type": "single", "options": [{"key": "o1", "value": [{"text": "改过的字"}]}]}},
        {"conversion": "lookup", "argument": "o1=货到 30 天付款；o2=预付"},
        "货到 30 天付款",
    ),
    ("Selector", {"selector": {"options": [{"key": "o1", "value": [{"text": "A"}]}]}}, {"part": "key"}, "o1"),
    (
        "Contact",
        {"members": [{"userid": "wang", "name": "王敏"}, {"userid": "li", "name": "李雷"}]},
        {},
        "王敏、李雷",
    ),
    ("Contact", {"members": [{"userid": "wang", "name": ""}], "departments": []}, {}, "wang"),
    ("Contact", {"departments": [{"openapi_id": "2", "name": "采购部"}]}, {}, "采购部"),
    ("Contact", {"members": [{"userid": "wang", "name": "王敏"}]}, {"part": "key"}, "wang"),
    ("File", {"files": [{"file_id": "f1"}, {"file_id": "f2"}]}, {"conversion": "count"}, "2"),
    ("RelatedApproval", {"related_approval": [{"sp_no": "202601010001"}]}, {}, "202601010001"),
    (
        "Location",
        {"location": {"title": "公司", "address": "工业园路 8 号", "latitude": "31.1", "longitude": "121.4"}},
        {"part": "address"},
        "工业园路 8 号",
    ),
    (
        "BankAccount",
        {"bank_account": {"account_name": "甲厂", "bank": {"name": "建设银行"}}},
        {"part": "bank.name"},
        "建设银行",
    ),
    (
        "DateRange",
        {
            "date_range": {
                "type": "day",
                "new_begin": 1767196800,
                "new_end": 1767369600,
                "new_duration": 259200,
            }
        },
        {},
        "2026-01-01 至 2026-01-03",
    ),
    (
        "DateRange",
        {
            "date_range": {
                "type": "day",
                "new_begin": 1767196800,
                "new_end": 1767369600,
                "new_duration": 259200,
            }
        },
        {"part": "days"},
        "3",
    ),
    (
        "DateRange",
        {
            "date_range": {
                "type": "halfday",
                "new_begin": 1767196800,
                "new_end": 1767240000,
                "new_duration": 43200,
            }
        },
        {"part": "end", "conversion": "date_chinese"},
        "2026年1月1日",
    ),
]


@pytest.mark.parametrize(("kind", "value", "how", "printed"), SHAPES)
def test_each_kind_of_control_is_printed_as_its_rule_says(
    kind: str, value: dict[str, Any], how: dict[str, str], printed: str
) -> None:
    mapped = apply(
        [Rule("字段", path=f"{kind}-1", kind=kind, **how)], form(control(kind, f"{kind}-1", value)), FACTS
    )
    assert (mapped.values, mapped.problems) == ({"字段": printed}, ())


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        ("Text", {"text": "", "children": []}),
        ("Text", {}),
        ("Number", {"new_number": ""}),
        ("Money", {"new_money": []}),
        ("Date", {"date": []}),
        ("Date", {"date": {"type": "day", "s_timestamp": ""}}),
        ("DateRange", {"date_range": []}),
        ("Selector", {"selector": {"type": "single", "options": []}}),
        ("Selector", {"selector": []}),
        ("Contact", {"members": [], "departments": []}),
        ("File", {"files": []}),
        ("RelatedApproval", {"related_approval": []}),
        ("Location", {"location": []}),
        ("BankAccount", {"bank_account": {"account_name": ""}}),
        ("Formula", {"formula": {"value": ""}}),
    ],
)
def test_nothing_entered_stops_a_required_field_and_leaves_another_blank(
    kind: str, empty: dict[str, Any]
) -> None:
    of = form(control(kind, "c", empty))
    part = {"part": "address"} if kind == "Location" else {}
    required = apply([Rule("字段", path="c", kind=kind, **part)], of, FACTS)
    assert [(one.field, one.code) for one in required.problems] == [("字段", "missing")]
    assert "字段" not in required.values
    optional = apply([Rule("字段", path="c", kind=kind, is_required=False, **part)], of, FACTS)
    assert (optional.values, optional.problems) == ({"字段": ""}, ())


@pytest.mark.parametrize(
    ("kind", "value", "how", "code"),
    [
        ("Money", {"new_money": "1.005"}, {"conversion": "yuan"}, "more_than_two_decimals"),
        ("Money", {"new_money": "壹佰"}, {}, "no_number"),
        ("Money", {"new_money": "0.2900000000000000000000000000001"}, {"conversion": "fen"}, "no_number"),
        ("Number", {"new_number": "1.234"}, {"conversion": "number", "argument": "2"}, "too_many_decimals"),
        ("Money", {"new_money": "10.5"}, {"conversion": "from_fen"}, "no_whole_number"),
        ("Text", {"text": "下周一"}, {"conversion": "date_chinese"}, "no_date"),
        ("Text", {"text": "2026-02-30"}, {"conversion": "date_iso"}, "no_date"),
        ("Date", {"date": {"s_timestamp": "soon"}}, {}, "no_moment"),
        ("DateRange", {"date_range": {"new_begin": 1767369600, "new_end": 1767196800}}, {}, "bad_span"),
        (
            "Selector",
            {"selector": {"options": [{"key": "o9", "value": []}]}},
            {"conversion": "lookup", "argument": "o1=A"},
            "no_words_for",
        ),
        ("Money", {"new_money": "9999999999999.00"}, {"conversion": "capital"}, "bad_format"),
        ("Vacation", {"vacation": {}}, {}, "unknown_control"),
    ],
)
def test_an_odd_value_is_named_with_its_reason(
    kind: str, value: dict[str, Any], how: dict[str, str], code: str
) -> None:
    mapped = apply([Rule("字段", path="c", **how)], form(control(kind, "c", value)), FACTS)
    assert [(one.field, one.code) for one in mapped.problems] == [("字段", code)]
    assert "字段" not in mapped.values


def test_a_control_of_a_new_kind_does_not_disturb_the_others() -> None:
    of = form(control("Hologram", "h", {"x": 1}), control("Text", "t", {"text": "甲"}))
    mapped = apply([Rule("名", path="t", kind="Text")], of, FACTS)
    assert (mapped.values, mapped.problems) == ({"名": "甲"}, ())


def test_a_control_is_known_by_its_id_whatever_its_title_and_by_its_title_only_where_it_is_the_only_one() -> (
    None
):
    renamed = form(control("Text", "Text-1", {"text": "甲"}, title="新标题"))
    assert apply([Rule("名", path="Text-1")], renamed, FACTS).by_title == ()
    found = apply([Rule("名", path="新标题")], renamed, FACTS)
    assert (found.values, found.by_title) == ({"名": "甲"}, ("名",))
    twice = form(
        control("Text", "a", {"text": "甲"}, title="名"), control("Text", "b", {"text": "乙"}, title="名")
    )
    assert [one.code for one in apply([Rule("名", path="名")], twice, FACTS).problems] == ["control_absent"]
    other = form(control("Number", "Text-1", {"new_number": "1"}))
    assert [one.code for one in apply([Rule("名", path="Text-1", kind="Text")], other, FACTS).problems] == [
        "wrong_kind"
    ]


def test_a_table_becomes_a_list_with_row_numbers_and_without_the_rows_left_blank() -> None:
    of = form(
        table(
            "Table-1",
            [
                [
                    control("Text", "t", {"text": "螺丝"}, title="品名"),
                    control("Money", "m", {"new_money": "2.50"}, title="单价"),
                ],
                [control("Text", "t", {"text": ""}), control("Money", "m", {"new_money": ""})],
                [
                    control("Text", "t", {"text": "轴承"}, title="品名"),
                    control("Money", "m", {"new_money": "30"}, title="单价"),
                ],
            ],
            title="明细",
        ),
    )
    rules = [
        Rule("明细.序号", source="row_number"),
        Rule("明细.品名", path="Table-1/t", kind="Text"),
        Rule("明细.单价", path="明细/单价", kind="Money", conversion="yuan"),
        Rule("行数", source="count", path="明细"),
        Rule("合计", source="sum", path="明细.单价", conversion="yuan"),
    ]
    mapped = apply(rules, of, FACTS)
    assert mapped.problems == ()
    assert mapped.values == {
        "明细": [
            {"序号": "1", "品名": "螺丝", "单价": "2.50"},
            {"序号": "2", "品名": "轴承", "单价": "30.00"},
        ],
        "行数": "2",
        "合计": "32.50",
    }
    assert mapped.by_title == ("明细.单价",)
    assert mapped.raw["明细.单价"] == [Decimal("2.50"), Decimal("30")]


def test_a_hole_in_a_table_is_named_with_its_row() -> None:
    of = form(
        table(
            "T",
            [
                [control("Text", "t", {"text": "螺丝"}), control("Money", "m", {"new_money": "1"})],
                [control("Text", "t", {"text": "轴承"}), control("Money", "m", {"new_money": ""})],
            ],
        )
    )
    rules = [Rule("明细.品名", path="T/t"), Rule("明细.单价", path="T/m", conversion="yuan")]
    mapped = apply(rules, of, FACTS)
    assert [(one.key, one.code) for one in mapped.problems] == [("明细.单价#2", "missing")]
    filled = apply(rules, of, FACTS, supplement={"明细.单价#2": "7.5"})
    assert (filled.problems, filled.values["明细"][1]["单价"]) == ((), "7.50")


def test_the_approval_itself_the_day_and_constants_are_sources_too() -> None:
    rules = [
        Rule("单号", source="approval", path="sp_no"),
        Rule("申请人", source="approval", path="applicant"),
        Rule("部门", source="approval", path="department"),
        Rule("通过日", source="approval", path="granted_at", conversion="date_chinese"),
        Rule("签订日", source="today", conversion="date_numeral"),
        Rule("甲方", source="constant", argument="示例公司、总部"),
        Rule("编号", source="number"),
        Rule("码", source="qr", argument="30"),
    ]
    mapped = apply(rules, form(), FACTS)
    assert mapped.problems == ()
    assert mapped.values == {
        "单号": "202601010001",
        "申请人": "王敏",
        "部门": "采购部",
        "通过日": "2026年1月2日",
        "签订日": "二〇二六年一月二日",
        "甲方": "示例公司、总部",
        "码": {"qr": "https://qc.example.com/contracts/check/x", "width_mm": 30},
    }
    absent = apply(rules[1:2], form(), Facts(today=FACTS.today))
    assert [one.code for one in absent.problems] == ["missing"]


def test_files_are_listed_by_their_names_where_these_are_known() -> None:
    of = form(control("File", "f", {"files": [{"file_id": "f1"}, {"file_id": "f2"}]}))
    facts = Facts(today=FACTS.today, files={"f1": FormFile("图纸.pdf")})
    rules = [Rule("附件", path="f", kind="File", argument="\n"), Rule("份数", path="f", conversion="count")]
    assert apply(rules, of, facts).values == {"附件": "图纸.pdf\nf2", "份数": "2"}


def test_an_answer_and_its_info_alone_are_read_alike() -> None:
    contents = [control("Text", "t", {"text": "甲"})]
    info = {"apply_data": {"contents": contents}}
    assert read_form({"errcode": 0, "info": info}).controls == read_form(info).controls
    assert read_form({}).controls == ()
    with pytest.raises(OddValue):
        read_form({"apply_data": {"contents": [control("Punch", "p", {})]}}).controls[0].value()


def test_the_number_of_a_department_is_never_printed_for_its_name() -> None:
    rules = [Rule("部门", source="approval", path="department")]
    unnamed = apply(rules, form(), Facts(today=FACTS.today, department="12"))
    assert [(one.code, one.detail) for one in unnamed.problems] == [("department_unnamed", "12")]
    assert apply(rules, form(), FACTS).values == {"部门": "采购部"}


def test_a_chosen_department_without_a_name_is_no_text() -> None:
    of = form(control("Contact", "c", {"departments": [{"openapi_id": "7", "name": ""}]}))
    rules = [
        Rule("部门", path="c", kind="Contact"),
        Rule("编码", path="c", kind="Contact", part="key"),
        Rule("名称", path="c", kind="Contact", conversion="lookup", argument="7=研发部"),
    ]
    mapped = apply(rules, of, FACTS)
    assert [(one.field, one.code, one.detail) for one in mapped.problems] == [
        ("部门", "department_unnamed", "7")
    ]
    assert mapped.values == {"编码": "7", "名称": "研发部"}
