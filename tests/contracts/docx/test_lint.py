"""Every suspicious place is reported once, with its part, its paragraph and what to write instead."""

from __future__ import annotations

import pytest

from contracts.docx import Finding, PackageRefused, lint
from tests.docx_files import SPACES, docx, paragraph, relationship, row, run, table

MAIN = "word/document.xml"
FIELDS = ["甲方", "甲方名称", "no", "明细.名称"]


def found(body: str, fields: list[str] = FIELDS) -> list[tuple[str, int, str, str]]:
    """Return the findings of the document, without those of unused fields."""
    findings = lint(docx(body), fields)
    assert {one.part for one in findings if one.code != "unused_field"} <= {MAIN}
    return [
        (one.code, one.paragraph, one.text, one.suggestion) for one in findings if one.code != "unused_field"
    ]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("＄甲方名称", ("fullwidth_dollar", 2, "＄甲方名称", "${甲方名称}")),
        ("＄{no}", ("fullwidth_dollar", 2, "＄{no}", "${no}")),
        ("＄甲方签订", ("fullwidth_dollar", 2, "＄甲方签订", "${甲方}签订")),
        ("＄ 100", ("fullwidth_dollar", 2, "＄", "$")),
        ("$甲万名称。", ("undeclared_field", 2, "$甲万名称", "${甲方名称}")),
        ("$zzzz", ("undeclared_field", 2, "$zzzz", "")),
        ("$甲方签订", ("glued_field", 2, "$甲方", "${甲方}")),
        ("$no公司", ("glued_field", 2, "$no", "${no}")),
        ("US$100", ("lone_dollar", 2, "$100", "$$100")),
        ("${}", ("bad_placeholder", 2, "${}", "empty braces")),
    ],
)
def test_a_suspicious_text_is_reported_with_a_suggestion(
    text: str, finding: tuple[str, int, str, str]
) -> None:
    assert found(paragraph("好") + paragraph(text)) == [finding]


def test_a_fullwidth_brace_is_reported() -> None:
    codes = [code for code, *_ in found(paragraph("$｛甲方｝"))]
    assert codes == ["fullwidth_dollar", "lone_dollar"]


def test_a_clean_template_has_no_findings() -> None:
    body = paragraph("${甲方}签订，$甲方名称（$no）$$5") + table(row(paragraph("$明细.名称")))
    assert lint(docx(body), FIELDS) == []


@pytest.mark.parametrize(
    "change",
    [
        '<w:ins w:id="1" w:author="u">{}</w:ins>',
        '<w:del w:id="1" w:author="u">{}</w:del>',
        '<w:moveTo w:id="1" w:author="u">{}</w:moveTo>',
        '<w:r><w:rPr><w:rPrChange w:id="1" w:author="u"><w:rPr/></w:rPrChange></w:rPr></w:r>{}',
        '<w:pPr><w:rPr><w:ins w:id="1" w:author="u"/></w:rPr></w:pPr>{}',
    ],
)
def test_a_tracked_change_is_reported_with_its_paragraph(change: str) -> None:
    (finding,) = found(paragraph("a") + paragraph(change.format(run("x") * 2)))
    assert finding[:2] == ("tracked_change", 2)


def test_a_comment_is_reported_once_for_its_paragraph() -> None:
    reference = '<w:r><w:commentReference w:id="0"/></w:r>'
    body = paragraph('<w:commentRangeStart w:id="0"/>', "x", '<w:commentRangeEnd w:id="0"/>', reference)
    assert found(body) == [("comment_left", 1, "", "")]


def test_a_placeholder_where_nothing_is_filled_is_reported() -> None:
    field = '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>IF $no</w:instrText></w:r>'
    formula = '<m:r xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"><m:t>$no</m:t></m:r>'
    assert found(paragraph("x") + paragraph(field, formula)) == [
        ("place_not_filled", 2, "IF $no", ""),
        ("place_not_filled", 2, "$no", ""),
    ]


def test_declared_fields_that_stand_nowhere_are_reported() -> None:
    findings = lint(docx(paragraph("$no")), FIELDS)
    assert findings == [Finding("unused_field", "", 0, name) for name in ("明细.名称", "甲方", "甲方名称")]


def test_headers_links_and_the_title_are_looked_at() -> None:
    data = docx(
        paragraph("$no"),
        parts={"header1": f"<w:hdr {SPACES}>{paragraph('a')}{paragraph('$headr')}</w:hdr>"},
        relations=relationship(9, "hyperlink", "https://x.example/$lnk", outside=True),
        title="$titl",
    )
    places = [(one.part, one.paragraph, one.text) for one in lint(data, ["no"])]
    assert sorted(places) == [
        ("docProps/core.xml", 1, "$titl"),
        ("word/_rels/document.xml.rels", 0, "$lnk"),
        ("word/header1.xml", 2, "$headr"),
    ]


def test_a_refused_file_is_refused_here_too() -> None:
    with pytest.raises(PackageRefused):
        lint(b"x", FIELDS)
