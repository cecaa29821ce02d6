"""Messages on the disk, in order, while the database cannot take them.

Segments of lines, each with a checksum. What `append` has returned from is on the disk and comes out
of `peek` until `drop`; a line that was cut off by a crash was never acknowledged and is passed over.
"""

from __future__ import annotations

import base64
import fcntl
import json
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from energy.mqtt.payloads import Message

log = logging.getLogger("energy.mqtt")

LIMIT_BYTES = 256 * 1024 * 1024
SEGMENT_BYTES = 512 * 1024
"""A segment is taken into the database as a whole."""


class SpoolFull(OSError):
    """There is no room, on the disk or within the limit: nothing may be acknowledged."""


class SpoolTaken(RuntimeError):
    """Another process has this spool."""


class Chunk(NamedTuple):
    """The oldest messages, and the segment that they came from."""

    messages: list[Message]
    segment: Path


class Spool:
    """The spool of one directory; one process at a time."""

    def __init__(
        self, directory: Path, *, limit_bytes: int = LIMIT_BYTES, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._limit, self._segment_bytes = limit_bytes, segment_bytes
        self._lock = (directory / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SpoolTaken(str(directory)) from None
        self._file: FileIO | None = None
        self._segments = sorted(directory.glob("*.jsonl"))
        self._bytes = sum(path.stat().st_size for path in self._segments)
        self._next = int(self._segments[-1].stem) + 1 if self._segments else 1

    @property
    def is_empty(self) -> bool:
        return not self._segments

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def close(self) -> None:
        self._end_segment()
        self._lock.close()

    def append(self, messages: Sequence[Message]) -> None:
        """Put messages on the disk; on return they survive a crash of the machine.

        Raises
        ------
        SpoolFull
            None of them is kept.
        """
        lines = b"".join(line_of(message) for message in messages)
        if self._bytes + len(lines) > self._limit:
            raise SpoolFull(f"spool of {self._limit} bytes is full")
        try:
            file = self._open()
            begin = file.tell()
            _write(file, lines)
            os.fsync(file.fileno())
        except OSError as error:
            self._give_up_segment()
            raise SpoolFull(str(error)) from error
        self._bytes += len(lines)
        if begin + len(lines) >= self._segment_bytes:
            self._end_segment()

    def peek(self) -> Chunk | None:
        """Return the oldest messages; the same again until they are dropped."""
        if not self._segments:
            return None
        segment = self._segments[0]
        if len(self._segments) == 1:
            self._end_segment()  # what comes meanwhile begins another
        return Chunk(list(_read(segment)), segment)

    def drop(self, chunk: Chunk) -> None:
        """Forget messages that are in the database."""
        self._bytes -= chunk.segment.stat().st_size
        chunk.segment.unlink()
        self._segments.remove(chunk.segment)
        self._sync_directory()

    # --- segments ---------------------------------------------------------------------------------

    def _open(self) -> FileIO:
        if self._file is None:
            path = self._directory / f"{self._next:012d}.jsonl"
            self._file = path.open("xb", buffering=0)
            self._next += 1
            self._segments.append(path)
            self._sync_directory()
        return self._file

    def _end_segment(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up_segment(self) -> None:
        """Take back what a failed write left, and go on in a new segment; what stays is cut off or whole.

        A message that stays whole though it was not acknowledged comes again: taking it twice is harmless.
        """
        if self._file is None:
            return
        self._end_segment()
        path = self._segments[-1]
        before = sum(one.stat().st_size for one in self._segments[:-1])
        kept = self._bytes - before
        try:
            os.truncate(path, kept)
            if not kept:
                path.unlink()
                self._segments.remove(path)
        except OSError:
            log.warning("spool: the end of %s stays after a failed write", path.name)
        self._bytes = sum(one.stat().st_size for one in self._segments)

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- lines ------------------------------------------------------------------------------------


def line_of(message: Message) -> bytes:
    """Return a message as a line with its checksum."""
    payload = base64.b64encode(message.payload).decode("ascii")
    body = json.dumps([message.topic, message.arrived.isoformat(), payload]).encode("ascii")
    return b"%08x %b\n" % (zlib.crc32(body), body)


def message_of(line: bytes) -> Message | None:
    """Return the message of a line; None if the line is damaged."""
    checksum, _space, body = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
        return None
    topic, arrived, payload = json.loads(body)
    return Message(topic, base64.b64decode(payload), datetime.fromisoformat(arrived))


def _read(segment: Path) -> Iterator[Message]:
    with segment.open("rb") as file:
        for number, line in enumerate(file, 1):
            message = message_of(line)
            if message is None:
                log.warning("spool: line %d of %s is damaged and passed over", number, segment.name)
                continue
            yield message


def _write(file: FileIO, data: bytes) -> None:
    """Write all of it, however little the disk takes at a time."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
