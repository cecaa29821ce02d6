"""What values become, what stops a filling, and that the same input gives the same bytes."""

from __future__ import annotations

import io
import json
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.parsers import expat

import pytest

from contracts.docx import BadValue, Fields, MissingField, Picture, compile_template, markup
from tests.docx_files import document, docx, member, paragraph, relationship, relationships, row, run, table
from tests.oracles import docx_text

DATA = Path(__file__).parents[2] / "data" / "contracts"
SEAL = (DATA / "seal.png").read_bytes()
CONTRACT = (DATA / "01_clean_contract.docx").read_bytes()
VALUES: dict[str, Any] = json.loads((DATA / "cases.json").read_text(encoding="utf-8"))["cases"][0]["fields"]

# 2 x 3 pixels: a JPEG with a table of another kind before its frame, as far as a reader of sizes looks.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc4000400aaffc0000b080003000201011100ffda")


def filled(text: str, values: dict[str, Any], mode: Any = "strict") -> list[str]:
    data = compile_template(docx(paragraph(text)), Fields.of_values(values)).fill(values, mode)
    return docx_text.read(data)["document"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("A & B <C> \"q\" 'x'", "A & B <C> \"q\" 'x'"),
        ("一\n二\r\n三\r四\t五", "一\n二\n三\n四\t五"),
        ("\n", "\n"),
        ("\r\x00\n", "\n"),
        ("a\x00\x08\x0b\x1f\ufffe\uffff\ud800b", "ab"),
        ("$no ${no} $$ {{ 7*7 }} %s", "$no ${no} $$ {{ 7*7 }} %s"),
        ("]]>", "]]>"),
        (" 空 ", " 空 "),
        ("𠮷", "𠮷"),
        (12, "12"),
        (Decimal("1.20E+2"), "120"),
    ],
)
def test_a_value_is_shown_as_it_is(value: Any, shown: str) -> None:
    assert filled("[$x]", {"x": value, "no": "!"}) == [f"[{shown}]"]


@pytest.mark.parametrize(
    "value", [True, 1.5, b"x", ["a"], {"image": b"x"}, {"image": SEAL, "width_mm": 0}, object()]
)
def test_a_value_of_another_kind_is_refused(value: Any) -> None:
    template = compile_template(docx(paragraph("$x")), ["x"])
    with pytest.raises(BadValue) as refused:
        template.fill({"x": value})
    assert (refused.value.code, refused.value.field) == ("bad_value", "x")


