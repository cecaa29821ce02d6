from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications import rendering
from notifications.rendering import Prepared, RenderError, render


def test_names_are_filled_and_doubled_braces_stay() -> None:
    assert render("{a} 与 {b}，{{不是变量}}", {"a": 1, "b": "二"}) == "1 与 二，{不是变量}"


def test_every_missing_name_is_named_at_once() -> None:
    with pytest.raises(RenderError) as caught:
        render("{supplier} {lot} {supplier}", {})
    assert str(caught.value) == "{supplier} 没有值；{lot} 没有值"


@pytest.mark.parametrize("template", ["{", "}", "{a b}", "{0}", "{a.__class__}", "{a[0]}", "{a!r}", "{}"])
def test_what_is_no_name_is_refused_and_nothing_is_evaluated(template: str) -> None:
    with pytest.raises(RenderError):
        render(template, {"a": "x"})


def test_user_text_cannot_bring_markup_but_prepared_text_can() -> None:
    text = render(
        "{bad}\n{good}", {"bad": "<@all> [x](http://evil)", "good": Prepared("**粗** [u](http://u)")}
    )
    assert "<@all>" not in text
    assert "](http://evil" not in text
    assert text.endswith("**粗** [u](http://u)")


@given(value=st.text(max_size=40))
def test_a_value_is_never_scanned_again(value: str) -> None:
    assert render("{a}", {"a": value, "b": "SECRET"}, escape=str) == value


def test_variables_survive_their_way_through_json() -> None:
    stored = rendering.to_json({"a": "x", "b": Prepared("**y**"), "n": 3})
    back = rendering.from_json(stored)
    assert back == {"a": "x", "b": "**y**", "n": "3"}
    assert isinstance(back["b"], Prepared)
    assert not isinstance(back["a"], Prepared)


def test_names_lists_each_placeholder_once_in_order() -> None:
    assert rendering.names("{b} {a} {{c}} {b}") == ["b", "a"]
