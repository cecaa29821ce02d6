"""CSV and other delimited text → cells: the encoding, the delimiter and the bounds are looked at first.

Chinese Excel writes GB 18030, everybody else UTF-8; both are tried strictly, so that no letter is
guessed. Every cell is text, as it is written.
"""

from __future__ import annotations

import codecs
import csv
import io

from spc_site.lib.looks import Limits, WorkbookError
from spc_site.lib.sheets import BLANK, CellValue, Sheet

_DELIMITERS = ",;\t|"
_LOOKED_AT = 20


def read_delimited(data: bytes, *, name: str = "CSV", limits: Limits = Limits()) -> Sheet:  # noqa: B008 — frozen
    """Return the only sheet of a delimited text file.

    Raises
    ------
    WorkbookError
        `empty_file`, `file_too_large`, `not_text`, `sheet_too_large`, `damaged`.
    """
    if not data.strip():
        raise WorkbookError("empty_file")
    if len(data) > limits.file_bytes:
        raise WorkbookError("file_too_large", limit=str(limits.file_bytes // 2**20))
    text = _decoded(data)
    rows: list[list[CellValue]] = []
    width = 0
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text)):
            rows.append([cell.strip() for cell in row])
            width = max(width, len(row))
            if not limits.allow(len(rows), width):
                raise WorkbookError("sheet_too_large", **limits.extent(name))
    except csv.Error as error:
        raise WorkbookError("damaged") from error
    for cells in rows:
        cells.extend([BLANK] * (width - len(cells)))
    return Sheet(name, rows)


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    if b"\0" in data and encodings != ["utf-16"]:
        raise WorkbookError("not_text")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise WorkbookError("not_text")


def _delimiter(text: str) -> str:
    """Return the delimiter that parts most of the first lines into the same number of cells."""
    lines = [line for line in text.splitlines()[:_LOOKED_AT] if line.strip()]

    def agreement(delimiter: str) -> tuple[int, int]:
        counts = [line.count(delimiter) for line in lines]
        usual = max(set(counts), key=counts.count)
        return (counts.count(usual) if usual else 0), usual

    return max(_DELIMITERS, key=agreement)
