"""Workbooks of Excel 97 to 2003 (.xls): BIFF8 records in a compound file, read without help.

The fast reader for .xlsx knows this format too, but on a damaged file it asks for memory that
no machine has, and then the process ends. These files are small and rare; plain Python does.
Layouts: [MS-CFB] for the container, [MS-XLS] for the records.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from spc_site.lib.looks import ExcelError, Limits, WorkbookError, is_date_format, is_percent_format
from spc_site.lib.text import percent_text

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_Value: TypeAlias = "str | float | bool | date | datetime | time | ExcelError"

_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_END_OF_CHAIN = 0xFFFFFFFA  # this and above: end of a chain, or a special sector
_STREAM = 2
_BEGIN, _END, _CONTINUE = 0x0809, 0x000A, 0x003C
_ENCRYPTED, _DATE_MODE, _BOUND_SHEET = 0x002F, 0x0022, 0x0085
_FORMAT, _CELL_STYLE, _SHARED_STRINGS = 0x041E, 0x00E0, 0x00FC
_FORMULA, _STRING, _NUMBER, _SMALL_NUMBER, _SMALL_NUMBERS = 0x0006, 0x0207, 0x0203, 0x027E, 0x00BD
_LOGICAL, _LABEL, _SHARED_LABEL, _MERGED = 0x0205, 0x0204, 0x00FD, 0x00E5
_BIFF8 = 0x0600
_ERROR_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_BUILT_IN = (
    {9: "0%", 10: "0.00%", 14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 22: "yyyy-mm-dd h:mm"}
    | dict.fromkeys((18, 19, 20, 21, 45, 46, 47), "h:mm:ss")
    | dict.fromkeys((27, 30, 31, 36, 50, 52, 53, 55, 56, 57), "yyyy-mm-dd")
    | dict.fromkeys((28, 29, 51, 54, 58), 'm"月"d"日"')
)


class _BrokenChain(ValueError):
    """The sectors of the file do not lead anywhere."""


@dataclass(slots=True)
class RawSheet:
    """A visible worksheet: cells from A1 on, merged ranges, and the formats that are not General."""

    name: str
    rows: list[list[_Value]]
    spans: list[tuple[int, int, int, int]]
    formats: dict[tuple[int, int], str]


@dataclass(slots=True)
class _Globals:
    """What the sheets refer to."""

    sheets: list[tuple[str, int]] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    formats: dict[int, str] = field(default_factory=dict)
    epoch: date = date(1899, 12, 30)


def read_sheets(data: bytes, limits: Limits) -> Iterator[RawSheet]:
    """Yield the visible worksheets of an .xls file.

    Raises WorkbookError: `encrypted`, `damaged`, `not_a_workbook`, `too_many_sheets`,
    `sheet_too_large`, `too_many_merged`.
    """
    if _ENCRYPTED_PACKAGE in data:
        raise WorkbookError("encrypted")  # an .xlsx with a password is kept in this container
    try:
        streams = _streams(data)
        if "Workbook" not in streams:
            raise WorkbookError("not_a_workbook")
        book = streams["Workbook"]()
        known = _read_globals(book)
        if len(known.sheets) > limits.sheets:
            raise WorkbookError("too_many_sheets", limit=str(limits.sheets))
        for name, offset in known.sheets:
            yield _read_sheet(book, name, offset, known, limits)
    except (struct.error, IndexError, OverflowError, _BrokenChain) as error:
        raise WorkbookError("damaged") from error


def _read_globals(book: bytes) -> _Globals:
    known = _Globals()
    codes = dict(_BUILT_IN)
    styles: list[int] = []
    records = list(_records(book, 0))
    if not records or records[0][0] != _BEGIN or struct.unpack_from("<H", records[0][1])[0] != _BIFF8:
        raise WorkbookError("not_a_workbook")  # older than Excel 97
    for at, (record, body) in enumerate(records):
        if record == _ENCRYPTED:
            raise WorkbookError("encrypted")
        if record == _DATE_MODE and body[:1] == b"\x01":
            known.epoch = date(1904, 1, 1)
        elif record == _BOUND_SHEET:
            offset, state, kind, length, flags = struct.unpack_from("<IBBBB", body)
            if state & 3 == 0 and kind == 0:
                known.sheets.append((_text(body[8:], length, flags), offset))
        elif record == _FORMAT:
            number, length, flags = struct.unpack_from("<HHB", body)
            codes[number] = _text(body[5:], length, flags)
        elif record == _CELL_STYLE:
            styles.append(struct.unpack_from("<H", body, 2)[0])
        elif record == _SHARED_STRINGS:
            chunks = [body]
            for following, more in records[at + 1 :]:
                if following != _CONTINUE:
                    break
                chunks.append(more)
            known.strings = _strings(chunks)
    known.formats = {style: codes[number] for style, number in enumerate(styles) if number in codes}
    return known


def _read_sheet(book: bytes, name: str, offset: int, known: _Globals, limits: Limits) -> RawSheet:
    cells: dict[tuple[int, int], _Value] = {}
    formats: dict[tuple[int, int], str] = {}
    spans: list[tuple[int, int, int, int]] = []
    for row, column, style, value in _cells(book, offset, known, spans):
        if code := known.formats.get(style):
            formats[row, column] = code
            if type(value) is float:
                value = _as_formatted(value, code, known.epoch)
        cells[row, column] = value
    if len(spans) > limits.merged:
        raise WorkbookError("too_many_merged", sheet=name, limit=str(limits.merged))
    height = max((row for row, _ in cells), default=-1) + 1
    width = max((column for _, column in cells), default=-1) + 1
    if not limits.allow(height, width):
        raise WorkbookError("sheet_too_large", **limits.extent(name))
    rows: list[list[_Value]] = [[""] * width for _ in range(height)]
    for (row, column), value in cells.items():
        rows[row][column] = value
    return RawSheet(name, rows, spans, formats)


def _cells(
    book: bytes, offset: int, known: _Globals, spans: list[tuple[int, int, int, int]]
) -> Iterator[tuple[int, int, int, _Value]]:
    """Yield row, column, style and value of every cell with content; collect merged ranges."""
    pending: tuple[int, int, int] | None = None  # a formula whose text follows in a record of its own
    for record, body in _records(book, offset):
        if record == _STRING and pending is not None:
            length, flags = struct.unpack_from("<HB", body)
            yield (*pending, _text(body[3:], length, flags))
            pending = None
        elif record == _MERGED:
            (count,) = struct.unpack_from("<H", body)
            for at in range(count):
                top, bottom, left, right = struct.unpack_from("<4H", body, 2 + 8 * at)
                spans.append((top, left, bottom, right))
        elif record == _SMALL_NUMBERS:
            row, first = struct.unpack_from("<HH", body)
            for at in range((len(body) - 6) // 6):
                style, packed = struct.unpack_from("<HI", body, 4 + 6 * at)
                yield row, first + at, style, _unpacked(packed)
        elif record in (_NUMBER, _SMALL_NUMBER, _LOGICAL, _LABEL, _SHARED_LABEL, _FORMULA):
            row, column, style = struct.unpack_from("<3H", body)
            if record == _FORMULA and body[6] == 0 and body[12:14] == b"\xff\xff":
                pending = row, column, style
            else:
                yield row, column, style, _value(record, body, known)


def _value(record: int, body: bytes, known: _Globals) -> _Value:
    if record == _NUMBER:
        return float(struct.unpack_from("<d", body, 6)[0])
    if record == _SMALL_NUMBER:
        return _unpacked(struct.unpack_from("<I", body, 6)[0])
    if record == _SHARED_LABEL:
        return known.strings[struct.unpack_from("<I", body, 6)[0]]
    if record == _LABEL:
        length, flags = struct.unpack_from("<HB", body, 6)
        return _text(body[9:], length, flags)
    if record == _LOGICAL:
        return _error(body[6]) if body[7] else bool(body[6])
    if body[12:14] != b"\xff\xff":
        return float(struct.unpack_from("<d", body, 6)[0])
    if body[6] == 1:
        return bool(body[8])
    return _error(body[8]) if body[6] == 2 else ""


def _error(code: int) -> ExcelError:
    return ExcelError(_ERROR_CODES.get(code, "#N/A"))


def _unpacked(packed: int) -> float:
    """Return a number of 30 bits: a whole one, or the upper half of a float; perhaps its hundredfold."""
    if packed & 2:
        whole = packed >> 2
        number = float(whole - (1 << 30) if whole & (1 << 29) else whole)
    else:
        number = float(struct.unpack("<d", struct.pack("<II", 0, packed & 0xFFFFFFFC))[0])
    return number / 100 if packed & 1 else number


def _as_formatted(number: float, code: str, epoch: date) -> _Value:
    """Return a number as what its format makes of it: a date, a time, a percentage, or itself."""
    if is_percent_format(code):
        return percent_text(number)
    if not is_date_format(code) or not math.isfinite(number) or number < 0:
        return number
    days, seconds = divmod(round(number * 86400), 86400)
    if not days:
        return time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    day = epoch + timedelta(days=days)
    return datetime.combine(day, time()) + timedelta(seconds=seconds) if seconds else day


def _text(raw: bytes, length: int, flags: int) -> str:
    return raw[: 2 * length].decode("utf-16-le", "replace") if flags & 1 else raw[:length].decode("latin-1")


def _strings(chunks: Sequence[bytes]) -> list[str]:
    """Return the table of shared texts, which may go on over several records.

    Where the characters of a text go on in the next record, that begins with a byte which says
    anew how wide they are; everything else simply goes on.
    """
    (count,) = struct.unpack_from("<I", chunks[0], 4)
    strings: list[str] = []
    chunk, at = 0, 8

    def skip(length: int) -> None:
        nonlocal chunk, at
        at += length
        while chunk < len(chunks) - 1 and at >= len(chunks[chunk]):
            at -= len(chunks[chunk])
            chunk += 1

    while len(strings) < count and chunk < len(chunks) and at < len(chunks[chunk]):
        length, flags = struct.unpack_from("<HB", chunks[chunk], at)
        at += 3
        runs = extra = 0
        if flags & 8:
            (runs,) = struct.unpack_from("<H", chunks[chunk], at)
            at += 2
        if flags & 4:
            (extra,) = struct.unpack_from("<I", chunks[chunk], at)
            at += 4
        parts: list[str] = []
        while True:
            width = 2 if flags & 1 else 1
            taken = max(0, min(length, (len(chunks[chunk]) - at) // width))
            parts.append(_text(chunks[chunk][at:], taken, flags))
            at += taken * width
            length -= taken
            if not length or chunk == len(chunks) - 1:
                break
            chunk += 1
            flags, at = chunks[chunk][0], 1
        strings.append("".join(parts))
        skip(4 * runs + extra)
    return strings


def _records(book: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of the records of one substream, up to its end record.

    A drawing may nest a substream into a sheet; its records are left out.
    """
    depth = 0
    while offset + 4 <= len(book):
        record, length = struct.unpack_from("<HH", book, offset)
        offset += 4
        if record == _BEGIN:
            depth += 1
        if depth <= 1:
            yield record, book[offset : offset + length]
        offset += length
        if record == _END:
            depth -= 1
            if depth <= 0:
                return