def test_values_and_rows_have_limits() -> None:
    template = compile_template(docx(paragraph("$x") + table(row(paragraph("$a.y")))), ["x", "a.y"])
    many = [{"y": ""}] * 5000
    template.fill({"x": "三" * (65536 // 3), "a": many})
    for values, name in (({"x": "三" * 21846, "a": []}, "x"), ({"x": "", "a": [*many, {"y": ""}]}, "a")):
        with pytest.raises(BadValue) as refused:
            template.fill(values)
        assert (refused.value.code, refused.value.field) == ("too_large", name)


@pytest.mark.parametrize("items", [{"y": "1"}, "text", ["text"], [["y"]]])
def test_a_list_is_a_list_of_mappings(items: Any) -> None:
    template = compile_template(docx(table(row(paragraph("$a.y")))), ["a.y"])
    with pytest.raises(BadValue, match="not a list of mappings"):
        template.fill({"a": items})


def test_every_missing_field_is_named_once_in_the_order_of_the_template() -> None:
    body = paragraph("$乙 $甲 $乙 $x") + table(row(paragraph("$a.p $a.q $b"))) + table(row(paragraph("$c.r")))
    template = compile_template(docx(body), ["甲", "乙", "a.p", "a.q", "b", "c.r"])
    with pytest.raises(MissingField) as stopped:
        template.fill({"甲": None, "a": [{"p": "1", "q": "2"}, {"p": "1", "q": None}]})
    assert stopped.value.names == ("乙", "甲", "x", "b", "c.r", "a.q")


def test_a_value_for_an_undeclared_name_does_not_fill_it() -> None:
    template = compile_template(docx(paragraph("$x")), ["y"])
    with pytest.raises(MissingField, match="x"):
        template.fill({"x": "1", "y": "2"})
    for value in ("1", Picture(SEAL, 30)):
        assert docx_text.read(template.fill({"x": value}, "keep"))["document"] == ["$x"]


def test_missing_fields_stay_or_become_empty() -> None:
    body = paragraph("前 $x", "y ${ 乙 } $z &amp; $$x 后") + table(row(paragraph("$a.p|$b")))
    template = compile_template(docx(body), ["xy", "乙", "z", "a.p", "b"])
    kept = docx_text.read(template.fill({"z": "&"}, "keep"))["document"]
    assert kept == ["前 $xy ${ 乙 } & & $x 后", "$a.p|$b"]
    assert docx_text.read(template.fill({"z": "&"}, "blank"))["document"] == ["前   & & $x 后", "|"]
    rows = template.fill({"z": "", "a": [{"p": "1"}, {}], "b": "b"}, "keep")
    assert docx_text.read(rows)["document"][1:] == ["1|b", "$a.p|b"]
    with pytest.raises(ValueError, match="no such mode"):
        template.fill({}, "Strict")  # type: ignore[arg-type]


def test_a_row_without_items_goes_and_its_neighbours_stay() -> None:
    body = table(row(paragraph("头")), row(paragraph("$a.p $x")), row(paragraph("$x")))
    template = compile_template(docx(body), ["a.p", "x"])
    assert docx_text.read(template.fill({"a": [], "x": "计"}))["document"] == ["头", "计"]


# --- the same bytes ---------------------------------------------------------------------------


def test_the_same_data_gives_the_same_bytes_in_eight_threads() -> None:
    for bulk in (False, True):
        template = compile_template(CONTRACT, Fields.of_values(VALUES), bulk=bulk)
        again = compile_template(CONTRACT, Fields.of_values(VALUES), bulk=bulk)
        many = [VALUES | {"合同编号": f"HT-{n % 5}"} for n in range(200)]
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(template.fill, many))
        assert results == [again.fill(values) for values in many]
        assert len(set(results)) == 5


def test_the_package_is_a_plain_zip_with_one_time_for_all() -> None:
    data = compile_template(CONTRACT, Fields.of_values(VALUES)).fill(VALUES)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "[Content_Types].xml"
        assert {one.date_time for one in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert {one.flag_bits for one in archive.infolist()} == {0}


def test_filling_needs_no_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    template = compile_template(CONTRACT, Fields.of_values(VALUES))

    def none(*_: object, **__: object) -> None:
        raise AssertionError("a parser")

    monkeypatch.setattr(markup, "tokens", none)
    monkeypatch.setattr(markup, "verify", none)
    monkeypatch.setattr(expat, "ParserCreate", none)
    assert template.fill(VALUES)


def test_bulk_gives_the_same_parts_and_stores_long_values() -> None:
    values = VALUES | {"付款方式": "长" * 20000 + "&" * 5000}
    fields = Fields.of_values(values)
    plain = compile_template(CONTRACT, fields).fill(values)
    bulk = compile_template(CONTRACT, fields, bulk=True).fill(values)
    with zipfile.ZipFile(io.BytesIO(plain)) as one, zipfile.ZipFile(io.BytesIO(bulk)) as two:
        assert {name: one.read(name) for name in one.namelist()} == {
            name: two.read(name) for name in two.namelist()
        }


def test_a_member_name_that_is_not_ascii_is_kept() -> None:
    data = docx(paragraph("$x"), extra={"word/图片.bin": b"1"})
    assert member(compile_template(data, ["x"]).fill({"x": ""}), "word/图片.bin") == "1"


# --- pictures ---------------------------------------------------------------------------------


def test_a_picture_keeps_its_proportions_and_is_stored_once() -> None:
    assert (Picture(SEAL, 30).size, Picture(JPEG, 20).size) == ((1080000, 1080000), (720000, 1080000))
    header = f'<w:hdr xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">{paragraph("$seal")}</w:hdr>'
    template = compile_template(
        docx(paragraph("$seal 与 $other") + paragraph("${seal}"), parts={"header1": header}),
        ["seal", "other"],
    )
    data = template.fill({"seal": Picture(SEAL, 30), "other": {"image": JPEG, "width_mm": "20"}})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        media = {name: archive.read(name) for name in archive.namelist() if "media" in name}
    assert sorted(media.values()) == sorted([SEAL, JPEG])
    main, relations = member(data, "word/document.xml"), member(data, "word/_rels/document.xml.rels")
    embeds = re.findall(r'r:embed="(\w+)"', main)
    assert embeds[0] == embeds[2] != embeds[1]
    assert all(f'Id="{one}"' in relations for one in embeds)
    numbers = re.findall(r'docPr id="(\d+)"', main)
    assert len(set(numbers)) == 3
    assert "media/" in member(data, "word/_rels/header1.xml.rels")
    types = member(data, "[Content_Types].xml")
    assert 'Extension="png" ContentType="image/png"' in types
    assert 'Extension="jpeg" ContentType="image/jpeg"' in types
    assert docx_text.read(data)["document"] == [" 与 "]


def test_a_picture_in_a_repeating_row_is_that_of_its_item() -> None:
    template = compile_template(docx(table(row(paragraph("$a.p")))), ["a.p"])
    data = template.fill({"a": [{"p": Picture(SEAL, 9)}, {"p": "文"}, {"p": Picture(JPEG, 9)}]})
    main = member(data, "word/document.xml")
    assert [len(re.findall("<w:drawing>", one)) for one in main.split("<w:tr>")[1:]] == [1, 0, 1]
    assert docx_text.read(data)["document"] == ["文"]


def test_a_picture_in_a_strict_document_speaks_its_namespaces() -> None:
    transitional = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    strict = "http://purl.oclc.org/ooxml/wordprocessingml/main"
    main = document(paragraph("$seal")).replace(transitional, strict)
    data = compile_template(docx(main=main.encode()), ["seal"]).fill({"seal": Picture(SEAL, 30)})
    assert 'xmlns:wp="http://purl.oclc.org/ooxml/drawingml/wordprocessingDrawing"' in member(
        data, "word/document.xml"
    )
    relations = member(data, "word/_rels/document.xml.rels")
    assert 'Type="http://purl.oclc.org/ooxml/officeDocument/relationships/image"' in relations


def alternative(text: str) -> bytes:
    """Return a document with one picture of 1 x 2 cm, whose alternative text is `text`."""
    drawing = (
        '<w:r><w:drawing><wp:inline><wp:extent cx="360000" cy="720000"/>'
        f'<wp:docPr id="8" name="p" descr="{text}"/><a:graphic><a:graphicData><pic:pic>'
        '<pic:blipFill><a:blip r:embed="rId7"><a:extLst/></a:blip></pic:blipFill>'
        '<pic:spPr><a:xfrm><a:ext cx="360000" cy="720000"/></a:xfrm></pic:spPr></pic:pic></a:graphicData>'
        "</a:graphic></wp:inline></w:drawing></w:r>"
    )
    return docx(
        paragraph(drawing),
        relations=relationship(7, "image", "media/old.png"),
        types='<Default Extension="png" ContentType="image/png"/>',
        extra={"word/media/old.png": SEAL[:-1]},
    )


@pytest.mark.parametrize("text", ["seal", "$seal", "${seal}"])
def test_the_picture_with_the_alternative_text_is_replaced(text: str) -> None:
    data = compile_template(alternative(text), ["seal"]).fill({"seal": Picture(JPEG, 20)})
    main = member(data, "word/document.xml")
    assert re.findall(r'cx="(\d+)" cy="(\d+)"', main) == [("720000", "1080000")] * 2
    (embed,) = re.findall(r'r:embed="(\w+)"', main)
    assert re.search(
        rf'Id="{embed}"[^>]*Target="media/filled-\w+\.jpeg"', member(data, "word/_rels/document.xml.rels")
    )
    assert "extLst" not in main


def test_a_text_leaves_a_picture_that_only_has_its_name_and_is_refused_where_a_picture_is_asked_for() -> None:
    main = member(compile_template(alternative("seal"), ["seal"]).fill({"seal": "文"}), "word/document.xml")
    assert 'r:embed="rId7"' in main
    assert 'cx="360000" cy="720000"' in main
    with pytest.raises(BadValue, match="only a picture"):
        compile_template(alternative("$seal"), ["seal"]).fill({"seal": "文"})
    with pytest.raises(MissingField):
        compile_template(alternative("$seal"), ["seal"]).fill({})


def test_a_picture_cannot_stand_in_a_link_or_in_the_title() -> None:
    lines = relationship(7, "hyperlink", "https://x.example/$seal", outside=True)
    for data in (docx(paragraph("x"), title="$seal"), docx(paragraph("x"), relations=lines)):
        with pytest.raises(BadValue, match="only text"):
            compile_template(data, ["seal"]).fill({"seal": Picture(SEAL, 30)})


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"GIF89a",
        SEAL[:20],
        b"\xff\xd8\xff\xda",
        SEAL[:16] + bytes(8),
        SEAL[:16] + b"\0\0\0\1\0\0\xff\xff",
    ],
)
def test_what_is_no_picture_is_refused(image: bytes) -> None:
    with pytest.raises(ValueError, match=r"PNG|size|height"):
        Picture(image, 30)


def test_relations_that_exist_are_kept_when_a_picture_is_added() -> None:
    old = relationships(relationship(1, "image", "media/a.png")).replace("rId1", "rIdFilled1")
    data = docx(
        paragraph("$seal"), extra={"word/_rels/document.xml.rels": old, "word/media/a.png": SEAL[:-1]}
    )
    new = member(
        compile_template(data, ["seal"]).fill({"seal": Picture(SEAL, 30)}), "word/_rels/document.xml.rels"
    )
    ids = re.findall(r'Id="(\w+)"', new)
    assert len(ids) == len(set(ids)) == 2
    assert new.startswith(old.removesuffix("</Relationships>"))


def test_runs_that_are_touched_keep_their_other_text() -> None:
    runs = (run("a$x"), run("b &lt; $"), run("x$"), run("{x"), run("}c"))
    template = compile_template(docx(paragraph(*runs)), ["x"])
    with pytest.raises(MissingField, match="xb"):  # the ASCII word goes on in the next run
        template.fill({"x": "1"})
    assert docx_text.read(template.fill({"x": "1"}, "keep"))["document"] == ["a$xb < 11c"]
