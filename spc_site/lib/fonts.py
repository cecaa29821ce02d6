"""Finding a font file for pictures, and knowing which characters it can draw.

A renderer without the right font leaves Chinese text out and says nothing. So the font is a file that we
choose ourselves (no fontconfig, no system scan at render time), and its character map is read here: two
tables of the OpenType format, `name` and `cmap` (ISO/IEC 14496-22, clauses 5.2.2 and 5.2.1).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CJK_PROBE = "控制界限均值极差目标基线监控规格供应商第组个剔除图"
"""Characters of our own charts. A Japanese or partial font lacks some of them."""

LATIN_PROBE = "ABCXYZabcxyz0189.,:;+-%/()<>"

# In the order of preference, as file name beginnings in lower case.
CJK_NAMES = (
    "notosanscjk-regular",
    "notosanscjksc-regular",
    "notosanssc",
    "sourcehansanssc-regular",
    "sourcehansans",
    "wqy-microhei",
    "wqy-zenhei",
    "msyh",
    "pingfang",
    "hiragino sans gb",
    "stheiti",
    "simhei",
    "deng",
    "droidsansfallback",
    "notosanscjk",
    "notoserifcjk",
    "simsun",
    "uming",
    "ukai",
)
LATIN_NAMES = ("dejavusans", "liberationsans-regular", "notosans-regular", "arial", "helvetica", "freesans")

KNOWN_PLACES = (
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/truetype/noto",
    "/usr/share/fonts/noto-cjk",
    "/usr/share/fonts/google-noto-cjk",
    "/usr/share/fonts/truetype/wqy",
    "/usr/share/fonts/truetype/dejavu",
    "/usr/share/fonts/truetype/liberation",
)
FONT_ROOTS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "~/.local/share/fonts",
    "~/.fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)
SUFFIXES = (".ttc", ".otf", ".ttf", ".otc")


class FontError(ValueError):
    """The file is not a font that we can read."""


@dataclass(frozen=True, slots=True)
class FontFile:
    """A font that pictures use: the file, the family name by which a renderer knows it, what it can draw."""

    path: Path
    family: str
    ranges: tuple[tuple[int, int], ...]

    def covers(self, text: str) -> bool:
        """Say whether there is a glyph for every character of `text`."""
        return not self.missing(text)

    def missing(self, text: str) -> str:
        """Return the characters of `text` without a glyph, each once, in order; blanks count as drawn."""
        return "".join(dict.fromkeys(c for c in text if not c.isspace() and not self._has(ord(c))))

    def _has(self, code: int) -> bool:
        low, high = 0, len(self.ranges)
        while low < high:
            middle = (low + high) // 2
            first, last = self.ranges[middle]
            if code < first:
                high = middle
            elif code > last:
                low = middle + 1
            else:
                return True
        return False


def read_fonts(path: Path) -> list[FontFile]:
    """Return the faces of a font file or collection.

    Raises
        FontError: the file is damaged or no OpenType font.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return [_face(file, path, tables) for tables in _faces(file, path)]


Tables = dict[bytes, tuple[int, ...]]
"""Where the tables of a face lie in its file: tag → offset, length."""


def _faces(file: BinaryIO, path: Path) -> list[Tables]:
    """Return the table directories of all faces."""
    head = file.read(12)
    if head[:4] == b"ttcf":
        (count,) = _unpack(">I", head[8:12], path)
        if count > 256:
            raise FontError(f"{path.name}: {count} faces in one collection")
        starts = _unpack(f">{count}I", file.read(4 * count), path)
    elif head[:4] in (b"\0\1\0\0", b"OTTO", b"true"):
        starts = (0,)
    else:
        raise FontError(f"{path.name} is not an OpenType font")
    found: list[Tables] = []
    for start in starts:
        file.seek(start + 4)
        (count,) = _unpack(">H", file.read(2), path)
        file.seek(start + 12)
        records = [file.read(16) for _ in range(count)]
        tables = {record[:4]: _unpack(">II", record[8:], path) for record in records}
        if b"name" not in tables or b"cmap" not in tables:
            raise FontError(f"{path.name} has no name or cmap table")
        found.append(tables)
    return found


def _table(file: BinaryIO, tables: Tables, tag: bytes) -> bytes:
    offset, length = tables[tag]
    file.seek(offset)
    return file.read(length)


def _face(file: BinaryIO, path: Path, tables: Tables) -> FontFile:
    family = _family(_table(file, tables, b"name"), path)
    return FontFile(path, family, _characters(_table(file, tables, b"cmap"), path))


def _unpack(layout: str, data: bytes, path: Path) -> tuple[int, ...]:
    """Unpack, and name the file where it ends too early."""
    try:
        return struct.unpack(layout, data)
    except struct.error as error:
        raise FontError(f"{path.name} is cut off or damaged") from error