def _streams(data: bytes) -> dict[str, Callable[[], bytes]]:
    """Return the streams of a compound file by name, each as a function that reads it."""
    sector_shift, mini_shift = struct.unpack_from("<HH", data, 30)
    if sector_shift not in (9, 12) or mini_shift != 6:
        raise _BrokenChain
    size = 1 << sector_shift
    directory_start, mini_cutoff, mini_start = (
        struct.unpack_from("<I", data, offset)[0] for offset in (48, 56, 60)
    )
    fat: list[int] = []
    for number in _fat_sectors(data, size):
        fat.extend(struct.unpack_from(f"<{size // 4}I", data, (number + 1) * size))
        if len(fat) * size > len(data) + size * size:
            raise _BrokenChain  # a table longer than the file it describes

    def read(start: int) -> bytes:
        return b"".join(data[(number + 1) * size : (number + 2) * size] for number in _chain(start, fat))

    directory = read(directory_start)
    entries = [directory[at : at + 128] for at in range(0, len(directory) - 127, 128)]

    def reader(entry: bytes) -> Callable[[], bytes]:
        start, length = struct.unpack_from("<II", entry, 116)
        if length >= mini_cutoff:
            return lambda: read(start)[:length]

        def read_small() -> bytes:
            small = read(struct.unpack_from("<I", entries[0], 116)[0])
            table = read(mini_start)
            numbers = _chain(start, struct.unpack(f"<{len(table) // 4}I", table))
            return b"".join(small[64 * number : 64 * number + 64] for number in numbers)[:length]

        return read_small

    streams: dict[str, Callable[[], bytes]] = {}
    for entry in entries[1:]:
        name_length, kind = struct.unpack_from("<HB", entry, 64)
        if kind == _STREAM:
            name = entry[: max(name_length - 2, 0)].decode("utf-16-le", "replace")
            if name in streams:
                raise _BrokenChain  # two streams of one name: which one is read is a riddle
            streams[name] = reader(entry)
    return streams


def _fat_sectors(data: bytes, size: int) -> Iterator[int]:
    """Yield the sectors that hold the allocation table: 109 named in the header, then a list of lists."""
    (following, count) = struct.unpack_from("<II", data, 68)
    numbers = list(struct.unpack_from("<109I", data, 76))
    for _ in range(min(count, len(data) // size) + 1):
        yield from (number for number in numbers if number < _END_OF_CHAIN)
        if following >= _END_OF_CHAIN:
            return
        *numbers, following = struct.unpack_from(f"<{size // 4}I", data, (following + 1) * size)


def _chain(start: int, table: Sequence[int]) -> Iterator[int]:
    steps = 0
    while start < _END_OF_CHAIN:
        yield start
        start = table[start]
        steps += 1
        if steps > len(table):
            raise _BrokenChain
