from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quality import pasting
from quality.pasting import PasteError, parse


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10.01 10.02\n10.03", ["10.01", "10.02", "10.03"]),
        ("10.01\t\t10.03", ["10.01", None, "10.03"]),
        ("10.010、10.02；10.03", ["10.010", "10.02", "10.03"]),
        ("10.01,10.02，10.03", ["10.01", "10.02", "10.03"]),
        ("１０．０１　－０．５", ["10.01", "-0.5"]),
        ("10.01mm 10.02 mm"[:7] + " 10.02", ["10.01", "10.02"]),
        ("- 10 N/A", [None, "10", None]),
        ("OK NG 合格 不合格 NO GO", ["OK", "NG", "OK", "NG", "NG"]),
        ("", []),
    ],
)
def test_what_people_paste_is_read(text: str, values: list[str | None]) -> None:
    assert parse(text, "mm") == values


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        ("10 a 11 y", [(2, "not_a_number"), (4, "not_a_number")]),
        ("10,05", [(1, "comma_decimal")]),
        ("<0.01", [(1, "censored")]),
        ("10 OK", [(2, "mixed")]),
    ],
)
def test_every_bad_value_is_named(text: str, bad: list[tuple[int, str]]) -> None:
    with pytest.raises(PasteError) as caught:
        parse(text)
    assert [(one.position, one.code) for one in caught.value.bad] == bad


def test_too_many_values_are_refused() -> None:
    with pytest.raises(PasteError) as caught:
        parse("1 " * (pasting.MAX_VALUES + 1))
    assert caught.value.bad[0].code == "too_many"


_numbers = st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-999, max_value=999)


@given(
    st.one_of(
        st.lists(st.one_of(st.none(), _numbers.map(lambda number: str(abs(number)))), max_size=30),
        st.lists(st.sampled_from(["OK", "NG", None]), max_size=30),
    )
)
def test_what_is_shown_for_editing_reads_back_the_same(values: list[str | None]) -> None:
    assert parse(pasting.to_text(values)) == values
