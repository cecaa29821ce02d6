from __future__ import annotations

import contextlib
import json
import re
import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from notifications import rendering
from notifications.rendering import Prepared, RenderError, render
from wecom import markdown


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


# --- values against markup ------------------------------------------------------------------

_MARKS = [
    *("<@all>", "<@lin.qc>", "<@", ">", '<font color="warning">', "</font>", "**", "*", "`", "```"),
    *("[", "](http://evil.example/)", "](", ")", "#", "### ", "> ", ">", "\n", "\r\n", "\u2028", "\x0b"),
    *(
        "\u200b",
        "\u200d",
        "\u202e",
        "\ufeff",
        "＜＠all＞",
        "＃ ",
        "﹟",
        "&lt;@all&gt;",
        "&#60;",
        "\\",
        "{b}",
        "}",
    ),
    *(
        "![x](http://evil.example/x.png)",
        "<a href='http://evil.example'>",
        "http://evil.example",
        "javascript:",
    ),
    *(" ", "\t", "内径", "a", "1"),
]
_EVIL = st.lists(st.sampled_from(_MARKS) | st.text(max_size=3), max_size=6).map("".join)
_FRAMES = st.lists(
    st.sampled_from(
        [
            *("{a}", "{b}", "{c}", "\n", "### ", "> ", "**", "内", " ", "`", "<@lin.qc>"),
            *(
                '<font color="info">',
                "</font>",
                "[看](http://plant.example/{a})",
                "[{b}](http://plant.example/1)",
            ),
            *("[{a}](http://plant.example/?q={b}&x={c})", "- **品名**: {a}"),
        ]
    ),
    max_size=10,
).map("".join)


def _skeleton(text: str) -> list[tuple[str, list[tuple[str, str, bool, str]]]]:
    """Return what acts as markup in a text: prefixes, and the kinds of spans with their targets.

    Words are left out, and so are spans of nothing but words.
    """
    lines = []
    for line in markdown.parse(text):
        spans = [
            (span.kind, _HOST.match(span.url)[0] if span.url else "", span.is_bold, span.color)  # type: ignore[index]
            for span in line.spans
            if span.kind != "text" or span.text.strip()
        ]
        lines.append((line.prefix.strip(), spans))
    return lines


_HOST = re.compile(r"https?://[^/]+/|")


@settings(max_examples=1500)
@given(frame=_FRAMES, values=st.lists(_EVIL, min_size=3, max_size=3))
def test_no_value_changes_the_markup_of_its_template(frame: str, values: list[str]) -> None:
    types = dict.fromkeys("abc", "text")
    plain = render(frame, dict.fromkeys("abc", "词"), types=types)
    shown = (value if markdown.escape(value) else "词" for value in values)  # the blank ones: see below
    filled = render(frame, dict(zip("abc", shown, strict=True)), types=types)
    assert len(filled.split("\n")) == len(plain.split("\n"))
    for ours, theirs in zip(_skeleton(filled), _skeleton(plain), strict=True):
        assert ours[0] == theirs[0]
        assert [span for span in ours[1] if span[0] != "text"] == [
            span for span in theirs[1] if span[0] != "text"
        ]
        assert {span[2:] for span in ours[1]} <= {span[2:] for span in theirs[1]}


@given(frame=_FRAMES, blank=st.text(alphabet=" \t\n\r\u3000\x00\u200b", max_size=4))
def test_a_value_of_nothing_to_see_is_as_if_it_were_empty(frame: str, blank: str) -> None:
    types = dict.fromkeys("abc", "text")
    # Inside of an address white space is a value like any other.
    frame = frame.replace("http://plant.example/{a}", "http://plant.example/1").replace("?q={b}&x={c}", "")
    assert render(frame, dict.fromkeys("abc", blank), types=types) == render(
        frame, dict.fromkeys("abc", ""), types=types
    )


@given(value=_EVIL)
@example("<@all>")
@example("all")
@example("lin.qc|all")
def test_only_a_userid_rings_somebody_and_never_everybody(value: str) -> None:
    text = render("{who}", {"who": value}, types={"who": "userid"})
    rung = [span.text for line in markdown.parse(text) for span in line.spans if span.kind == "mention"]
    assert "all" not in rung
    assert all(re.fullmatch(r"[A-Za-z0-9_.@-]+", userid) for userid in rung)
    if not rung:
        assert text == markdown.escape(value)


