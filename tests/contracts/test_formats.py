"""Amounts, dates and times as contracts write them, by the vectors of the reference."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.formats import (
    FormatError,
    bill_date,
    capital_amount,
    capital_wordings,
    chinese_date,
    fen_to_yuan,
    month_of,
    numeral_date,
    parse_capital,
    shanghai,
    yuan_to_fen,
)

FILE = Path(__file__).parents[1] / "data" / "contracts" / "values.json"
VECTORS = json.loads(FILE.read_text(encoding="utf-8"))
FEN = st.integers(-(10**14) + 1, 10**14 - 1) | st.integers(-(10**5), 10**5)


@pytest.mark.parametrize("vector", VECTORS["rmb_upper"], ids=lambda vector: vector["yuan"])
def test_an_amount_has_the_permitted_wordings_and_no_other(vector: dict[str, Any]) -> None:
    fen = vector["fen"]
    assert capital_wordings(fen) == set(vector["accept"])
    assert capital_amount(fen) in vector["accept"]
    assert {parse_capital(wording) for wording in vector["accept"]} == {fen}
    assert yuan_to_fen(vector["yuan"]) == fen


def test_the_printed_form_has_no_spare_zero_and_ends_with_zheng_behind_jiao() -> None:
    assert capital_amount(12864050) == "壹拾贰万捌仟陆佰肆拾元伍角整"
    assert capital_wordings(12864050) == {
        f"壹拾贰万捌仟陆佰肆拾元{zero}伍角{closing}" for zero in ("", "零") for closing in ("", "整")
    }
    assert capital_amount(0) == "零元整"
    assert capital_amount(10**14 - 1) == "玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"


@given(FEN)
def test_every_wording_reads_back_and_no_other_amount_has_it(fen: int) -> None:
    wordings = capital_wordings(fen)
    assert capital_amount(fen) in wordings
    assert {parse_capital(f"人民币{wording}") for wording in wordings} == {fen}


@pytest.mark.parametrize(
    ("text", "fen"),
    [("人民币 壹佰圆正", 10000), ("貳億陸萬元整", 20006000000), ("零元整", 0), ("伍角", 50), ("负伍分", -5)],
)
def test_permitted_variants_of_characters_are_read(text: str, fen: int) -> None:
    if fen == 20006000000:
        text = text.replace("億陸", "億零陸")
    assert parse_capital(text) == fen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "元整",
        "壹佰伍元整",
        "壹佰零伍元",
        "壹佰零零伍元整",
        "拾元整",
        "壹元伍分",
        "壹元零角伍分",
        "壹元伍分整",
        "壹万壹万元整",
        "壹亿亿元整",
        "一百元整",
        "100元",
        "壹佰元整。",
        "壹佰元整壹佰元整",
        "负零元整",
        "人民币人民币壹元整",
    ],
)
def test_a_wording_that_the_rules_do_not_permit_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        parse_capital(text)


def test_amounts_beyond_a_trillion_are_refused() -> None:
    for fen in (10**14, -(10**14)):
        with pytest.raises(FormatError):
            capital_amount(fen)
        with pytest.raises(FormatError):
            capital_wordings(fen)


@pytest.mark.parametrize("vector", VECTORS["yuan_to_fen"], ids=lambda vector: vector["in"])
def test_yuan_become_fen_exactly_or_not_at_all(vector: dict[str, Any]) -> None:
    if vector["fen"] is None:
        with pytest.raises(FormatError):
            yuan_to_fen(vector["in"])
    else:
        assert yuan_to_fen(vector["in"]) == vector["fen"]


@pytest.mark.parametrize(
    "text", ["", "1.234", "1.", ".5", "１２", "1e3", "+1", "--1", "1,2345", "1 000", "nan", "¥1"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        yuan_to_fen(text)


@given(FEN, st.booleans())
def test_fen_and_yuan_go_there_and_back(fen: int, grouped: bool) -> None:
    assert yuan_to_fen(fen_to_yuan(fen, grouped=grouped)) == fen


def test_grouped_yuan_have_commas_between_thousands() -> None:
    assert fen_to_yuan(-123456705, grouped=True) == "-1,234,567.05"


@pytest.mark.parametrize("vector", VECTORS["dates"], ids=lambda vector: vector["iso"])
def test_a_date_in_three_styles(vector: dict[str, Any]) -> None:
    day = date.fromisoformat(vector["iso"])
    assert (chinese_date(day), numeral_date(day), bill_date(day)) == (
        vector["cn"],
        vector["cn_numeral"],
        vector["bill"],
    )


@pytest.mark.parametrize(
    ("day", "bill", "numeral"),
    [
        # Months 1, 2, 10 and days 1 to 10, 20, 30 take 零, the tens 壹 (article 4 of the writing rules).
        (date(2026, 10, 10), "贰零贰陆年零壹拾月零壹拾日", "二〇二六年十月十日"),
        (date(2026, 12, 20), "贰零贰陆年壹拾贰月零贰拾日", "二〇二六年十二月二十日"),
        (date(2026, 3, 31), "贰零贰陆年叁月叁拾壹日", "二〇二六年三月三十一日"),
        (date(2026, 9, 30), "贰零贰陆年玖月零叁拾日", "二〇二六年九月三十日"),
        (date(2026, 2, 15), "贰零贰陆年零贰月壹拾伍日", "二〇二六年二月十五日"),
    ],
)
def test_the_zeros_of_a_bill(day: date, bill: str, numeral: str) -> None:
    assert (bill_date(day), numeral_date(day)) == (bill, numeral)


@pytest.mark.parametrize("vector", VECTORS["time"], ids=lambda vector: vector["shanghai"])
def test_a_moment_is_shown_in_shanghai(vector: dict[str, Any]) -> None:
    moment = vector.get("unix", vector.get("iso"))
    assert shanghai(moment).isoformat() == vector["shanghai"]
    assert month_of(moment) == vector.get("month", vector["shanghai"][:7])


@pytest.mark.parametrize("moment", ["2026-03-01T07:00:00", "soon", 10**18, datetime(2026, 1, 1)])  # noqa: DTZ001
def test_what_is_no_moment_is_refused(moment: Any) -> None:
    with pytest.raises(FormatError):
        shanghai(moment)
