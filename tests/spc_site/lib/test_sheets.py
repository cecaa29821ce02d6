from __future__ import annotations

import io
import random
import struct
import zipfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.styles import Font

from spc_site.lib import biff
from spc_site.lib.sheets import (
    UNCACHED,
    ExcelError,
    Limits,
    Sheet,
    WorkbookError,
    address,
    is_blank,
    open_workbook,
    read_bytes,
)
from tests.workbooks import grid, package, raw, saved

DATA = Path(__file__).parents[2] / "data" / "workbooks"
LEGACY = (DATA / "legacy.xls").read_bytes()
PERCENT_STYLES = (
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<numFmts><numFmt numFmtId="164" formatCode="0.000%"/>'
    '<numFmt numFmtId="165" formatCode="0&quot;%&quot;"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="10"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
    "</styleSheet>"
)


def only(data: bytes) -> Sheet:
    (sheet,) = open_workbook(data)
    return sheet


def refusal(data: bytes, limits: Limits = Limits()) -> str:  # noqa: B008
    with pytest.raises(WorkbookError) as caught:
        list(open_workbook(data, limits))
    return caught.value.code


# --- what a cell holds ------------------------------------------------------------------------


def test_error_uncached_formula_blank_and_text_are_four_things_and_none_is_zero() -> None:
    sheet = only(
        raw(
            '<row r="1"><c r="A1" t="e"><v>#DIV/0!</v></c><c r="B1"><f>1+1</f></c><c r="C1"/>'
            '<c r="D1" t="str"><v>N/A</v></c><c r="E1"><v>0</v></c></row>'
        )
    )
    assert sheet.rows == [[ExcelError("#DIV/0!"), UNCACHED, "", "N/A", 0.0]]


@pytest.mark.parametrize(
    "formula",
    ["<f>1+1</f>", "<f>1+1</f><v/>", "<f>1+1</f><v></v>", "<f>1+1</f>\n<v />", '<f t="shared" si="0"/>'],
)
def test_a_formula_without_stored_result_is_not_blank(formula: str) -> None:
    assert only(raw(f'<row r="1"><c r="A1">{formula}</c></row>')).rows == [[UNCACHED]]


def test_a_formula_with_stored_result_is_that_result_and_stored_empty_text_is_blank() -> None:
    sheet = only(
        raw(
            '<row r="1"><c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>""</f><v></v></c>'
            '<c r="C1"><f t="shared" si="0"/><v>3</v></c><c r="D1" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        )
    )
    assert sheet.rows == [[2.0, "", 3.0, ExcelError("#DIV/0!")]]


def test_an_error_in_the_last_cell_is_not_cut_off() -> None:
    rows = only(
        raw('<row r="1"><c r="A1"><v>1</v></c></row><row r="3"><c r="C3" t="e"><v>#N/A</v></c></row>')
    ).rows
    assert rows == [[1.0, "", ""], ["", "", ""], ["", "", ExcelError("#N/A")]]


def test_a_percentage_is_what_the_cell_shows() -> None:
    sheet = only(
        raw(
            '<row r="1"><c r="A1" s="1"><v>0.07</v></c><c r="B1" s="2"><v>0.95200000000000007</v></c>'
            '<c r="C1" s="3"><v>5</v></c><c r="D1"><v>0.07</v></c></row>',
            styles=PERCENT_STYLES,
        )
    )
    assert sheet.rows == [["7%", "95.2%", 5.0, 0.07]]


def test_number_formats_are_told_for_single_cells() -> None:
    sheet = only(grid([["L1", 12, 3.5], ["L2", 7, 1]], B1="000000"))
    assert sheet.number_format(0, 1) == "000000"
    assert sheet.number_format(0, 2) is None
    assert sheet.number_format(5, 5) is None


def test_leading_blank_rows_and_columns_keep_addresses_true() -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet["C4"] = "x"
    read = only(saved(workbook))
    assert read.at(3, 2) == "x"
    assert address(3, 2) == "C4"
    assert read.at(0, 0) == read.at(99, 99) == ""


def test_every_cell_of_a_merged_range_leads_to_its_corner() -> None:
    sheet = only(grid([["标题", None, None], [None, None, 5]], merge=["A1:B2"]))
    assert sheet.span(1, 1) == (0, 0, 1, 1)
    assert sheet.anchor(1, 1) == "标题"
    assert sheet.anchor(1, 2) == 5.0
    assert sheet.span(1, 2) == (1, 2, 1, 2)


def test_hidden_sheets_and_charts_are_left_out() -> None:
    workbook = Workbook()
    workbook.create_chartsheet("图表")
    workbook.create_sheet("隐藏").sheet_state = "hidden"
    shown = workbook.create_sheet("可见")
    shown["A1"] = 1
    assert [sheet.name for sheet in open_workbook(saved(workbook))] == ["Sheet", "可见"]


def test_a_sheet_turned_over_keeps_the_addresses_of_the_file() -> None:
    turned = only(grid([[1, 2], [3, 4], [5, 6]], merge=["A1:A2"])).transposed()
    assert turned.rows == [[1.0, "", 5.0], [2.0, 4.0, 6.0]]
    assert turned.address(1, 2) == "B3"
    assert turned.span(0, 1) == (0, 0, 0, 1)
    assert turned.transposed().address(2, 1) == "B3"


def test_only_blanks_are_blank() -> None:
    assert is_blank("") and is_blank("  \n")
    assert not any(map(is_blank, [0.0, False, "0", ExcelError("#N/A"), UNCACHED]))


# --- XML that common programs do not write ----------------------------------------------------

PLAIN = (
    '<row r="1"><c r="A1"><v>1</v></c><c r="B1" t="e"><v>#N/A</v></c></row>'
    '<row r="2"><c r="B2"><f>1</f></c></row>'
)
EXPECTED = [[1.0, ExcelError("#N/A")], ["", UNCACHED]]


@pytest.mark.parametrize(
    "sheet_data",
    [
        PLAIN,
        PLAIN.replace('"', "'"),
        PLAIN.replace("=", " = "),
        PLAIN.replace('r="B1" t="e"', 't="e" r="B1"'),
        PLAIN.replace('r="B1" t="e"', 'r="B1"\n  t="e"'),
        PLAIN.replace("<c r", "<c\n r"),
        PLAIN.replace(' r="A1"', "").replace(' r="B1"', ""),
        PLAIN.replace(' r="1"', "").replace(' r="2"', ""),
    ],
)
def test_unusual_spellings_of_one_sheet_read_the_same(sheet_data: str) -> None:
    assert only(raw(sheet_data)).rows == EXPECTED


def test_a_sheet_with_a_namespace_prefix_reads_the_same() -> None:
    prefixed = PLAIN.replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    sheet = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<x:sheetData>{prefixed}</x:sheetData></x:worksheet>"
    )
    assert only(package({"xl/worksheets/sheet1.xml": sheet.encode()})).rows == EXPECTED