def test_userids_ring_each_and_text_never_does() -> None:
    types = {"who": "userid", "word": "text"}
    assert render("{who}", {"who": "lin.qc, wang"}, types=types) == "<@lin.qc> <@wang>"
    assert render("{who}", {"who": ["lin.qc", "wang"]}, types=types) == "<@lin.qc> <@wang>"
    assert render("<@{who}>", {"who": "lin.qc"}, types=types) == "<@lin.qc>"
    for template in ("<@{word}>", "<@a{word}>", "<@a{who}>"):
        with pytest.raises(RenderError, match="userid"):
            render(template, {"who": "lin.qc", "word": "lin.qc"}, types=types)


@pytest.mark.parametrize(
    ("template", "value", "kind", "expected"),
    [
        (
            "[看]({v})",
            "http://plant.example/a(b) c",
            "link",
            "[看](http%3A%2F%2Fplant.example%2Fa%28b%29%20c)",
        ),
        ("[看]({v})", "http://plant.example/a(b)", "link", "[看](http://plant.example/a%28b%29)"),
        ("[看]({v})", "http://evil.example", "text", "[看](http%3A%2F%2Fevil.example)"),
        ("[看]({v})", "javascript:alert(1)", "link", "[看](javascript%3Aalert%281%29)"),
        (
            "[看](http://plant.example/{v})",
            "../x?y=1#z",
            "text",
            "[看](http://plant.example/..%2Fx%3Fy%3D1%23z)",
        ),
        ("[看]({v}/IQC/{v})", "http://plant.example", "link", None),
        ("{v}", "http://plant.example/**x**`", "link", "http://plant.example/%2A%2Ax%2A%2A%60"),
        ("{v}", "plant.example/[x]", "link", "plant.example/［x］"),
    ],
)
def test_a_value_in_an_address_stays_inside_of_it(
    template: str, value: str, kind: str, expected: str | None
) -> None:
    text = render(template, {"v": value}, types={"v": kind})
    assert text == expected or (expected is None and text.startswith("[看](http://plant.example/IQC/http%3A"))


@pytest.mark.parametrize("template", ["[x](http://{v}/)", "[x](http://a{v}/)", "[x]({u}{v})", "[x](x{v})"])
def test_a_value_cannot_decide_the_host_of_a_link(template: str) -> None:
    with pytest.raises(RenderError, match="主机"):
        render(template, {"v": "evil.example", "u": "http://a"}, types={"v": "text", "u": "link"})


def test_lines_stay_lines_and_each_is_harmless() -> None:
    text = render("{v}", {"v": "# a\n> b\r\n<@all>"}, types={"v": "lines"})
    assert text == "＃ a\n＞ b\n＜@all＞"
    assert render("{v}", {"v": ["**a**", Prepared("**b**")]}, types={"v": "lines"}) == "＊＊a＊＊\n**b**"


# --- bounds ---------------------------------------------------------------------------------


def test_ten_thousand_placeholders_in_a_hundred_thousand_characters_are_filled_at_once() -> None:
    template = "{name} 12" * 10_000
    template += "x" * (rendering.LONGEST_TEMPLATE - len(template))
    started = time.process_time()
    text = render(template, {"name": "值" * 20})
    assert time.process_time() - started < 1
    assert text.count("值" * 20) == 10_000


@pytest.mark.parametrize(
    "template", ["](" * 50_000, "{a](" * 25_000, "](" * 20_000 + "{a}" * 10_000, "<@" * 50_000]
)
def test_hostile_templates_take_no_time(template: str) -> None:
    started = time.process_time()
    with contextlib.suppress(RenderError):
        render(template, {"a": "x"})
    assert time.process_time() - started < 2


def test_what_is_too_large_is_refused_before_it_is_built() -> None:
    with pytest.raises(RenderError, match="最多 100000"):
        render("x" * (rendering.LONGEST_TEMPLATE + 1), {})
    with pytest.raises(RenderError, match="10000 次"):
        render("{a}" * (rendering.MOST_PLACEHOLDERS + 1), {"a": "x"})
    with pytest.raises(RenderError, match="500000"):
        render("{a}" * 1000, {"a": "x" * 1000})
    started = time.process_time()
    with pytest.raises(RenderError, match="500000"):
        render("{a}", {"a": "<" * 50_000_000})
    assert time.process_time() - started < 2


def test_values_in_languages_and_moments_are_kept_as_they_were_said() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    moment = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
    said = rendering.ByLanguage({"zh-hans": Prepared("**是**"), "en": "yes"})
    stored = rendering.to_json({"at": moment, "said": said, "nul": "a\0b"}, zone=zone)
    assert json.loads(json.dumps(stored)) == stored
    assert rendering.from_json(stored, language="en") == {
        "at": "2026-11-22 02:00",
        "said": "yes",
        "nul": "ab",
    }
    assert isinstance(rendering.from_json(stored, language="zh-hans")["said"], Prepared)
    assert rendering.from_json(stored, language="fr")["said"] == "**是**"
