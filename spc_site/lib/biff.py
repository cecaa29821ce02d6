"""The inside of an .xls file (BIFF8 in a compound file): error cells, percentages, extent.

Only what the second look needs. Layouts: [MS-CFB] for the container, [MS-XLS] for the records.
Old files keep the result of every formula, so none is without one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from spc_site.lib.looks import Limits, Look, WorkbookError, is_percent_format

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_END_OF_CHAIN = 0xFFFFFFFA  # this and above: end of a chain, or a special sector
_STREAM = 2
_BOUND_SHEET, _FORMAT, _XF, _END = 0x0085, 0x041E, 0x00E0, 0x000A
_FORMULA, _NUMBER, _RK, _MUL_RK, _ERROR, _LABEL, _LABEL_SST, _RSTRING = (
    0x0006, 0x0203, 0x027E, 0x00BD, 0x0205, 0x0204, 0x00FD, 0x00D6,
)  # fmt: skip
_ONE_CELL = {_FORMULA, _NUMBER, _RK, _ERROR, _LABEL, _LABEL_SST, _RSTRING}
_ERROR_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
}
_BUILT_IN = {9: "0%", 10: "0.00%", 16: "d-mmm"}


class _BrokenChain(ValueError):
    """The sectors of the file do not lead anywhere."""


class Stream:
    """The workbook stream of an .xls file."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._limits = limits
        try:
            streams = _streams(data)
            if "EncryptedPackage" in streams:
                raise WorkbookError("encrypted")
            read = streams.get("Workbook", streams.get("Book"))
            if read is None:
                raise WorkbookError("not_a_workbook")
            self._book = read()
        except (struct.error, IndexError, _BrokenChain) as error:
            raise WorkbookError("damaged") from error

    def look(self, index: int) -> Look:
        """Return the extent of a sheet and its cells that are not what they seem."""
        look = Look()
        percents = {style for style, code in self._formats.items() if is_percent_format(code)}
        for record, row, column, style, body in self._cells(index):
            look.height, look.width = max(look.height, row + 1), max(look.width, column + 1)
            if record == _ERROR and len(body) >= 8 and body[7] == 1:
                look.errors[row, column] = _ERROR_CODES.get(body[6], "#N/A")
            elif record == _FORMULA and body[12:14] == b"\xff\xff":
                if body[6] == 2:
                    look.errors[row, column] = _ERROR_CODES.get(body[8], "#N/A")
            elif style in percents:
                look.percents.add((row, column))
        return look

    def number_format(self, index: int, row: int, column: int) -> str | None:
        """Return the number format code of one cell, None for General or where there is no cell."""
        for _, found_row, found_column, style, _ in self._cells(index):
            if (found_row, found_column) == (row, column):
                return self._formats.get(style)
        return None

    def _cells(self, index: int) -> Iterator[tuple[int, int, int, int, bytes]]:
        """Yield record type, row, column, style and body of every cell with content."""
        if index >= len(self._sheet_offsets):
            raise WorkbookError("damaged")
        for record, body in _records(self._book, self._sheet_offsets[index]):
            if record in _ONE_CELL and len(body) >= 6:
                row, column, style = struct.unpack_from("<HHH", body)
                yield record, row, column, style, body
            elif record == _MUL_RK and len(body) >= 6:
                row, first = struct.unpack_from("<HH", body)
                for step in range((len(body) - 6) // 6):
                    (style,) = struct.unpack_from("<H", body, 4 + 6 * step)
                    yield record, row, first + step, style, body

    @cached_property
    def _sheet_offsets(self) -> list[int]:
        return [
            struct.unpack_from("<I", body)[0]
            for record, body in _records(self._book, 0)
            if record == _BOUND_SHEET and len(body) >= 4
        ]

    @cached_property
    def _formats(self) -> dict[int, str]:
        """Number format code of each cell style that has one of its own."""
        codes = dict(_BUILT_IN)
        styles: list[int] = []
        for record, body in _records(self._book, 0):
            if record == _FORMAT and len(body) >= 5:
                number, length, flags = struct.unpack_from("<HHB", body)
                raw = body[5:]
                codes[number] = (
                    raw[: 2 * length].decode("utf-16-le", "replace")
                    if flags & 1
                    else raw[:length].decode("latin-1")
                )
            elif record == _XF and len(body) >= 4:
                styles.append(struct.unpack_from("<H", body, 2)[0])
        return {style: codes[number] for style, number in enumerate(styles) if number in codes}


def _records(book: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of the records of one substream, up to its end record.

    Drawings may nest substreams into a sheet; they follow after its cells.
    """
    while offset + 4 <= len(book):
        record, length = struct.unpack_from("<HH", book, offset)
        yield record, book[offset + 4 : offset + 4 + length]
        if record == _END:
            return
        offset += 4 + length


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

    streams = {}
    for entry in entries[1:]:
        name_length, kind = struct.unpack_from("<HB", entry, 64)
        if kind == _STREAM:
            streams[entry[: max(name_length - 2, 0)].decode("utf-16-le", "replace")] = reader(entry)
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
