"""The spool: what it has said yes to is on the disk, comes out in order, and once."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.mqtt.payloads import Message
from energy.mqtt.spool import Spool, SpoolFull, SpoolTaken, line_of, message_of

START = datetime(2026, 3, 10, 4, tzinfo=UTC)


def message(number: int, payload: bytes = b"1") -> Message:
    return Message(f"plant/E{number}", payload, START + timedelta(seconds=number, microseconds=7))


def drained(spool: Spool) -> list[Message]:
    found = []
    while (chunk := spool.peek()) is not None:
        assert spool.peek() == chunk
        found += chunk.messages
        spool.drop(chunk)
    assert spool.is_empty
    assert spool.size_bytes == 0
    return found


@settings(max_examples=40)
@given(topic=st.text(max_size=12), payload=st.binary(max_size=24))
def test_a_line_brings_back_its_message_and_no_part_of_it_does(topic: str, payload: bytes) -> None:
    one = Message(topic, payload, START)
    line = line_of(one)
    assert message_of(line) == one
    assert line.count(b"\n") == 1
    for end in range(len(line)):
        assert message_of(line[:end]) is None


_ACTS = st.lists(
    st.one_of(st.lists(st.binary(max_size=30), min_size=1, max_size=4), st.sampled_from(["drop", "crash"])),
    max_size=12,
)


@settings(max_examples=40)
@given(acts=_ACTS, torn=st.integers(0, 200))
def test_whatever_happens_the_kept_messages_come_out_in_order(acts: list[Any], torn: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        spool = Spool(directory, segment_bytes=300)
        kept: list[Message] = []
        number = 0
        for act in acts:
            if act == "drop":
                chunk = spool.peek()
                assert (chunk is None) == (not kept)
                if chunk is not None:
                    assert chunk.messages == kept[: len(chunk.messages)]
                    del kept[: len(chunk.messages)]
                    spool.drop(chunk)
            elif act == "crash":  # in the middle of the next line
                spool.close()
                segments = sorted(directory.glob("*.jsonl"))
                if segments:
                    with segments[-1].open("ab") as file:
                        file.write(line_of(message(0))[:-1][:torn])
                spool = Spool(directory, segment_bytes=300)
            else:
                given = [message(number := number + 1, payload) for payload in act]
                spool.append(given)
                kept += given
        assert drained(spool) == kept
        spool.close()


def test_what_is_full_says_so_and_keeps_what_it_had(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path, limit_bytes=250)) as spool:
        spool.append([message(1)])
        with pytest.raises(SpoolFull):
            spool.append([message(2), message(3), message(4)])
        spool.append([message(5)])
        assert drained(spool) == [message(1), message(5)]
        spool.append([message(6)])
        assert drained(spool) == [message(6)]


def test_a_full_disk_takes_nothing_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with contextlib.closing(Spool(tmp_path)) as spool:
        for number in (1, 3):
            with monkeypatch.context() as disk:
                disk.setattr(os, "fsync", no_space)
                with pytest.raises(SpoolFull, match="No space"):
                    spool.append([message(0)])
            spool.append([message(number)])
        assert drained(spool) == [message(1), message(3)]


def test_every_append_is_synced_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    with contextlib.closing(Spool(tmp_path)) as spool:
        spool.append([message(1)])
    assert synced[-1] == len(line_of(message(1)))


def test_a_spool_belongs_to_one_process(tmp_path: Path) -> None:
    with contextlib.closing(Spool(tmp_path)), pytest.raises(SpoolTaken):
        Spool(tmp_path)
    Spool(tmp_path).close()
