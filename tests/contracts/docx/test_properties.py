"""What holds for any text: compared with a filler that works on whole strings."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.docx import compile_template
from contracts.docx.markup import escape, unescape
from tests.docx_files import docx, paragraph, row, run, table
from tests.oracles import docx_text

NAMES = ("name", "name2", "n", "甲方", "甲方名称", "PO", "PO编号", "_x")
ANY_TEXT = st.text(st.characters(), max_size=30) | st.text("$&<>\"'\n\r\t{}]甲a\x00\ud800\ufffe", max_size=30)
VALUES = st.fixed_dictionaries(dict.fromkeys(NAMES, ANY_TEXT))

# Pieces whose names, where nobody declared them, never make an error: those begin with a declared one.
PIECES = st.lists(
    st.sampled_from([f"${name}" for name in NAMES] + [f"${{ {name} }}" for name in NAMES])
    | st.sampled_from(["$$", "$ ", "$-", "US$100", "，", "与 ", "公司", "。", "<&>", "]]>", "$"]),
    max_size=8,
)
BETWEEN = [
    "",
    '<w:proofErr w:type="gramStart"/>',
    '<w:bookmarkStart w:id="1" w:name="b"/><w:bookmarkEnd w:id="1"/>',
    '<w:del w:id="2" w:author="u"><w:r><w:delText>$x</w:delText></w:r></w:del>',
]


@st.composite
def split_runs(draw: st.DrawFn, text: str) -> str:
    """Return the text as runs that are cut anywhere, with what Word leaves in between."""
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=10)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    result = ""
    for piece in pieces:
        wrapper = draw(st.sampled_from(["{}", '<w:ins w:id="3" w:author="u">{}</w:ins>']))
        result += wrapper.replace("{}", run(escape(piece))) + draw(st.sampled_from(BETWEEN))
    return result


def is_plain(text: str) -> bool:
    """Tell whether every name in the text is one that somebody declared."""
    without = re.sub(r"\$\$|\$\{ \w+ \}", "", text)
    return not re.search(r"\$\{", without) and all(
        any(
            found.startswith(name)
            and not re.match(r"[A-Za-z0-9_]{2}", (name[-1] + found[len(name) : len(name) + 1]))
            for name in NAMES
        )
        for found in re.findall(r"\$([^\W\d]\w*)", without)
    )


@settings(max_examples=300)
@given(st.data(), PIECES, VALUES)
def test_any_cut_of_any_template_reads_as_the_slow_filler_says(
    data: st.DataObject, pieces: list[str], values: dict[str, str]
) -> None:
    text = "".join(pieces)
    if not is_plain(text):
        text = text.replace("$", "$$")
    body = data.draw(split_runs(text))
    template = compile_template(docx(paragraph(body)), NAMES, bulk=data.draw(st.booleans()))
    expected = docx_text.substituted(text, values)
    assert docx_text.read(template.fill(values))["document"] == [expected] * bool(expected)


@given(st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=6), ANY_TEXT)
def test_rows_show_their_items_in_order(items: list[tuple[str, str]], single: str) -> None:
    body = table(row(paragraph("$a.x|$s"), paragraph("[${a.y}]")))
    values = {"a": [{"x": x, "y": y} for x, y in items], "s": single}
    shown = docx_text.shown
    expected = [text for x, y in items for text in (f"{shown(x)}|{shown(single)}", f"[{shown(y)}]")]
    filled = compile_template(docx(body), ["a.x", "a.y", "s"]).fill(values)
    assert docx_text.read(filled).get("document", []) == expected


@given(ANY_TEXT)
def test_escaped_text_reads_as_itself(text: str) -> None:
    allowed = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "", text)
    assert unescape(escape(text)) == allowed