# --- .xls -------------------------------------------------------------------------------------


def test_an_old_workbook_reads_like_a_new_one() -> None:
    sheet = only(LEGACY)
    assert sheet.name == "数据"
    assert sheet.rows[2][1:13] == [
        "供应商", 10.05, 5.0, "95.2%", date(2024, 1, 15), ExcelError("#N/A"), ExcelError("#DIV/0!"),
        True, " 00123 ", 1234.0, -0.25, 123456789.123,
    ]  # fmt: skip
    assert sheet.spans == ((4, 1, 5, 3),)
    assert sheet.number_format(2, 10) == "000000"


def test_records_of_a_drawing_inside_a_sheet_are_left_out() -> None:
    def record(kind: int, body: bytes = b"") -> bytes:
        return struct.pack("<HH", kind, len(body)) + body

    begin, end, number = record(0x0809), record(0x000A), record(0x0203, b"x")
    sheet = begin + number + begin + number + end + number + end + number
    assert [kind for kind, _ in biff._records(sheet, 0)].count(0x0203) == 2


def test_texts_of_an_old_workbook_go_on_over_several_records() -> None:
    sheet = only(LEGACY)
    assert [sheet.rows[10 + at][:2] for at in range(900)] == [
        [f"文本{at} " + "长" * (at % 40), f"text{at}"] for at in range(900)
    ]


def test_a_formula_of_an_old_workbook_shows_its_result_also_an_error() -> None:
    at = LEGACY.index(struct.pack("<HHH", 2, 13, 15)[:4], LEGACY.index(b"\x06\x00"))
    for result, shown in [
        (struct.pack("<d", 2.5), 2.5),
        (b"\x02\x00\x07\x00\x00\x00\xff\xff", ExcelError("#DIV/0!")),
        (b"\x01\x00\x01\x00\x00\x00\xff\xff", True),
        (b"\x03\x00\x00\x00\x00\x00\xff\xff", ""),
    ]:
        patched = LEGACY[: at + 6] + result + LEGACY[at + 14 :]
        assert only(patched).rows[2][13] == shown


# --- what is no workbook, and what is too much ------------------------------------------------


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"hello", "not_a_workbook"),
        (b"a,b\n1,2\n", "not_a_workbook"),
        (grid([[1]])[:200], "damaged"),
        (LEGACY[:3000], "damaged"),
    ],
)
def test_a_file_that_is_no_workbook_has_one_clear_error(data: bytes, code: str) -> None:
    assert refusal(data) == code


