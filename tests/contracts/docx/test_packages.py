"""Hostile and odd packages: each is refused with its reason code, and what is merely odd is not."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Any

import pytest

from contracts.docx import Limits, PackageRefused, check_package, compile_template
from tests.docx_files import document, docx, member, package, paragraph, relationship, relationships, run
from tests.oracles import docx_text

OFFICE = "application/vnd.openxmlformats-officedocument"
PLAIN = docx(paragraph("$x"))


def code_of(data: bytes, **limits: int) -> str:
    with pytest.raises(PackageRefused) as refused:
        check_package(data, limits=Limits(**limits) if limits else None)
    return refused.value.code


def members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def override(name: str, kind: str) -> str:
    return f'<Override PartName="/{name}" ContentType="{kind}"/>'


# --- content types and relations --------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("application/vnd.ms-office.vbaProject", "macro"),
        ("application/vnd.ms-word.vbaData+xml", "macro"),
        ("application/vnd.ms-word.document.macroEnabled.main+xml", "macro"),
        (f"{OFFICE}.oleObject", "embedded_object"),
        ("application/vnd.ms-office.activeX+xml", "embedded_object"),
        (f"{OFFICE}.spreadsheetml.sheet", "embedded_object"),
        ("application/rtf", "embedded_object"),
        ("text/html", "embedded_object"),
    ],
)
def test_a_content_type_decides_not_the_name(kind: str, code: str) -> None:
    extra = {"word/media/image1.png": b"<a/>"}
    assert code_of(docx(extra=extra, types=override("word/media/image1.png", kind))) == code
    by_default = f'<Default Extension="PNG" ContentType="{kind}"/>'
    assert code_of(docx(extra=extra, types=by_default)) == code
    check_package(docx(types=by_default))  # a default for members that are not there


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("oleObject", "embedded_object"),
        ("package", "embedded_object"),
        ("aFChunk", "embedded_object"),
        ("control", "embedded_object"),
        ("vbaProject", "macro"),
    ],
)
def test_a_relation_type_decides_too(kind: str, code: str) -> None:
    assert code_of(docx(relations=relationship(9, kind, "media/image1.png"))) == code
    anywhere = {"word/charts/_rels/c.xml.rels": relationships(relationship(1, kind, "x"))}
    assert code_of(docx(extra=anywhere)) == code


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("image", "https://x.example/a.png"),
        ("attachedTemplate", "file:///c:/x.dotm"),
        ("frame", "http://x.example"),
        ("subDocument", "x.docx"),
        ("hyperlink", "file:///etc/passwd"),
        ("hyperlink", "javascript:alert(1)"),
        ("hyperlink", "\\\\host\\share"),
        ("hyperlink", "$url"),
        ("hyperlink", "ms-word:ofe|u|https://x.example"),
    ],
)
def test_what_reaches_outside_is_refused(kind: str, target: str) -> None:
    assert code_of(docx(relations=relationship(9, kind, target, outside=True))) == "external_relation"


@pytest.mark.parametrize("target", ["http://x.example/a.png", "\\\\host\\a.png", "//host/a.png", "file:///a"])
def test_an_inner_relation_with_an_outer_address_is_refused(target: str) -> None:
    assert code_of(docx(relations=relationship(9, "image", target))) == "external_relation"


@pytest.mark.parametrize("target", ["http://x.example", "HTTPS://x.example/?a=b", "mailto:a@b.example"])
def test_links_to_pages_and_addresses_are_allowed(target: str) -> None:
    check_package(docx(relations=relationship(9, "hyperlink", target, outside=True)))


def complex_field(*instructions: str) -> str:
    inner = "".join(f"<w:r><w:instrText>{one}</w:instrText></w:r>" for one in instructions)
    char = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    return char.format("begin") + inner + char.format("separate") + run("x") + char.format("end")


@pytest.mark.parametrize(
    "field",
    [
        complex_field(" DDEAUTO c:\\\\x "),
        complex_field(" INCLUDE", "PICTURE &quot;http://x.example&quot; "),
        '<w:fldSimple w:instr=" includetext x "/>',
        complex_field("IF ").replace("<w:r><w:t", complex_field("LINK Excel.Sheet x") + "<w:r><w:t"),
    ],
)
def test_fields_that_fetch_are_refused(field: str) -> None:
    assert code_of(docx(paragraph(field))) == "external_relation"


def test_ordinary_fields_are_allowed() -> None:
    fields = [complex_field(" PAGE "), complex_field(' HYPERLINK "x" '), '<w:fldSimple w:instr="LINKED"/>']
    check_package(docx(paragraph(*fields)))


# --- XML --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part", ["word/document.xml", "word/styles.xml", "[Content_Types].xml", "_rels/.rels"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_dtd_is_refused_in_every_part(part: str, encoding: str) -> None:
    members = members_of(docx(extra={"word/styles.xml": "<a/>"}))
    text = members[part].decode().partition("?>")[2] or members[part].decode()
    members[part] = ("<!DOCTYPE a>" + text).encode(encoding)
    assert code_of(package(members)) == "dtd"


def test_xml_may_be_256_elements_deep_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        return docx(extra={"word/styles.xml": "<a>" * depth + "</a>" * depth})

    check_package(nested(256))
    assert code_of(nested(257)) == "too_deep"
    assert code_of(docx("<w:sdt>" * 300 + "</w:sdt>" * 300)) == "too_deep"


@pytest.mark.parametrize(
    "main",
    [
        b"",
        b"<a><b></a>",
        b"\xff\xfe\x00",
        document("").encode("utf-32"),
        document("甲").replace("UTF-8", "GBK").encode("gbk"),
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"\xff" + document("").encode(),
        document("&#0;").encode(),
        document("&nbsp;").encode(),
    ],
)
def test_xml_that_cannot_be_read_is_refused(main: bytes) -> None:
    assert code_of(docx(main=main)) == "not_docx"


def test_a_package_needs_exactly_one_main_document() -> None:
    members = members_of(PLAIN)
    without = {name: data.replace(b"document.main+xml", b"x+xml") for name, data in members.items()}
    assert code_of(package(without)) == "not_docx"
    assert code_of(package({"a.txt": b"x"})) == "not_docx"
    twice = docx(
        extra={"word/second.xml": document("")},
        types=override("word/second.xml", f"{OFFICE}.wordprocessingml.document.main+xml"),
    )
    assert code_of(twice) == "not_docx"


# --- zip --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["/etc/x", "../x", "word/../../x", "word\\x", "c:x", "a//b", "./a", "a\x01b", "word/.", ""]
)
def test_a_member_name_must_stay_inside(name: str) -> None:
    assert code_of(package(members_of(PLAIN) | {name: b"x"})) == "bad_member_name"


def test_a_member_may_be_there_once() -> None:
    assert code_of(package(members_of(PLAIN) | {"Word/Document.XML": b"x"})) == "duplicate_member"
    same = package(members_of(PLAIN) | {"word/documenu.xml": b"x"}).replace(b"documenu", b"document")
    assert code_of(same) == "duplicate_member"


def directory_entry(data: bytes, name: str) -> int:
    """Return where the directory speaks of a member."""
    return data.rindex(name.encode()) - 46


def patched(data: bytes, place: int, value: bytes) -> bytes:
    return data[:place] + value + data[place + len(value) :]


def test_an_encrypted_member_is_refused() -> None:
    place = directory_entry(PLAIN, "word/document.xml") + 8
    assert code_of(patched(PLAIN, place, b"\x01\x00")) == "encrypted_or_old"


def test_limits_hold_for_the_file_the_members_and_the_whole() -> None:
    check_package(PLAIN, limits=Limits(file=len(PLAIN), members=3))
    assert code_of(PLAIN, file=len(PLAIN) - 1) == "too_large"
    assert code_of(PLAIN, members=2) == "too_large"
    whole = sum(map(len, members_of(PLAIN).values()))
    check_package(PLAIN, limits=Limits(unpacked=whole))
    assert code_of(PLAIN, unpacked=whole - 1) == "too_large"
    assert code_of(docx(extra={"word/media/a.bin": bytes(2 << 20)})) == "too_large"
    check_package(docx(extra={"word/media/a.bin": bytes(1 << 20)}))


def test_no_header_is_believed() -> None:
    data = docx(extra={"word/media/a.bin": bytes(2 << 20)})
    small = struct.pack("<L", 10)
    lying = patched(data, directory_entry(data, "word/media/a.bin") + 24, small)
    assert code_of(lying) == "too_large"
    place = directory_entry(PLAIN, "word/document.xml")
    for at in (16, 24):  # checksum, size
        assert code_of(patched(PLAIN, place + at, small)) == "not_docx"


def test_members_that_share_their_data_are_refused() -> None:
    members = members_of(PLAIN) | {"word/a.bin": b"x" * 50, "word/b.bin": b"x" * 50}
    data = package(members)
    first, second = (directory_entry(data, name) for name in ("word/a.bin", "word/b.bin"))
    both = patched(data, second, data[first : first + 56])
    both = patched(both, second + 42, data[first + 42 : first + 46])
    assert code_of(both) == "duplicate_member"
    renamed = both[: second + 46] + b"word/b.bin" + both[second + 56 :]
    assert code_of(renamed) == "not_docx"  # the member itself says that it is another
    deep = patched(data, first + 20, struct.pack("<L", 60))
    assert code_of(deep) == "too_large"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[1:],
        lambda data: b"MZ" + data,
        lambda data: data + b"x",
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"PK\x05\x06" + bytes(18),
        lambda data: patched(data, directory_entry(data, "word/document.xml") + 10, b"\x63\x00"),
        lambda data: patched(data, directory_entry(data, "word/document.xml") + 42, b"\xff\xff\xff\x0f"),
        lambda data: patched(data, len(data) - 12, b"\x09\x00"),
        lambda data: patched(data, len(data) - 14, b"\x02\x00\x02\x00"),
    ],
)
def test_a_damaged_zip_is_no_docx(damage: Any) -> None:
    assert code_of(damage(PLAIN)) == "not_docx"


@pytest.mark.parametrize("cut", range(40))
def test_any_damage_is_refused_or_harmless(cut: int) -> None:
    """A changed byte in the directory never leads to another error than a refusal."""
    start = PLAIN.rindex(b"PK\x01\x02") - 60
    for value in (0, 0x7F, 0xFF):
        damaged = patched(PLAIN, start + cut * 4, bytes([value]))
        try:
            check_package(damaged)
        except PackageRefused as refused:
            assert refused.code
        else:
            assert members_of(damaged) == members_of(PLAIN)


def test_a_member_whose_stream_goes_on_is_refused() -> None:
    raw = zlib.compress(b"x" * 10, wbits=-15) + b"hidden"
    data = package(members_of(PLAIN) | {"word/a.bin": b"?" * 30})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo("word/a.bin")
    start = info.header_offset + 30 + len("word/a.bin")
    longer = data[:start] + raw + data[start + info.compress_size :]
    place = directory_entry(longer, "word/a.bin")
    entry = struct.pack("<3L", zlib.crc32(b"x" * 10), len(raw), 10)
    moved = len(raw) - info.compress_size
    end = len(longer) - 22
    longer = patched(longer, place + 16, entry)
    offset = struct.unpack_from("<L", longer, end + 16)[0]
    assert code_of(patched(longer, end + 16, struct.pack("<L", offset + moved))) == "not_docx"


class Pipe(io.RawIOBase):
    """A stream that cannot be sought, so that sizes follow the data."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.pieces.append(bytes(data))
        return len(data)


