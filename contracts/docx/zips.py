"""Zip packages: read with limits that trust no header, write so that the same input gives the same bytes.

The reader keeps each member's compressed bytes and checksum, so that the writer can put them out unchanged.
Sizes and checksums come from the central directory (local headers of streamed files hold zeros) and are
believed only after the data was inflated and counted.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from contracts.docx.errors import PackageRefused

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _UTF8 = 0x1, 0x800
_WITHIN_4_GB = 0xFFFFFFFF
_FIXED_DATE = (1 << 5) | 1
"""1980-01-01, the first day that a zip can name; the time is 0."""

_CHUNK = 1 << 16
_BAD_NAME = re.compile(r"[\x00-\x1f\x7f\\:]|^/|^$|(^|/)\.{1,2}(/|$)|//")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a package may be at the most; sizes in bytes.

    ratio        how often a member's size may contain its compressed size …
    ratio_above  … once it is larger than this
    """

    file: int = 20 << 20
    unpacked: int = 200 << 20
    ratio: int = 200
    ratio_above: int = 1 << 20
    members: int = 2000
    depth: int = 256


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a package as it is stored."""

    name: str
    raw_name: bytes
    method: int
    crc: int
    size: int
    raw: bytes

    @classmethod
    def stored(cls, name: str, data: bytes) -> Member:
        """Return a member that is not compressed: for pictures, which are already."""
        return cls(name, name.encode(), _STORED, zlib.crc32(data), len(data), data)

    @classmethod
    def deflated(cls, name: str, data: bytes, raw: bytes | None = None, *, level: int = 6) -> Member:
        """Return a deflated member; `raw` is its deflate stream if that is known already."""
        if raw is None:
            raw = zlib.compress(data, level, wbits=-zlib.MAX_WBITS)
        return cls(name, name.encode(), _DEFLATED, zlib.crc32(data), len(data), raw)


def read_members(data: bytes, limits: Limits) -> dict[str, Member]:
    """Return the members of a package by name, in the order of its directory; their data is not looked at.

    Raises PackageRefused.
    """
    if len(data) > limits.file:
        raise PackageRefused("too_large", f"the file has more than {limits.file} bytes")
    if data.startswith(_OLE):
        raise PackageRefused("encrypted_or_old", "an OLE container")
    members: dict[str, Member] = {}
    seen: set[str] = set()
    spans: list[tuple[int, int]] = []
    for entry in _directory(data, limits):
        if _BAD_NAME.search(entry.name):
            raise PackageRefused("bad_member_name", repr(entry.name))
        # Part names that differ in case alone are the same part (OPC, part 2, 6.2.2.3).
        if entry.name.casefold() in seen:
            raise PackageRefused("duplicate_member", entry.name)
        seen.add(entry.name.casefold())
        if entry.flags & _ENCRYPTED:
            raise PackageRefused("encrypted_or_old", f"{entry.name} is encrypted")
        if entry.method not in (_STORED, _DEFLATED):
            raise PackageRefused("not_docx", f"{entry.name}: compression method {entry.method}")
        start = _data_start(data, entry)
        stop = start + entry.packed
        if stop > len(data):
            raise PackageRefused("not_docx", f"{entry.name} is cut off")
        spans.append((entry.offset, stop))
        members[entry.name] = Member(
            entry.name, entry.raw_name, entry.method, entry.crc, entry.size, data[start:stop]
        )
    spans.sort()
    if any(spans[n][1] > spans[n + 1][0] for n in range(len(spans) - 1)):
        raise PackageRefused("too_large", "members share their data")
    return members


def unpack(member: Member, limits: Limits, room: int) -> bytes:
    """Return the data of a member, at most `room` bytes; its size and checksum must be those it claims.

    Raises PackageRefused.
    """
    pieces: list[bytes] = []
    size = 0

    def take(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        if size > room:
            raise PackageRefused("too_large", f"{member.name}: more than {limits.unpacked} bytes in all")
        if size > limits.ratio_above and size > limits.ratio * len(member.raw):
            raise PackageRefused("too_large", f"{member.name} grows more than {limits.ratio} times")
        pieces.append(piece)

    if member.method == _STORED:
        take(member.raw)
    else:
        _inflate(member, take)
    data = b"".join(pieces)
    if size != member.size or zlib.crc32(data) != member.crc:
        raise PackageRefused("not_docx", f"{member.name}: size or checksum is not what the directory says")
    return data


class ZipWriter:
    """Collects members in memory; every time stamp is the same, so equal members give equal bytes."""

    __slots__ = ("_body", "_count", "_directory", "_length")

    def __init__(self) -> None:
        self._body: list[bytes] = []
        self._directory: list[bytes] = []
        self._length = 0
        self._count = 0

    def copy(self) -> ZipWriter:
        """Return a writer that goes on from here; the two know nothing of each other."""
        other = ZipWriter()
        other._body = self._body.copy()
        other._directory = self._directory.copy()
        other._length = self._length
        other._count = self._count
        return other

    def settle(self) -> ZipWriter:
        """Join what was added so far, which makes copies cheap."""
        self._body = [b"".join(self._body)]
        self._directory = [b"".join(self._directory)]
        return self

    def add(self, member: Member) -> None:
        """Append a member with its data as it is."""
        name = member.raw_name
        flags = 0 if name.isascii() else _UTF8
        common = (
            20,
            flags,
            member.method,
            0,
            _FIXED_DATE,
            member.crc,
            len(member.raw),
            member.size,
            len(name),
            0,
        )
        header = _LOCAL.pack(b"PK\x03\x04", *common)
        self._directory.append(_CENTRAL.pack(b"PK\x01\x02", 20, *common, 0, 0, 0, 0, self._length))
        self._directory.append(name)
        self._body += (header, name, member.raw)
        self._length += len(header) + len(name) + len(member.raw)
        self._count += 1

    def extend(self, members: Iterable[Member]) -> ZipWriter:
        """Append several members."""
        for member in members:
            self.add(member)
        return self

    def finish(self) -> bytes:
        """Return the package."""
        directory = b"".join(self._directory)
        end = _END.pack(b"PK\x05\x06", 0, 0, self._count, self._count, len(directory), self._length, 0)
        return b"".join((*self._body, directory, end))


class Packed(bytes):
    """A constant piece with its own deflate blocks, which end on a byte and refer to nothing before them."""

    deflated: bytes

    @classmethod
    def of(cls, data: bytes, *, level: int = 6) -> Packed:
        packed = cls(data)
        stream = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        packed.deflated = stream.compress(data) + stream.flush(zlib.Z_FULL_FLUSH)
        return packed


def deflate_pieces(pieces: Iterable[bytes]) -> bytes:
    """Return one deflate stream: `Packed` pieces by their own blocks, what lies between as stored blocks."""
    out: list[bytes] = []
    between: list[bytes] = []
    for piece in pieces:
        if type(piece) is Packed:
            if between:
                out += _stored_blocks(b"".join(between))
                between.clear()
            out.append(piece.deflated)
        else:
            between.append(piece)
    out += _stored_blocks(b"".join(between))
    out.append(b"\x03\x00")  # the last block: final, fixed codes, empty (RFC 1951, 3.2.3)
    return b"".join(out)


def _stored_blocks(data: bytes) -> list[bytes]:
    blocks: list[bytes] = []
    for start in range(0, len(data), 0xFFFF):
        piece = data[start : start + 0xFFFF]
        blocks += (struct.pack("<BHH", 0, len(piece), len(piece) ^ 0xFFFF), piece)
    return blocks


# --- reading ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def _end_of_directory(data: bytes) -> int:
    """Return where the closing record stands: the last one whose comment ends with the file."""
    place = len(data)
    lowest = max(0, len(data) - _END.size - 0xFFFF)
    while (place := data.rfind(b"PK\x05\x06", lowest, place)) >= 0:
        if place + _END.size <= len(data):
            comment = _END.unpack_from(data, place)[-1]
            if place + _END.size + comment == len(data):
                return place
    raise PackageRefused("not_docx", "no zip, or cut off")


def _directory(data: bytes, limits: Limits) -> list[_Entry]:
    end = _end_of_directory(data)
    _, disk, first_disk, here, count, size, offset, _ = _END.unpack_from(data, end)
    if disk or first_disk or here != count or offset + size > end:
        raise PackageRefused("not_docx", "a directory that does not fit the file")
    if count > limits.members:
        raise PackageRefused("too_large", f"more than {limits.members} members")
    entries: list[_Entry] = []
    place, stop = offset, offset + size
    while place < stop:
        if place + _CENTRAL.size > stop or not data.startswith(b"PK\x01\x02", place):
            raise PackageRefused("not_docx", "a directory that cannot be read")
        entry, place = _entry(data, place, stop)
        entries.append(entry)
        if len(entries) > limits.members:
            raise PackageRefused("too_large", f"more than {limits.members} members")
    if len(entries) != count:
        raise PackageRefused("not_docx", "a directory of another length than it says")
    return entries


def _entry(data: bytes, place: int, stop: int) -> tuple[_Entry, int]:
    """Return the entry at `place` and where the next one starts."""
    fields = _CENTRAL.unpack_from(data, place)
    flags, method, crc, packed, size, of_name, of_extra, of_comment = (
        fields[3],
        fields[4],
        *fields[7:10],
        *fields[10:13],
    )
    offset = fields[16]
    start = place + _CENTRAL.size
    after = start + of_name + of_extra + of_comment
    if after > stop:
        raise PackageRefused("not_docx", "a directory that is cut off")
    raw_name = data[start : start + of_name]
    try:
        name = raw_name.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise PackageRefused("bad_member_name", repr(raw_name)) from error
    extra = data[start + of_name : start + of_name + of_extra]
    size, packed, offset = _large(extra, (size, packed, offset))
    return _Entry(name, raw_name, flags, method, crc, packed, size, offset), after


def _large(extra: bytes, numbers: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the numbers; those that need 64 bits come from the extra field (some writers always use it)."""
    found = list(numbers)
    place = 0
    while place + 4 <= len(extra) and _WITHIN_4_GB in found:
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == 1:
            wide = extra[place + 4 : place + 4 + length]
            for n, number in enumerate(found):
                if number == _WITHIN_4_GB and len(wide) >= 8:
                    found[n], wide = int.from_bytes(wide[:8], "little"), wide[8:]
        place += 4 + length
    return found[0], found[1], found[2]


def _data_start(data: bytes, entry: _Entry) -> int:
    if entry.offset + _LOCAL.size > len(data) or not data.startswith(b"PK\x03\x04", entry.offset):
        raise PackageRefused("not_docx", f"{entry.name} is not where the directory says")
    of_name, of_extra = _LOCAL.unpack_from(data, entry.offset)[-2:]
    start = entry.offset + _LOCAL.size
    if data[start : start + of_name] != entry.raw_name:
        raise PackageRefused("not_docx", f"{entry.name} has another name in its own header")
    return int(start + of_name + of_extra)


def _inflate(member: Member, take: Callable[[bytes], None]) -> None:
    """Hand the data of a member on in small pieces."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    rest = member.raw
    try:
        while not stream.eof:
            piece = stream.decompress(rest, _CHUNK)
            take(piece)
            rest = stream.unconsumed_tail
            if not piece and not rest and not stream.eof:
                raise PackageRefused("not_docx", f"{member.name} is cut off")
    except zlib.error as error:
        raise PackageRefused("not_docx", f"{member.name}: {error}") from error
    if stream.unused_data:
        raise PackageRefused("not_docx", f"{member.name} has something behind its end")
