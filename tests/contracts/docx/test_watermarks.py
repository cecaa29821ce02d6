"""A word across every page: in every header there is, and in one that is added where there is none."""

from __future__ import annotations

import io
import re
import zipfile

import docx as python_docx
import pytest

from contracts.docx import compile_template, watermarked
from tests.docx_files import SPACES, docx, member, paragraph, relationship
from tests.oracles import docx_text

HEADER = f'<w:hdr {SPACES}><w:p><w:pPr><w:jc w:val="left"/></w:pPr><w:r><w:t>$name</w:t></w:r></w:p></w:hdr>'
SHAPE = 'string="作废 &amp; &lt;b&gt;"'
TEXT = "作废 & <b>"


def headers(data: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if "header" in name]
        return {name: archive.read(name).decode() for name in names}


def test_it_goes_behind_the_properties_of_each_headers_first_paragraph() -> None:
    section = '<w:sectPr><w:headerReference w:type="default" r:id="rId100"/></w:sectPr>'
    data = docx(paragraph("甲方 $name") + f"<w:p><w:pPr>{section}</w:pPr></w:p>", parts={"header1": HEADER})
    marked = watermarked(data, TEXT)
    assert list(headers(marked)) == ["word/header1.xml"]
    text = headers(marked)["word/header1.xml"]
    assert text.count(SHAPE) == 1
    assert text.index("</w:pPr>") < text.index("<wm:r ") < text.index("$name")
    filled = compile_template(marked, ["name"]).fill({"name": "示例"})
    assert docx_text.read(filled) == {"document": ["甲方 示例"], "header1": ["示例"]}


def test_a_document_without_headers_gets_one_for_every_kind_of_page() -> None:
    title_page = "".join(
        f"<w:p><w:pPr><w:sectPr>{inside}</w:sectPr></w:pPr></w:p>" for inside in ("<w:pgSz/>", "<w:titlePg/>")
    )
    data = docx(
        paragraph("x") + title_page,
        relations=relationship(7, "settings", "settings.xml"),
        extra={"word/settings.xml": f"<w:settings {SPACES}><w:evenAndOddHeaders/></w:settings>"},
    )
    marked = watermarked(data, TEXT)
    (text,) = headers(marked).values()
    assert text.count(SHAPE) == 1
    main = member(marked, "word/document.xml")
    first = main[main.index("<w:sectPr>") : main.index("<w:pgSz/>")]
    assert re.findall(r'wm:type="(\w+)"', first) == ["default", "first", "even"]
    assert main.count("headerReference") == 3
    document = python_docx.Document(io.BytesIO(marked))
    assert "作废" in document.sections[0].header._element.xml
    assert "作废" in document.sections[0].first_page_header._element.xml


@pytest.mark.parametrize(
    "body",
    [
        "<w:body><w:p/></w:body>",
        "<w:body><w:p/><w:sectPr/></w:body>",
        '<w:body><w:p/><w:sectPr><w:headerReference w:type="first" r:id="rId1"/></w:sectPr></w:body>',
        "<w:body><w:p/><w:sectPr><w:sectPrChange><w:sectPr/></w:sectPrChange></w:sectPr></w:body>",
    ],
)
def test_every_shape_of_section_properties_gets_its_default_header(body: str) -> None:
    marked = watermarked(docx(main=f"<w:document {SPACES}>{body}</w:document>".encode()), TEXT)
    document = python_docx.Document(io.BytesIO(marked))
    assert "作废" in document.sections[0].header._element.xml
    assert len(document.sections) == 1


def test_the_same_word_gives_the_same_bytes_and_other_members_stay() -> None:
    data = docx(paragraph("x"), extra={"word/theme.xml": "<a/>"})
    assert watermarked(data, TEXT) == watermarked(data, TEXT)
    assert member(watermarked(data, TEXT), "word/theme.xml") == "<a/>"
