"""The inside of an .xlsx file: true sizes, and the cells that the fast reader glosses over.

Byte searches instead of an XML tree: a sheet of 450,000 cells is searched in the time in which
a parser would read a tenth of it. Only a sheet that has error values, formulas without a
stored result or percentages, or that is written in an unusual way, is walked cell by cell.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from xml.etree import ElementTree

from spc_site.lib.looks import Limits, Look, WorkbookError, is_percent_format

_PLAIN_ROW = re.compile(rb'<row r="(\d+)"')
_PLAIN_CELL = re.compile(rb'<c r="([A-Z]+)\d')
_PLAIN_UNCACHED = (
    re.compile(rb"</f>\s*(?:<v ?/>|<v></v>)?\s*</c>"),
    re.compile(rb"<f[^>]*/>\s*(?:<v ?/>|<v></v>)?\s*</c>"),
)
_UNUSUAL = (b"='", b" =", b"= ")
"""Legal in XML, but no common program writes it; a sheet with any of it is walked, not searched."""

_ROW_OR_CELL = re.compile(rb"<(?:\w+:)?(row|c)(\s[^>]*?)?(/?)>")
_CELL_END = re.compile(rb"</(?:\w+:)?c>")
_ATTRIBUTE = re.compile(rb"\s(r|s|t)\s*=\s*[\"']([^\"']*)[\"']")
_VALUE = re.compile(rb"<(?:\w+:)?v(?:\s[^>]*)?>([^<]+)<")
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s/>]")
_REFERENCE = re.compile(rb"([A-Za-z]+)(\d+)")

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_BUILT_IN = {9: "0%", 10: "0.00%", 16: "d-mmm"} | dict.fromkeys((28, 29, 51, 54, 58), 'm"月"d"日"')
"""Formats without a code of their own in the file: those that change what a value means here."""

_STRING_TABLE = re.compile(rb"<(?:\w+:)?sst\b[^>]*>")
_STRING_COUNT = re.compile(rb"uniqueCount\s*=\s*[\"']([^\"']*)")
_CHUNK = 1 << 20


class Package:
    """An .xlsx or .xlsm file whose members were inflated and counted before anybody reads them."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        self._data = data
        self._counted: dict[str, int] = {}
        self._last_sheet: tuple[str, bytes] = ("", b"")
        try:
            members = zipfile.ZipFile(io.BytesIO(data)).infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise WorkbookError("damaged") from error
        if len(members) > limits.members:
            raise WorkbookError("too_many_members", limit=str(limits.members))
        self._members = {_path(member.filename): member for member in members}
        if len(self._members) < len(members):
            raise WorkbookError("damaged")  # two members of one name: which one is read is a riddle
        # Everything is inflated once before the fast reader may; the first sheet comes last and
        # is kept, as it will be wanted next.
        sheets = self._sheet_paths
        others = [name for name in self._members if name.endswith((".xml", ".rels")) and name not in sheets]
        for name in (*others, *reversed(sheets)):
            if name in self._members:
                _check_string_count(xml := self._inflate(name))
                self._last_sheet = name, xml

    def look(self, index: int) -> Look:
        """Return the extent of a sheet and its cells that are not what they seem."""
        xml = self._sheet_xml(index)
        body = xml[xml.find(b"sheetData") : xml.rfind(b"sheetData")]
        extent = _plain_extent(body)
        if extent and self._limits.allow(extent.height, extent.width) and not self._has_special_cells(body):
            return extent
        return self._walk(body)

    def _has_special_cells(self, body: bytes) -> bool:
        """Search a plainly written sheet for errors, uncached formulas and percentages."""
        return (
            b't="e"' in body
            or any(pattern.search(body) for pattern in _PLAIN_UNCACHED)
            or any(b's="%d"' % style in body for style in self._percent_styles)
        )

    def number_format(self, index: int, row: int, column: int) -> str | None:
        """Return the number format code of one cell, None for General or where there is no cell."""
        xml = self._sheet_xml(index)
        for found_row, found_column, attributes, _ in _cells(xml):
            if (found_row, found_column) == (row, column):
                return self._formats.get(_number(attributes.get(b"s")))
            if found_row > row:
                break
        return None

    def _walk(self, body: bytes) -> Look:
        """Look at every cell. Those without content do not count: a format may reach to the last row."""
        look = Look()
        percents = self._percent_styles
        for row, column, attributes, inner in _cells(body):
            if not inner:
                continue
            look.height, look.width = max(look.height, row + 1), max(look.width, column + 1)
            kind = attributes.get(b"t", b"n")
            value = _VALUE.search(inner)
            if kind == b"e":
                look.errors[row, column] = value[1].decode("utf-8", "replace").strip() if value else "#N/A"
            elif value is None:
                # A formula of text may well have the empty text as its stored result.
                if kind != b"str" and _FORMULA.search(inner):
                    look.uncached.add((row, column))
            elif kind == b"n" and percents and _number(attributes.get(b"s")) in percents:
                look.percents.add((row, column))
        return look

    def _inflate(self, name: str) -> bytes:
        """Inflate a member without believing its declared size; count every byte of it."""
        member = self._members[name]
        if member.flag_bits & 0x1:
            raise WorkbookError("encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise WorkbookError("damaged")
        header = self._data[member.header_offset : member.header_offset + 30]
        if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
            raise WorkbookError("damaged")
        start = member.header_offset + 30 + int.from_bytes(header[26:28], "little")
        start += int.from_bytes(header[28:30], "little")
        packed = self._data[start : start + member.compress_size]
        if len(packed) != member.compress_size:
            raise WorkbookError("damaged")
        if member.compress_type == zipfile.ZIP_STORED:
            self._count(name, len(packed))
            return packed
        parts: list[bytes] = []
        length = 0
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            while not inflater.eof:
                part = inflater.decompress(packed, _CHUNK)
                packed = inflater.unconsumed_tail
                if not part and not packed:
                    break
                length += len(part)
                self._count(name, length)
                parts.append(part)
        except zlib.error as error:
            raise WorkbookError("damaged") from error
        if not inflater.eof:
            raise WorkbookError("damaged")
        return b"".join(parts)

    def _count(self, name: str, length: int) -> None:
        self._counted[name] = length
        if sum(self._counted.values()) > self._limits.unpacked_bytes:
            raise WorkbookError("unpacks_too_large", limit=str(self._limits.unpacked_bytes // 2**20))

    def _sheet_xml(self, index: int) -> bytes:
        path = self._sheet_paths[index] if index < len(self._sheet_paths) else ""
        if path not in self._members:
            raise WorkbookError("damaged")
        if self._last_sheet[0] != path:
            self._last_sheet = path, self._inflate(path)
        xml = self._last_sheet[1]
        if xml.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise WorkbookError("damaged")  # UTF-16: no spreadsheet program writes it
        return xml

    def _tree(self, name: str) -> ElementTree.Element:
        xml = self._inflate(name)
        if b"<!DOCTYPE" in xml:
            raise WorkbookError("damaged")  # no workbook has one; entity bombs do
        try:
            return ElementTree.fromstring(xml)  # noqa: S314 — entities are refused above
        except ElementTree.ParseError as error:
            raise WorkbookError("damaged") from error

    @cached_property
    def _workbook_path(self) -> str:
        """Member name of the part that lists the sheets."""
        for target, kind in self._relations("").values():
            if kind.endswith("/officeDocument"):
                if target in self._members and target.endswith(".xml"):
                    return target
                break
        raise WorkbookError("not_a_workbook")

    @cached_property
    def _sheet_paths(self) -> list[str]:
        """Member names of the sheets, in the order of the tabs."""
        book = self._tree(self._workbook_path)
        if not book.tag.endswith("}workbook"):
            raise WorkbookError("not_a_workbook")
        targets = self._relations(self._workbook_path)
        return [
            targets.get(element.get(_RELATION) or element.get(_STRICT_RELATION) or "", ("", ""))[0]
            for element in book.iter()
            if element.tag.endswith("}sheet")
        ]

    def _relations(self, of: str) -> dict[str, tuple[str, str]]:
        """Return member name and type of what a part (blank: the package) refers to, by identifier."""
        folder, name = posixpath.split(of)
        member = posixpath.join(folder, "_rels", f"{name}.rels")
        if member not in self._members:
            raise WorkbookError("damaged" if of else "not_a_workbook")
        relations = {}
        for relation in self._tree(member):
            target = relation.get("Target", "")
            path = target if target.startswith("/") else posixpath.join(folder, target)
            relations[relation.get("Id", "")] = _path(posixpath.normpath(path)), relation.get("Type", "")
        return relations

    @cached_property
    def _formats(self) -> dict[int, str]:
        """Number format code of each cell style that has one of its own."""
        path = next(
            (
                target
                for target, kind in self._relations(self._workbook_path).values()
                if kind.endswith("/styles")
            ),
            "",
        )
        if path not in self._members:
            return {}
        tree = self._tree(path)
        codes: dict[int, str] = dict(_BUILT_IN)
        styles: dict[int, str] = {}
        for element in tree:
            if element.tag.endswith("}numFmts"):
                for number_format in element:
                    codes[_number(number_format.get("numFmtId"))] = number_format.get("formatCode", "")
        for element in tree:
            if element.tag.endswith("}cellXfs"):
                for style, cell_format in enumerate(element):
                    code = codes.get(_number(cell_format.get("numFmtId")))
                    if code:
                        styles[style] = code
        return styles

    @cached_property
    def _percent_styles(self) -> frozenset[int]:
        return frozenset(style for style, code in self._formats.items() if is_percent_format(code))


def _check_string_count(xml: bytes) -> None:
    """Refuse a table of texts that claims to be longer than it can be.

    The fast reader reserves memory for as many as are claimed, and where that is not to be
    had, the whole process ends.
    """
    table = _STRING_TABLE.search(xml)
    for claimed in _STRING_COUNT.findall(table[0]) if table else ():
        if not claimed.isdigit() or int(claimed) > len(xml):
            raise WorkbookError("damaged")


def _path(name: str) -> str:
    """Return a member's name in the one way: programs differ in case and slashes."""
    return name.replace("\\", "/").lstrip("/").casefold()


def _number(text: str | bytes | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _column_number(letters: bytes) -> int:
    """Return the number of a column from 1: `A` is 1."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


def _plain_extent(body: bytes) -> Look | None:
    """Return the extent of a sheet written as common programs do, None for any other."""
    if any(sign in body for sign in _UNUSUAL):
        return None
    rows, columns = _PLAIN_ROW.findall(body), _PLAIN_CELL.findall(body)
    if len(rows) != body.count(b"<row") or len(columns) != body.count(b"<c"):
        return None  # positions left out, or elements we do not expect here
    return Look(
        height=max(map(int, rows), default=0), width=max(map(_column_number, set(columns)), default=0)
    )


def _cells(xml: bytes) -> Iterator[tuple[int, int, dict[bytes, bytes], bytes]]:
    """Yield row, column, attributes and inner XML of every cell; positions may be implied."""
    row, column = -1, -1
    for match in _ROW_OR_CELL.finditer(xml):
        attributes = dict(_ATTRIBUTE.findall(match[2] or b""))
        if match[1] == b"row":
            number = attributes.get(b"r", b"")
            row = int(number) - 1 if number.isdigit() else row + 1
            column = -1
            continue
        reference = _REFERENCE.fullmatch(attributes.get(b"r", b""))
        if reference:
            column, row = _column_number(reference[1]) - 1, int(reference[2]) - 1
        else:
            column += 1
        inner = b""
        if not match[3]:
            end = _CELL_END.search(xml, match.end())
            inner = xml[match.end() : end.start() if end else len(xml)]
        yield row, column, attributes, inner
