"""Amounts that must agree, rules that cannot work, sample data that fits every rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.formats import capital_amount, fen_to_yuan
from contracts.mapping import (
    Check,
    Rule,
    apply,
    problems_of_rules,
    propose,
    read_form,
    sample_detail,
    with_number,
)
from tests.contracts.forms import FACTS, control, form, table

AMOUNTS = [
    Rule("明细.金额", path="T/m", kind="Money", conversion="yuan"),
    Rule("总额", path="total", kind="Money", conversion="yuan"),
    Rule("大写", path="words", kind="Text"),
]
CHECK = [Check(total="总额", rows="明细.金额", capital="大写")]


def amounts(rows: list[str], total: str, words: str) -> Any:
    return form(
        table("T", [[control("Money", "m", {"new_money": row})] for row in rows]),
        control("Money", "total", {"new_money": total}),
        control("Text", "words", {"text": words}),
    )


@pytest.mark.parametrize("words", ["壹佰零伍元整", "人民币壹佰零伍圆正"])
def test_rows_total_and_capital_amount_that_agree_pass(words: str) -> None:
    assert apply(AMOUNTS, amounts(["100", "5.00"], "105", words), FACTS, CHECK).problems == ()


@pytest.mark.parametrize(
    ("rows", "total", "words", "code", "detail"),
    [
        (
            ["100", "5"],
            "105.01",
            "壹佰零伍元整",
            "amounts_differ",
            "明细.金额 105.00；总额 105.01；大写 105.00",
        ),
        (
            ["100", "4.99"],
            "105",
            "壹佰零伍元整",
            "amounts_differ",
            "明细.金额 104.99；总额 105.00；大写 105.00",
        ),
        (["105"], "105", "壹佰伍拾元整", "amounts_differ", "明细.金额 105.00；总额 105.00；大写 150.00"),
        (["105"], "105", "壹佰伍元整", "no_amount", None),
    ],
)
def test_amounts_that_differ_stop_the_contract(
    rows: list[str], total: str, words: str, code: str, detail: str | None
) -> None:
    (problem,) = apply(AMOUNTS, amounts(rows, total, words), FACTS, CHECK).problems
    assert problem.code == code
    assert detail is None or problem.detail == detail


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=5))
def test_amounts_are_exact_to_the_fen(rows: list[int]) -> None:
    total = sum(rows)
    of = amounts([fen_to_yuan(fen) for fen in rows], fen_to_yuan(total), capital_amount(total))
    mapped = apply(AMOUNTS, of, FACTS, CHECK)
    assert mapped.problems == ()
    assert mapped.amount_fen("总额", AMOUNTS) == total
    wrong = amounts([fen_to_yuan(fen) for fen in rows], fen_to_yuan(total + 1), capital_amount(total))
    assert [one.code for one in apply(AMOUNTS, wrong, FACTS, CHECK).problems] == ["amounts_differ"]


def test_an_amount_in_fen_is_compared_as_one() -> None:
    rules = [Rule("总额", path="total", conversion="from_fen"), Rule("大写", path="words")]
    of = amounts(["1"], "10500", "壹佰零伍元整")
    assert apply(rules, of, FACTS, [Check("总额", capital="大写")]).problems == ()


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (Rule("a", path=""), "no_control"),
        (Rule("a", source="weather"), "unknown_source"),
        (Rule("a", path="c", conversion="rot13"), "unknown_conversion"),
        (Rule("a", path="c", kind="File", conversion="capital"), "unsuitable_conversion"),
        (Rule("a", path="c", kind="Attendance"), "unknown_control"),
        (Rule("a", path="T", kind="Table"), "table_for_single"),
        (Rule("a", path="T/c", kind="Text"), "table_for_single"),
        (Rule("l.a", path="c", kind="Text"), "column_outside_table"),
        (Rule("a", source="row_number"), "only_in_a_row"),
        (Rule("l.a", source="number"), "not_in_a_row"),
        (Rule("a", source="constant", argument=" "), "constant_empty"),
        (Rule("a", source="approval", path="mood"), "unknown_part"),
        (Rule("a", path="c", kind="Location"), "part_missing"),
        (Rule("a", path="c", kind="DateRange", part="middle"), "unknown_part"),
        (Rule("a", path="c", conversion="lookup", argument="no words"), "bad_argument"),
        (Rule("a", path="c", conversion="lookup"), "bad_argument"),
        (Rule("a", source="qr", argument="5"), "bad_argument"),
        (Rule("a", source="sum", path="l.b"), "unknown_column"),
        (Rule("a", source="count", path="l"), "unknown_list"),
    ],
)
def test_a_rule_that_cannot_work_is_named_before_any_form_is_there(rule: Rule, code: str) -> None:
    assert code in [one.code for one in problems_of_rules([rule], [])]


def test_fields_without_a_rule_with_two_and_lists_from_two_tables_are_named() -> None:
    rules = [
        Rule("a", path="x"),
        Rule("a", path="y"),
        Rule("l.b", path="T/b"),
        Rule("l.c", path="U/c"),
        Rule("m.d", source="row_number"),
    ]
    found = problems_of_rules(rules, ["a", "l.b", "z", "z"], [Check("q"), Check("a", rows="l.b")])
    assert [(one.field, one.code) for one in found] == [
        ("a", "mapped_twice"),
        ("l", "two_tables"),
        ("m", "list_without_table"),
        ("z", "unmapped"),
        ("q", "check_unknown"),
        ("q", "check_incomplete"),
    ]


def test_sample_data_fits_every_kind_of_rule_and_every_check() -> None:
    rules = [
        *AMOUNTS,
        Rule("明细.品名", path="T/t", kind="Text"),
        Rule("日期", path="d", kind="Date", conversion="date_bill"),
        Rule("期限", path="r", kind="DateRange", part="end", conversion="date_iso"),
        Rule("方式", path="s", kind="Selector", conversion="lookup", argument="o1=甲；o2=乙"),
        Rule("经办", path="p", kind="Contact"),
        Rule("附件", path="f", kind="File", conversion="count"),
        Rule("关联", path="a", kind="RelatedApproval"),
        Rule("地址", path="l", kind="Location", part="address"),
        Rule("开户行", path="b", kind="BankAccount", part="bank.name"),
        Rule("数量", path="n", kind="Number", conversion="number", argument="0"),
        Rule("公式", path="o", kind="Formula", conversion="capital"),
        Rule("分", path="c", kind="Money", conversion="from_fen"),
        Rule("交期", path="e", kind="Text", conversion="date_chinese"),
        Rule("说明", path="x", kind="Textarea"),
    ]
    assert problems_of_rules(rules, [], CHECK) == []
    mapped = apply(rules, read_form(sample_detail(rules, CHECK)), FACTS, CHECK)
    assert mapped.problems == ()
    assert (mapped.values["总额"], mapped.values["开户行"], len(mapped.values["明细"])) == (
        "2469.00",
        "示例开户行",
        2,
    )


def test_the_number_comes_last() -> None:
    rules = [Rule("编号", source="number"), Rule("甲方", source="constant", argument="甲")]
    mapped = apply(rules, form(), FACTS)
    assert mapped.values == {"甲方": "甲"}
    assert with_number(mapped.values, rules, "HT-1") == {"编号": "HT-1", "甲方": "甲"}


def test_fields_are_proposed_the_controls_that_are_titled_like_them() -> None:
    of = form(
        control("Text", "t", {"text": "甲"}, title="乙方"),
        control("Money", "m", {"new_money": "1"}, title="总额"),
        table("T", [[control("Date", "d", {}, title="交期")]], title="明细"),
    )
    assert propose(["编号", "乙方", "总额", "明细.交期"], of) == [
        Rule("乙方", path="t", kind="Text"),
        Rule("总额", path="m", kind="Money", conversion="yuan"),
        Rule("明细.交期", path="T/d", kind="Date", conversion="date_chinese"),
    ]
