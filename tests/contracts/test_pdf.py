"""Word to PDF: a batch in one start, a bad document spoils no other, nothing hangs."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.pdf import Converter, Failure, PdfError

CASES = Path(__file__).resolve().parent.parent / "data" / "contracts"
GOOD = (CASES / "01_clean_contract.docx").read_bytes()
TABLES = (CASES / "10_tables.docx").read_bytes()


def office(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program in LibreOffice's place."""
    path = folder / "soffice"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_documents_become_pdfs_in_their_order_and_a_bad_one_says_so(need: Callable[[str], None]) -> None:
    need("libreoffice")
    with Converter() as converter:
        first, bad, last = converter.convert([GOOD, b"no document", TABLES])
    assert isinstance(first, bytes)
    assert isinstance(last, bytes)
    assert first.startswith(b"%PDF-")
    assert last.startswith(b"%PDF-")
    assert first != last
    assert isinstance(bad, PdfError)
    assert bad.failure == Failure.NOT_CONVERTED


def test_without_the_program_every_document_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with Converter() as converter:
        (answer,) = converter.convert([GOOD])
    assert isinstance(answer, PdfError)
    assert answer.failure == Failure.NOT_INSTALLED


def test_what_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office(tmp_path, monkeypatch, f"(sleep 1; touch {tmp_path}/outlived) & sleep 60")
    began = time.monotonic()
    with Converter(start_s=0.2, document_s=0.1) as converter:
        (answer,) = converter.convert([GOOD])
    assert time.monotonic() - began < 10
    assert isinstance(answer, PdfError)
    assert answer.failure == Failure.TOOK_TOO_LONG
    time.sleep(1)
    assert not (tmp_path / "outlived").exists()


def test_half_a_file_is_no_pdf_and_what_was_said_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office(tmp_path, monkeypatch, "mkdir pdf; printf '%%PDF-1.6 cut' > pdf/0.pdf; echo disk is full")
    with Converter() as converter:
        (answer,) = converter.convert([GOOD])
    assert isinstance(answer, PdfError)
    assert (answer.failure, answer.details) == (Failure.NOT_CONVERTED, "disk is full")


def test_one_start_serves_a_batch_and_what_it_left_is_tried_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stops at the second document, as a crash does; alone, each is converted.
    office(
        tmp_path,
        monkeypatch,
        f"""echo >> {tmp_path}/starts; mkdir -p pdf
        for one in *.docx; do
          [ "$one" = 1.docx ] && exit 139
          printf '%%PDF-1.6 %%%%EOF' > "pdf/${{one%.docx}}.pdf"
        done""",
    )
    with Converter() as converter:
        answers = converter.convert([GOOD, GOOD, GOOD])
    assert [answer for answer in answers if not isinstance(answer, bytes)] == []
    assert (tmp_path / "starts").read_text() == "\n\n\n"  # the batch, then the second and the third


def test_closing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office(tmp_path, monkeypatch, "exit 0")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    with Converter() as converter:
        converter.convert([GOOD])
        assert list((tmp_path / "temporary").iterdir())
    assert list((tmp_path / "temporary").iterdir()) == []
