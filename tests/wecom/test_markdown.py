"""Escaping, splitting and showing WeCom's Markdown."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wecom.markdown import byte_length, clip, escape, link, mention, parse, plain, split, to_html

QUICK = settings(max_examples=80, deadline=None)
MARKUP_SOUP = st.text(alphabet="<>[]()*#`@&;\\/ \n\r\u202e\u200b中😀é\u0301fontall", max_size=40)


def visible(text: str) -> str:
    """The characters a reader sees, markup and line breaks taken off, full-width twins folded back."""
    shown = "".join(span.text for line in parse(text) for span in line.spans)
    return shown.translate(str.maketrans("＜＞［］｀＃＊", "<>[]`#*"))


def markup(text: str) -> Counter[tuple[str, str, str]]:
    return Counter(
        (span.kind, span.text, span.url) for line in parse(text) for span in line.spans if span.kind != "text"
    )


# --- escape ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hostile",
    [
        "<@all>",
        "<@lin.qc>",
        '<font color="info">合格</font>',
        "[点我](http://evil.example)",
        "](http://evil.example)",
        "# 标题",
        "###### 标题",
        "> 引用",
        "`code`",
        "**粗**",
        "a\n# b",
        "a\r\n> b",
        "a\u2028# b",
        "a\x85> b",
        "\u202e<@all>",
        "<\u200b@all>",
    ],
)
def test_escaped_text_is_one_line_of_plain_text(hostile: str) -> None:
    (line,) = parse(f"{escape(hostile)}")
    assert line.prefix == ""
    assert [span.kind for span in line.spans] == ["text"]
    assert not any(span.is_bold or span.color for span in line.spans)


@given(st.lists(st.one_of(st.text(max_size=30), MARKUP_SOUP), min_size=1, max_size=4))
@QUICK
def test_escaped_values_stay_harmless_side_by_side_in_a_template(values: list[str]) -> None:
    (line,) = parse("- **名称**: " + "".join(escape(value) for value in values))
    assert {span.kind for span in line.spans} == {"text"}
    assert not any(span.color for span in line.spans)
    assert [span.text for span in line.spans if span.is_bold] == ["名称"]


def test_asterisks_of_neighbouring_values_do_not_meet() -> None:
    (line,) = parse("".join(escape(value) for value in ("a*", "*b*", "*c")))
    assert not any(span.is_bold for span in line.spans)


@given(st.one_of(st.text(max_size=60), MARKUP_SOUP))
@QUICK
def test_escaping_again_changes_nothing(text: str) -> None:
    assert escape(escape(text)) == escape(text)


@given(st.text(max_size=60))
@QUICK
def test_escaped_text_has_no_control_or_bidi_character(text: str) -> None:
    allowed = {"\u200c", "\u200d"}
    assert not [
        ch for ch in escape(text) if unicodedata.category(ch) in ("Cc", "Cf", "Cs") and ch not in allowed
    ]


@pytest.mark.parametrize(
    "harmless", ["内径 Φ10*20 ±0.035 mm", "R&D", "a_b__c", "lin@qc.example.com", "👩‍🔧", "(3/5)"]
)
def test_ordinary_values_pass_unchanged(harmless: str) -> None:
    assert escape(harmless) == harmless


def test_escape_replaces_half_a_surrogate_pair() -> None:
    assert "\ufffd" in escape("a\ud83d b")


# --- building -------------------------------------------------------------------------------------------


def test_a_link_keeps_its_address_when_label_and_address_hold_brackets() -> None:
    text = link("内径 [A](http://evil)", "http://q.example/IQC/12?a=(1) 2")
    (span,) = parse(text)[0].spans
    assert span.kind == "link"
    assert span.url == "http://q.example/IQC/12?a=%281%29%202"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "q.example/1", "", "ftp://x/"])
def test_a_link_needs_http(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        link("x", url)


@pytest.mark.parametrize("userid", ["", "a b", "all>", "x" * 65, "林"])
def test_a_mention_takes_only_a_userid(userid: str) -> None:
    with pytest.raises(ValueError, match="userid"):
        mention(userid)


def test_a_mention_is_read_back() -> None:
    assert markup(mention("lin.qc")) == Counter({("mention", "lin.qc", ""): 1})


@given(st.text(max_size=50), st.integers(min_value=0, max_value=60))
@QUICK
def test_clipping_keeps_within_the_limit_and_between_characters(text: str, limit: int) -> None:
    short = clip(text, limit)
    assert byte_length(short) <= limit
    if byte_length(text) <= limit:
        assert short == text
    else:
        assert text.startswith(short.removesuffix("…"))


# --- split ----------------------------------------------------------------------------------------------

WORDS = st.text(alphabet="abc 中文尺寸超差，。😀👩‍🔧é\u0301\u0301*#>", min_size=1, max_size=120)
LINKS = st.builds(
    link, st.text(alphabet="内径mm", min_size=1, max_size=8), st.just("http://127.0.0.1:8000/IQC/12/345")
)
MENTIONS = st.sampled_from(["<@lin.qc>", "<@boss.wang>"])
COLOURED = st.builds(
    '<font color="{}">{}</font>'.format, st.sampled_from(["info", "comment", "warning"]), WORDS
)
BOLD = st.builds("**{}**".format, st.text(alphabet="供应商ab ", min_size=1, max_size=60))
CODE = st.builds("`{}`".format, st.text(alphabet="x中 <>", min_size=1, max_size=30))
PIECE = st.one_of(WORDS, LINKS, MENTIONS, COLOURED, BOLD, CODE)
PREFIX = st.sampled_from(["", "> ", ">", "- ", "## "])
LINE = st.builds(lambda prefix, pieces: prefix + "".join(pieces), PREFIX, st.lists(PIECE, max_size=8))
HEADING = st.sampled_from(
    ["", "### IQC 异常汇总\n", "# " + "长标题" * 30 + "\n", "### **供应商** <@lin.qc>\n"]
)
DOCUMENT = st.builds(
    lambda head, lines: head + "\n".join(lines), HEADING, st.lists(LINE, min_size=1, max_size=12)
)


def bodies(parts: list[str]) -> list[str]:
    """The parts without their heading and marker."""
    return [part.partition("\n")[2] for part in parts]


@given(DOCUMENT, st.integers(min_value=256, max_value=700))
@QUICK
def test_every_part_is_within_the_limit_and_numbered(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(byte_length(part) <= limit for part in parts)
    if len(parts) > 1:
        total = len(parts)
        for number, part in enumerate(parts, start=1):
            assert part.partition("\n")[0].endswith(f"({number}/{total})")


@given(DOCUMENT, st.integers(min_value=256, max_value=700))
@QUICK
def test_splitting_loses_no_character_no_link_and_no_mention(text: str, limit: int) -> None:
    parts = split(text, limit)
    if len(parts) == 1:
        assert visible(parts[0]) == visible(text)
        assert markup(parts[0]) == markup(text)
        return
    first, _, rest = text.partition("\n")
    shown = "\n".join(bodies(parts))
    if (visible(shown), markup(shown)) == (visible(text), markup(text)):
        return  # no heading, or one too long to be repeated whole
    assert parse(first)[0].level
    assert (visible(shown), markup(shown)) == (visible(rest), markup(rest))
    for number, part in enumerate(parts, start=1):
        headline = part.partition("\n")[0]
        assert visible(headline) == f"{visible(first)} ({number}/{len(parts)})"
        assert markup(headline) == markup(first)


@given(DOCUMENT)
@QUICK
def test_a_text_that_fits_comes_back_untouched(text: str) -> None:
    assert split(text, max(byte_length(text), 256)) == [text]


@given(DOCUMENT, st.integers(min_value=256, max_value=700))
@QUICK
def test_every_part_closes_the_colours_it_opens(text: str, limit: int) -> None:
    for part in split(text, limit):
        assert part.count("<font") == part.count("</font>")
        assert not [
            s.text for line in parse(part) for s in line.spans if s.kind == "text" and "font" in s.text
        ]


@given(
    st.lists(MARKUP_SOUP, min_size=20, max_size=60).map("".join), st.integers(min_value=256, max_value=400)
)
@QUICK
def test_broken_markup_is_split_within_the_limit_too(text: str, limit: int) -> None:
    assert all(byte_length(part) <= limit for part in split(text, limit))


@given(DOCUMENT, st.integers(min_value=256, max_value=500))
@QUICK
def test_lines_that_fit_are_never_cut(text: str, limit: int) -> None:
    parts = split(text, limit)
    if len(parts) > 1:
        rows = {row for body in bodies(parts) for row in body.split("\n")}
        short = [line for line in text.split("\n")[1:] if byte_length(line) <= limit // 3]
        assert set(short) <= rows


def test_a_colour_over_several_lines_is_closed_and_opened_again_at_the_border() -> None:
    inner = "\n".join(f"第{n}行 超差" + "。" * 30 for n in range(12))
    parts = split(f'### 汇总\n<font color="warning">{inner}</font>', 400)
    assert len(parts) > 2
    for part in parts:
        spans = [span for line in parse(part)[1:] for span in line.spans]
        assert {span.color for span in spans} == {"warning"}


def test_a_bold_run_goes_on_in_bold_after_the_cut() -> None:
    parts = split("**" + "长" * 400 + "**", 300)
    for body in bodies(parts):
        assert {span.is_bold for line in parse(body) for span in line.spans} == {True}


def test_a_cut_quote_goes_on_as_a_quote() -> None:
    parts = split("> " + "引" * 400, 300)
    assert len(parts) > 2
    assert all(line.is_quote for body in bodies(parts) for line in parse(body))


def test_the_rest_of_a_cut_line_does_not_become_a_heading() -> None:
    for sign in ("# 标", ">标"):
        parts = split("x" + f" {sign}" * 200, 300)
        assert len(parts) > 2
        assert not any(line.level or line.is_quote for body in bodies(parts) for line in parse(body))


def test_a_cut_heading_inside_the_text_goes_on_as_text() -> None:
    parts = split("正文\n## " + "长" * 400, 300)
    assert [line.level for body in bodies(parts) for line in parse(body)].count(2) == 1


def test_characters_that_belong_together_stay_together() -> None:
    parts = split("👩‍🔧" * 120, 300)
    assert "".join(bodies(parts)).replace("\n", "") == "👩‍🔧" * 120
    assert all(row == "👩‍🔧" * (len(row) // 3) for body in bodies(parts) for row in body.split("\n"))


def test_markup_longer_than_a_part_is_taken_apart_into_words() -> None:
    parts = split("[详情](http://q.example/" + "a" * 900 + ")", 300)
    assert "".join(bodies(parts)).replace("\n", "").startswith("详情 http://q.example/aaa")
    assert not any(span.kind == "link" for part in parts for line in parse(part) for span in line.spans)


def test_a_given_heading_is_repeated_with_all_its_lines() -> None:
    heading = "### IQC 异常汇总\n- **供应商**: 苏州精密轴承有限公司"
    rows = [f"- **异常项**: 内径{n} [http://h/IQC/1/{n}](http://h/IQC/1/{n})" for n in range(60)]
    parts = split("\n".join([heading, *rows]), 1024, heading=heading)
    for number, part in enumerate(parts, start=1):
        assert part.startswith(
            f"### IQC 异常汇总 ({number}/{len(parts)})\n- **供应商**: 苏州精密轴承有限公司\n- **异常项**"
        )
    assert [row for part in parts for row in part.split("\n")[2:]] == rows


def test_a_thousand_parts_are_numbered_within_the_limit() -> None:
    parts = split("\n".join("中" * 60 for _ in range(1100)), 256)
    assert len(parts) == 1100
    assert max(byte_length(part) for part in parts) <= 256


def test_a_limit_that_cannot_hold_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="256"):
        split("x" * 300, 100)


# --- showing --------------------------------------------------------------------------------------------


def test_plain_text_keeps_words_links_and_names() -> None:
    text = (
        '### IQC 异常\n- **供应商**: <font color="warning">甲厂</font>\n'
        "> [查看](http://h/1) [http://h/2](http://h/2)\n<@lin.qc> `A-1`"
    )
    assert plain(text) == "IQC 异常\n- 供应商: 甲厂\n查看 http://h/1 http://h/2\n@lin.qc A-1"


class Reader(HTMLParser):
    """Collects tags and attributes; fails on anything that is not expected."""

    ALLOWED = {
        "div": {"class", "role", "aria-level"},
        "blockquote": {"class"},
        "span": {"class"},
        "strong": set(),
        "code": {"class"},
        "a": {"class", "href", "target", "rel"},
    }

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""
        self.hrefs: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= self.ALLOWED[tag]
        for name, value in attrs:
            if name == "class":
                assert re.fullmatch(r"md-\w+( md-\w+)?", value or "")
            if name == "href":
                self.hrefs.append(value or "")
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


HOSTILE = st.lists(
    st.sampled_from(
        [
            "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))",
            '[x](http://h/"onmouseover="alert(1))', "<!--", "-->", "&lt;", "<@a>", "</font>", "</div>",
            "[", "](", ")", "**", "`", "\n",
            '<font color="warning">', '<font color="red">', "# ", "> ", "'", '"', "中", "data:text/html,x",
            "[<script>](http://h)", "[**x**](https://h/)", "\x00", "\ud800",
        ]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(HOSTILE)
@settings(max_examples=300, deadline=None)
def test_shown_html_holds_only_expected_tags_and_http_links(text: str) -> None:
    reader = Reader()
    reader.feed(to_html(text))
    reader.close()
    assert reader.open == []
    assert all(re.match(r"https?://", href) for href in reader.hrefs)


def test_the_default_message_is_shown_as_wecom_shows_it() -> None:
    shown = to_html(
        "### IQC 异常汇总\n- **供应商**: 甲厂\n- **异常项**: 内径 [http://h/IQC/1/2](http://h/IQC/1/2)"
    )
    assert shown == (
        '<div class="md-h md-h3" role="heading" aria-level="3">IQC 异常汇总</div>'
        '<div class="md-line">- <strong>供应商</strong>: 甲厂</div>'
        '<div class="md-line">- <strong>异常项</strong>: 内径 '
        '<a class="md-link" href="http://h/IQC/1/2" target="_blank" rel="noopener noreferrer">http://h/IQC/1/2</a></div>'
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('<font color="warning">3 件</font>', '<span class="md-warning">3 件</span>'),
        ('<font color="red">3 件</font>', "&lt;font color=&quot;red&quot;&gt;3 件&lt;/font&gt;"),
        ("<@lin.qc>", '<span class="md-mention">@lin.qc</span>'),
        ("> a\n>b", '<blockquote class="md-quote"><div class="md-line">a</div><div class="md-line">b</div>'),
        ("`A-1`", '<code class="md-code">A-1</code>'),
        ("#无空格", '<div class="md-line">#无空格</div>'),
        ("- 项", '<div class="md-line">- 项</div>'),
        ("**a", '<div class="md-line">**a</div>'),
        ("a\n\nb", '<div class="md-gap"></div>'),
        ("[x](qc.example.com)", '<div class="md-line">[x](qc.example.com)</div>'),
        ('**<font color="info">甲**乙</font>', '<strong>甲</strong></span><span class="md-info">乙</span>'),
    ],
)  # fmt: skip
def test_shown_parts(text: str, part: str) -> None:
    assert part in to_html(text)