def test_streamed_stored_and_64_bit_members_are_read() -> None:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(members_of(PLAIN).items()):
            with archive.open(name, "w", force_zip64=number == 1) as file:
                file.write(content)
    streamed = b"".join(pipe.pieces)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = b"PK\x05\x06 is no end"
        archive.writestr("word/", b"")
        for name, content in members_of(PLAIN).items():
            archive.writestr(name, content)
    for data in (streamed, stream.getvalue()):
        filled = compile_template(data, ["x"]).fill({"x": "好"})
        assert docx_text.read(filled)["document"] == ["好"]


def test_sizes_in_the_64_bit_field_of_the_directory_are_read() -> None:
    place = directory_entry(PLAIN, "word/document.xml")
    packed, size = struct.unpack_from("<2L", PLAIN, place + 20)
    extra = struct.pack("<HHHHQQ", 9, 0, 1, 16, size, packed)
    data = patched(PLAIN, place + 20, b"\xff" * 8)
    data = patched(data, place + 30, struct.pack("<H", len(extra)))
    name_end = place + 46 + len("word/document.xml")
    data = data[:name_end] + extra + data[name_end:]
    end = len(data) - 22
    length = struct.unpack_from("<L", data, end + 12)[0] + len(extra)
    data = patched(data, end + 12, struct.pack("<L", length))
    assert member(compile_template(data, ["x"]).fill({"x": "好"}), "word/document.xml").count("好") == 1
