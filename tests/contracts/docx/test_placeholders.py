"""Where placeholders are found, over what they may be spread, and what stands around them afterwards."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contracts.docx import BadPlaceholder, FieldError, Fields, MissingField, compile_template
from contracts.docx.placeholders import find
from tests.docx_files import (
    SPACES,
    W,
    document,
    docx,
    member,
    paragraph,
    relationship,
    relationships,
    row,
    run,
    table,
)
from tests.oracles import docx_text

VALUES: dict[str, Any] = {"name": "甲公司", "no": "HT-001", "甲方": "苏州"}
FIELDS = Fields.of_values(VALUES)


def text_of(*runs: str, values: dict[str, Any] = VALUES, mode: Any = "strict") -> list[str]:
    """Return the paragraphs of a document of one paragraph after filling."""
    return main_text(paragraph(*runs), values=values, mode=mode)


def main_text(body: str, *, values: dict[str, Any] = VALUES, mode: Any = "strict") -> list[str]:
    data = compile_template(docx(body), Fields.of_values(values)).fill(values, mode)
    return docx_text.read(data)["document"]


@pytest.mark.parametrize(
    "between",
    [
        '<w:proofErr w:type="spellStart"/>',
        '<w:bookmarkStart w:id="1" w:name="b"/><w:bookmarkEnd w:id="1"/>',
        '<w:commentRangeStart w:id="1"/><w:commentRangeEnd w:id="1"/>',
        '<w:r><w:commentReference w:id="1"/></w:r>',
        f'<w:del w:id="1" w:author="u">{run("xx").replace("w:t", "w:delText")}</w:del>',
        f'<w:moveFrom w:id="1" w:author="u">{run("xx")}</w:moveFrom>',
        "<w:r><w:lastRenderedPageBreak/></w:r>",
        "<!-- $no --><?pi $no?>",
    ],
)
def test_a_placeholder_goes_on_over_what_is_no_text(between: str) -> None:
    assert text_of("<w:r><w:t>前 $na</w:t></w:r>", between, "me 后") == ["前 甲公司 后"]


@pytest.mark.parametrize(
    "border",
    [
        '<w:ins w:id="1" w:author="u">{}</w:ins>',
        '<w:moveTo w:id="1" w:author="u">{}</w:moveTo>',
        "<w:sdt><w:sdtPr/><w:sdtContent>{}</w:sdtContent></w:sdt>",
        '<w:hyperlink w:anchor="x">{}</w:hyperlink>',
        '<w:smartTag w:element="x">{}</w:smartTag>',
    ],
)
def test_a_placeholder_goes_on_over_the_borders_of_insertions_controls_and_links(border: str) -> None:
    assert text_of("<w:r><w:t>${</w:t></w:r>", border.format(run("na")), "me}") == ["甲公司"]
    assert text_of(border.format(run("$na")), "me") == ["甲公司"]


@pytest.mark.parametrize(
    ("between", "seen"),
    [
        ("<w:br/>", "\n"),
        ("<w:cr/>", "\n"),
        ("<w:tab/>", "\t"),
        ("<w:noBreakHyphen/>", "-"),
        ("<w:softHyphen/>", ""),
    ],
)
def test_no_placeholder_goes_on_over_a_break_tab_or_hyphen(between: str, seen: str) -> None:
    runs = ("<w:r><w:t>$name 与 $na</w:t>", between, "<w:t>me</w:t></w:r>")
    with pytest.raises(MissingField) as stopped:
        text_of("<w:r>" + "".join(runs)[5:])
    assert stopped.value.names == ("na",)
    assert text_of("<w:r>" + "".join(runs)[5:], mode="keep") == [f"甲公司 与 $na{seen}me"]
    with pytest.raises(BadPlaceholder):
        text_of(f"<w:r><w:t>${{na</w:t>{between}<w:t>me}}</w:t></w:r>")


def test_no_placeholder_goes_on_over_paragraphs() -> None:
    assert main_text(paragraph("$") + paragraph("name")) == ["$", "name"]


def test_a_tab_stop_of_the_paragraph_is_no_tab() -> None:
    stops = "<w:pPr><w:tabs><w:tab w:val='left' w:pos='1'/></w:tabs></w:pPr>"
    assert text_of(stops, "$na", "me") == ["甲公司"]
    with pytest.raises(BadPlaceholder) as refused:
        text_of(stops, "${}")
    assert refused.value.places[0].text == "${}"


def test_field_instructions_and_deleted_text_are_not_text() -> None:
    kept = (
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>'
        "<w:r><w:instrText> MERGEFIELD $name </w:instrText></w:r>"
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>$no</w:t></w:r>'
        '<w:r><w:fldChar w:fldCharType="end"/></w:r>'
        '<w:del w:id="1" w:author="u"><w:r><w:delText>$name</w:delText></w:r></w:del>'
    )
    template = compile_template(docx(paragraph(kept)), FIELDS)
    assert template.field_names == ("no",)
    main = member(template.fill(VALUES), "word/document.xml")
    assert main.count("$name") == 2
    assert '<w:t xml:space="preserve">HT-001</w:t>' in main


def test_the_value_takes_the_format_of_the_run_with_the_dollar() -> None:
    runs = (
        "<w:r><w:rPr><w:b/></w:rPr><w:t>$</w:t></w:r>",
        "<w:r><w:rPr><w:i/></w:rPr><w:t>name!</w:t></w:r>",
    )
    main = member(compile_template(docx(paragraph(*runs)), FIELDS).fill(VALUES), "word/document.xml")
    assert '<w:rPr><w:b/></w:rPr><w:t xml:space="preserve">甲公司</w:t>' in main
    assert '<w:rPr><w:i/></w:rPr><w:t xml:space="preserve">!</w:t>' in main


def test_everything_around_a_placeholder_keeps_its_characters() -> None:
    body = (
        "<w:p w:rsidR='00AA'><w:pPr><w:jc w:val = 'center' /></w:pPr>"
        + run("a &#65; &amp;")
        + run("$name")
        + "</w:p>"
    )
    before = document(body)
    after = member(compile_template(docx(body), FIELDS).fill(VALUES), "word/document.xml")
    assert after == before.replace("$name", "甲公司")


HEAD = f"<w:{{tag}} {SPACES}>{{body}}</w:{{tag}}>"


def test_headers_footers_and_notes_are_filled() -> None:
    tags = {
        "header1": "hdr",
        "header2": "hdr",
        "footer1": "ftr",
        "footnotes": "footnotes",
        "endnotes": "endnotes",
    }
    parts = {}
    for name, tag in tags.items():
        body = paragraph("$name")
        note = tag.removesuffix("s")
        parts[name] = HEAD.format(
            tag=tag, body=f'<w:{note} w:id="1">{body}</w:{note}>' if "note" in tag else body
        )
    data = compile_template(docx(paragraph("正文"), parts=parts), FIELDS).fill(VALUES)
    texts = docx_text.read(data)
    assert {name: texts[name] for name in tags} == {name: ["甲公司"] for name in tags}


def test_both_branches_of_a_text_box_are_filled_and_its_host_goes_on() -> None:
    inner = f"<w:txbxContent>{paragraph('$na', 'me')}{paragraph('$no')}</w:txbxContent>"
    box = (
        "<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wp:anchor><a:graphic><a:graphicData>"
        f"<wps:wsp><wps:txbx>{inner}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing>"
        f"</mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>{inner}</v:textbox></v:shape></w:pict>"
        "</mc:Fallback></mc:AlternateContent></w:r>"
    )
    assert text_of("主 $na", box, "me 尾") == ["主 甲公司 尾", "甲公司", "HT-001", "甲公司", "HT-001"]


def test_the_text_and_the_target_of_a_link_are_filled_and_the_target_is_encoded() -> None:
    link = f'<w:hyperlink r:id="rId7">{run("查 $name")}</w:hyperlink>'
    target = "https://x.example/${甲方}/%24no?q=$name&amp;n=$%7Bno%7D&amp;m=$$&amp;k=%24name"
    lines = relationship(7, "hyperlink", target, outside=True)
    values = VALUES | {"name": 'A&B "<\n/?苏'}
    data = compile_template(docx(paragraph(link), relations=lines), Fields.of_values(values)).fill(values)
    assert docx_text.links(data) == [
        "https://x.example/%E8%8B%8F%E5%B7%9E/%24no?q=A%26B%20%22%3C%0A%2F%3F%E8%8B%8F&n=HT-001&m=$&k=%24name"
    ]
    assert docx_text.read(data)["document"] == ['查 A&B "<\n/?苏']


def test_an_encoded_chinese_name_in_a_link_is_found_and_an_address_keeps_its_at() -> None:
    lines = relationship(7, "hyperlink", "mailto:$name?subject=$%E7%94%B2%E6%96%B9", outside=True)
    values = {"name": "a@b.example", "甲方": "x y"}
    data = compile_template(docx(paragraph("x"), relations=lines), Fields.of_values(values)).fill(values)
    assert docx_text.links(data) == ["mailto:a@b.example?subject=x%20y"]


def test_the_title_is_filled_and_no_other_property() -> None:
    data = compile_template(docx(paragraph("x"), title="合同 $no &amp; ${ name }"), FIELDS).fill(VALUES)
    assert docx_text.title(data) == "合同 HT-001 & 甲公司"
    assert "<dc:creator>$name</dc:creator>" in member(data, "docProps/core.xml")


def test_nested_tables_repeat_by_their_own_rows() -> None:
    values = {
        "a": [{"x": "1"}, {"x": "2"}],
        "b": [{"y": "p"}, {"y": "q"}],
    }
    inner = table(row(paragraph("$b.y")))
    body = table(row(paragraph("头")), row(paragraph("$a.x") + inner + paragraph("")), row(paragraph("尾")))
    assert main_text(body, values=values) == ["头", "1", "p", "q", "2", "p", "q", "尾"]
    same = table(row(paragraph("$a.x") + table(row(paragraph("又 $a.x"))) + paragraph("")))
    assert main_text(same, values=values) == ["1", "又 1", "2", "又 2"]


def test_a_table_whose_rows_all_go_away_goes_with_them() -> None:
    template = compile_template(docx(table(row(paragraph("$a.x"))) + paragraph("后")), ["a.x"])
    assert "<w:tbl>" not in member(template.fill({"a": []}), "word/document.xml")
    assert "<w:tbl>" in member(template.fill({"a": [{"x": "1"}]}), "word/document.xml")


def test_a_repeated_row_does_not_repeat_what_is_unique() -> None:
    marks = '<w:bookmarkStart w:id="4" w:name="m"/>{}<w:bookmarkEnd w:id="4"/>'
    cell = f'<w:p w14:paraId="0A1B" w14:textId="77" w:rsidR="00AA">{marks.format(run("$a.x"))}</w:p>'
    single = '<w:p w14:paraId="0A1C"><w:bookmarkStart w:id="5" w:name="n"/><w:bookmarkEnd w:id="5"/></w:p>'
    template = compile_template(docx(table(row(cell)) + single), ["a.x"])
    main = member(template.fill({"a": [{"x": "1"}, {"x": "2"}]}), "word/document.xml")
    assert re.findall(r'paraId="(\w+)"', main) == ["0A1C"]
    assert re.findall(r'w:name="(\w)"', main) == ["n"]
    assert main.count('w:rsidR="00AA"') == 2


def test_other_prefixes_cdata_and_a_missing_declaration_are_read() -> None:
    odd = (
        f'<document xmlns="{W}" xmlns:q="{W}"><body><q:p><q:r><q:t><![CDATA[<$na]]></q:t></q:r>'
        "<r><t><![CDATA[me>]]>&#x21;</t></r></q:p><p><r><t>$no</t></r></p></body></document>"
    )
    values = VALUES | {"name": "一\n二\t三"}
    data = compile_template(docx(main=odd.encode()), FIELDS).fill(values)
    assert docx_text.read(data)["document"] == ["<一\n二\t三>!", "HT-001"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_utf_16_and_byte_order_marks_are_read(encoding: str) -> None:
    declared = "utf-8" if encoding == "utf-8-sig" else "utf-16"
    text = document(paragraph("$name")).replace("UTF-8", declared)
    data = compile_template(docx(main=text.encode(encoding)), FIELDS).fill(VALUES)
    assert docx_text.read(data)["document"] == ["甲公司"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("${}", "empty braces"),
        ("${ }", "empty braces"),
        ("${name", "not closed"),
        ("${na-me}", "no name"),
        ("${1}", "no name"),
        ("${a b}", "no name"),
        ("$a.x", "outside a table row"),
        ("${a}", "without a column"),
        ("$a", "without a column"),
    ],
)
def test_a_bad_placeholder_is_told_with_its_place(text: str, reason: str) -> None:
    body = paragraph("好 $name") + paragraph(f"坏 {text}") + paragraph("${}")
    with pytest.raises(BadPlaceholder) as refused:
        compile_template(docx(body), ["name", "a.x"])
    first, last = refused.value.places
    assert (first.part, first.paragraph, first.text) == ("word/document.xml", 2, f"坏 {text}")
    assert reason in first.reason
    assert last.paragraph == 3


def test_a_mark_ends_where_its_name_ends_though_longer_names_are_declared() -> None:
    fields = Fields.of(["n", "longer", "甲.a", "甲乙丙丁.b"])
    assert [(mark.name, mark.stop) for mark in find("$n", fields, in_row=False)] == [("n", 2)]
    assert [mark.stop for mark in find("$甲", fields, in_row=True)] == [2]


def test_two_lists_in_one_row_are_an_error() -> None:
    with pytest.raises(BadPlaceholder, match="two lists"):
        compile_template(docx(table(row(paragraph("$a.x"), paragraph("$b.x")))), ["a.x", "b.x"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("$name2", ["name2"]),
        ("$name_x 与 $nam", ["name_x", "nam"]),
        ("$n公司", ["n"]),
        ("$丢失公司。", ["丢失公司"]),
        ("${ x.y }", ["x.y"]),
        ("$name.x", []),
    ],
)
def test_no_shorter_name_steps_in_for_one_that_is_not_declared(text: str, names: list[str]) -> None:
    body = table(row(paragraph(text)))
    try:
        compile_template(docx(body), FIELDS).fill(VALUES)
        found: list[str] = []
    except MissingField as stopped:
        found = list(stopped.names)
    assert found == names


def test_the_longest_declared_column_is_taken() -> None:
    values = {"明细": [{"名": "一", "名称": "二", "a": "三"}]}
    body = table(row(paragraph("$明细.名称与$明细.名和${明细.a}b$明细.a元")))
    assert main_text(body, values=values) == ["二与一和三b三元"]


@pytest.mark.parametrize(
    "fields", [["a b"], ["1a"], [""], ["a.b.c"], {"a": None, "b": ["c-d"]}, {"a": "text"}]
)
def test_a_declared_field_must_be_a_name(fields: Any) -> None:
    with pytest.raises(FieldError):
        Fields.of(fields)


def test_a_name_is_a_single_field_or_a_list() -> None:
    with pytest.raises(FieldError, match="as a single field and as a list: a"):
        Fields.of(["a", "a.b"])


def test_fields_are_declared_by_names_or_by_a_mapping() -> None:
    by_names, by_mapping = (
        Fields.of(["a", "l.x", "l.y", "o.*"]),
        Fields.of({"a": None, "l": ["x", "y"], "o": ["*"]}),
    )
    assert by_names.all() == by_mapping.all() == ["a", "l.x", "l.y"]
    assert by_names.has("o", "anything")
    assert not by_names.has("l", "z")


def test_relations_without_a_hyperlink_keep_their_bytes() -> None:
    lines = relationships(relationship(5, "image", "media/$name.png"))
    data = docx(paragraph("$name"), extra={"word/_rels/document.xml.rels": lines})
    assert member(compile_template(data, FIELDS).fill(VALUES), "word/_rels/document.xml.rels") == lines