def test_a_password_is_told_apart_from_damage() -> None:
    name = "EncryptedPackage".encode("utf-16-le")
    at = LEGACY.index("Workbook".encode("utf-16-le"))
    new_kind = LEGACY[:at] + name.ljust(64, b"\0") + struct.pack("<H", len(name) + 2) + LEGACY[at + 66 :]
    assert refusal(new_kind) == "encrypted"
    code_page = LEGACY.index(b"\x42\x00\x02\x00")  # a record that becomes the one of a password
    assert refusal(LEGACY[:code_page] + b"\x2f" + LEGACY[code_page + 1 :]) == "encrypted"


def test_another_office_file_is_no_workbook() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    assert refusal(out.getvalue()) == "not_a_workbook"
    assert refusal(package({"xl/workbook.xml": b"<document/>"})) == "not_a_workbook"


def test_a_file_is_measured_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.xlsx"
    path.write_bytes(b"x" * 2000)
    limits = Limits(file_bytes=1000)
    with pytest.raises(WorkbookError) as caught:
        read_bytes(path, limits)
    assert caught.value.code == refusal(b"x" * 2000, limits) == "file_too_large"


@pytest.mark.parametrize("member", ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"])
def test_a_bomb_is_refused_while_it_inflates_whatever_size_it_claims(member: str) -> None:
    bomb = b"<x>" + b"0" * 3_000_000 + b"</x>"
    data = bytearray(package({"xl/worksheets/sheet1.xml": b"<a/>"} | {member: bomb}))
    size = struct.pack("<I", len(bomb))
    while size in data:  # both headers lie
        at = data.index(size)
        data[at : at + 4] = struct.pack("<I", 10)
    assert refusal(bytes(data), Limits(unpacked_bytes=1_000_000)) == "unpacks_too_large"


def test_two_cells_far_apart_do_not_become_a_grid() -> None:
    assert refusal(
        raw('<row r="1"><c r="A1"><v>1</v></c></row><row r="99999"><c r="ZZ99999"><v>1</v></c></row>')
    ) == ("sheet_too_large")
    far = raw('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    assert refusal(far) == "sheet_too_large"
    assert refusal(raw("<row><c><v>1</v></c>" + "<c/>" * 800 + "<c><v>1</v></c></row>")) == "sheet_too_large"


def test_a_format_down_to_the_last_row_is_no_content() -> None:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet["A1"] = 1
    sheet["XFD1048576"].font = Font(bold=True)
    assert only(saved(workbook)).rows == [[1.0]]


def test_texts_that_claim_to_be_more_than_they_can_be_are_refused() -> None:
    strings = (
        b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" uniqueCount="99999999999"/>'
    )
    assert (
        refusal(package({"xl/worksheets/sheet1.xml": b"<a/>", "xl/sharedStrings.xml": strings})) == "damaged"
    )


def test_entities_are_not_expanded() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><styleSheet>&c;</styleSheet>'
    assert refusal(raw('<row r="1"><c r="A1" s="1"><v>1</v></c></row>', styles=bomb)) == "damaged"


def test_two_members_of_one_name_are_refused() -> None:
    out = io.BytesIO(raw('<row r="1"><c r="A1"><v>1</v></c></row>'))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("XL/Worksheets/Sheet1.xml", "<x/>")
    assert refusal(out.getvalue()) == "damaged"


def test_members_sheets_and_merged_ranges_are_counted() -> None:
    assert refusal(grid([[1]]), Limits(members=3)) == "too_many_members"
    assert refusal(grid([[1]], [[1]]), Limits(sheets=1)) == "too_many_sheets"
    assert refusal(grid([[1]], merge=["A1:B1", "A2:B2"]), Limits(merged=1)) == "too_many_merged"
    assert refusal(LEGACY, Limits(merged=0)) == "too_many_merged"
    assert refusal(LEGACY, Limits(rows=100)) == "sheet_too_large"


@pytest.mark.parametrize(
    "source", [grid([["供应商", 1.5], ["a", "=1+1"]], merge=["A3:B4"]), LEGACY], ids=["xlsx", "xls"]
)
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(min_value=0, max_value=10**6))
def test_a_damaged_file_is_read_or_refused_and_never_anything_else(source: bytes, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(source)
    for _ in range(chance.choice([1, 3, 20])):
        data[chance.randrange(len(data))] = chance.randrange(256)
    if chance.random() < 0.3:
        del data[chance.randrange(len(data)) :]
    try:
        list(open_workbook(bytes(data)))
    except WorkbookError as error:
        assert error.code