def _family(table: bytes, path: Path) -> str:
    """Return the English family name (typographic, else basic) of a `name` table."""
    _, count, strings = _unpack(">HHH", table[:6], path)
    found: dict[tuple[int, int], str] = {}
    for number in range(count):
        record = table[6 + 12 * number : 18 + 12 * number]
        platform, _, language, name, length, offset = _unpack(">6H", record, path)
        if name not in (1, 16) or platform not in (0, 1, 3):
            continue
        raw = table[strings + offset : strings + offset + length]
        text = raw.decode("latin-1" if platform == 1 else "utf-16-be", errors="ignore").strip("\0 ")
        english = platform != 3 or language == 0x409
        if text:
            found.setdefault((0 if english else 1, 0 if name == 16 else 1), text)
    if not found:
        raise FontError(f"{path.name} has no family name")
    return found[min(found)]


def _characters(table: bytes, path: Path) -> tuple[tuple[int, int], ...]:
    """Return the code point ranges of the best Unicode map (format 12, else 4) in a `cmap` table."""
    _, count = _unpack(">HH", table[:4], path)
    maps: dict[int, list[int]] = {}
    for number in range(count):
        platform, encoding, offset = _unpack(">HHI", table[4 + 8 * number : 12 + 8 * number], path)
        if (platform == 0 and encoding != 5) or (platform == 3 and encoding in (1, 10)):
            (kind,) = _unpack(">H", table[offset : offset + 2], path)
            maps.setdefault(kind, []).append(offset)
    if 12 in maps:  # holds all that format 4 holds, and more
        return _joined(_format_12(table[maps[12][0] :], path))
    return _joined(_format_4(table[maps[4][0] :], path)) if 4 in maps else ()


def _format_12(data: bytes, path: Path) -> Iterator[tuple[int, int]]:
    (groups,) = _unpack(">I", data[12:16], path)
    body = data[16 : 16 + 12 * groups]
    if len(body) < 12 * groups:
        raise FontError(f"{path.name} is cut off or damaged")
    for first, last, glyph in struct.iter_unpack(">III", body):
        if glyph == 0:
            first += 1  # glyph 0 is "missing"
        if first <= last <= 0x10FFFF:
            yield first, last


def _format_4(data: bytes, path: Path) -> Iterator[tuple[int, int]]:
    (double,) = _unpack(">H", data[6:8], path)
    count = double // 2
    ends = _unpack(f">{count}H", data[14 : 14 + double], path)
    starts = _unpack(f">{count}H", data[16 + double : 16 + 2 * double], path)
    deltas = _unpack(f">{count}H", data[16 + 2 * double : 16 + 3 * double], path)
    where = 16 + 3 * double
    offsets = _unpack(f">{count}H", data[where : where + double], path)
    for number, (first, last, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            if offset == 0:
                glyph = (code + delta) & 0xFFFF
            else:
                at = where + 2 * number + offset + 2 * (code - first)
                if at + 2 > len(data):
                    continue
                (glyph,) = _unpack(">H", data[at : at + 2], path)
            if glyph:
                yield code, code


def _joined(ranges: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the ranges in order, overlapping and touching ones as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def best_face(path: Path, probe: str) -> FontFile | None:
    """Return the face of a file that draws all of `probe`: of a collection the Simplified Chinese one.

    Returns None where there is none, or where the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            # Names first: the character maps of a whole collection take ten times as long to read.
            named = [(_family(_table(file, t, b"name"), path), t) for t in _faces(file, path)]
            for _, tables in sorted(named, key=lambda pair: _not_simplified(pair[0])):
                face = _face(file, path, tables)
                if face.covers(probe):
                    return face
    except (FontError, OSError):
        return None
    return None


def _not_simplified(family: str) -> int:
    """Return 0 for a family of mainland forms, 1 for others: the same code point is drawn differently."""
    words = family.upper().split()
    return 0 if any(word in ("SC", "CN", "GB", "HEI") for word in words) else 1


def candidates(names: tuple[str, ...], roots: Iterable[str | Path]) -> list[Path]:
    """Return font files below `roots`, known names first in their order, then the others by path."""
    ranked: dict[Path, tuple[int, str]] = {}
    for root in roots:
        for folder, _, files in os.walk(Path(root).expanduser()):
            for name in files:
                if name.lower().endswith(SUFFIXES):
                    plain = name.lower()
                    rank = next((i for i, start in enumerate(names) if plain.startswith(start)), len(names))
                    path = Path(folder, name)
                    ranked.setdefault(path, (rank, str(path)))
    return sorted(ranked, key=ranked.__getitem__)


def find_font(
    probe: str,
    names: tuple[str, ...],
    setting: str | Path | None = None,
    *,
    roots: tuple[str, ...] = FONT_ROOTS,
    usable: Callable[[FontFile], bool] | None = None,
) -> FontFile | None:
    """Return the font of `setting` if it draws all of `probe`, else the first one found that does.

    Parameters
        names: beginnings of file names that are tried first, in this order.
        roots: folders searched; the usual ones by default.
        usable: a last check, for renderers that refuse fonts which are well by their tables.
    """
    if setting and (face := _fit(Path(setting).expanduser(), probe, usable)):
        return face
    # The usual places first: walking all fonts of a desktop takes a while.
    for places in (KNOWN_PLACES, roots) if roots == FONT_ROOTS else (roots,):
        for path in candidates(names, places):
            if face := _fit(path, probe, usable):
                return face
    return None


def _fit(path: Path, probe: str, usable: Callable[[FontFile], bool] | None) -> FontFile | None:
    face = best_face(path, probe)
    return face if face and (usable is None or usable(face)) else None
