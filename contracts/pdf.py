"""Word to PDF by LibreOffice, where it is installed. Standard library only; usable alone:

    with Converter() as converter:
        answers = converter.convert([document, another])

Starting LibreOffice costs a second and more, a document a fifth of that: so one start converts
many documents, and the profile, whose first use costs as much again, is kept as long as the
converter. A document that spoils its batch does not spoil the others: what a batch left without
an answer is tried once more, each document alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

START_S = 30.0
"""What a start may take, with a profile that is new and a machine that is busy."""

DOCUMENT_S = 15.0
"""What a document may take beyond that: 500 clauses take three."""

LARGEST_BATCH = 20
"""More in one start gain nothing: the start is a small part of it by then."""


class Failure(StrEnum):
    """Why there is no PDF."""

    NOT_INSTALLED = "not_installed"
    TOOK_TOO_LONG = "took_too_long"
    NOT_CONVERTED = "not_converted"


class PdfError(Exception):
    """A document that did not become a PDF, and why; `details` is what LibreOffice said."""

    def __init__(self, failure: Failure, details: str = "") -> None:
        super().__init__(f"{failure}: {details}" if details else str(failure))
        self.failure = failure
        self.details = details


def program() -> Path | None:
    """Return LibreOffice's program, or None where it is not installed."""
    found = shutil.which("soffice") or shutil.which("libreoffice")
    return Path(found) if found else None


class Converter:
    """LibreOffice with a private profile: one for each process, closed when it is no longer needed.

    It may be used from several threads; one batch runs at a time, since a profile belongs to one
    LibreOffice.
    """

    def __init__(self, *, start_s: float = START_S, document_s: float = DOCUMENT_S) -> None:
        self._start_s = start_s
        self._document_s = document_s
        self._home: Path | None = None
        self._turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the profile; the converter can be used again, with a new one."""
        with self._turn:
            if self._home is not None:
                shutil.rmtree(self._home, ignore_errors=True)
                self._home = None

    def convert(self, documents: Sequence[bytes]) -> list[bytes | PdfError]:
        """Return the PDF of each Word document, or why there is none, in their order.

        Raises nothing for a document. OSError where the temporary files cannot be written.
        """
        if program() is None:
            return [PdfError(Failure.NOT_INSTALLED) for _ in documents]
        answers: list[bytes | PdfError] = []
        with self._turn:
            for start in range(0, len(documents), LARGEST_BATCH):
                answers += self._batch(documents[start : start + LARGEST_BATCH])
        return answers

    def _batch(self, documents: Sequence[bytes]) -> list[bytes | PdfError]:
        answers = self._run(documents)
        if len(documents) > 1:
            for place, answer in enumerate(answers):
                if isinstance(answer, PdfError):
                    answers[place] = self._run([documents[place]])[0]
        return answers

    def _run(self, documents: Sequence[bytes]) -> list[bytes | PdfError]:
        """Start LibreOffice once for these documents."""
        if self._home is None:
            self._home = Path(tempfile.mkdtemp(prefix="pdf-"))
        with tempfile.TemporaryDirectory(dir=self._home) as name:
            desk = Path(name)
            for place, document in enumerate(documents):
                (desk / f"{place}.docx").write_bytes(document)
            failure, said = self._office(desk, len(documents))
            return [_answer(desk / "pdf" / f"{place}.pdf", failure, said) for place in range(len(documents))]

    def _office(self, desk: Path, count: int) -> tuple[Failure, str]:
        """Run the program; return what it means if a document has no PDF now, and what it said."""
        home, office = self._home, program()
        assert home is not None
        assert office is not None
        argv = [str(office), f"-env:UserInstallation={(home / 'profile').as_uri()}"]
        argv += ["--headless", "--norestore", "--nologo", "--nolockcheck"]
        # Named, since it guesses otherwise, and prints whatever it takes for text.
        argv += ["--infilter=MS Word 2007 XML"]
        argv += ["--convert-to", "pdf:writer_pdf_Export", "--outdir", str(desk / "pdf")]
        argv += [str(desk / f"{place}.docx") for place in range(count)]
        # What it says goes into a file: a pipe would be held open by a child that outlives it.
        with (desk / "said").open("w+b") as said:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=desk,
                env=os.environ | {"HOME": str(home)},
            )
            failure = Failure.NOT_CONVERTED
            try:
                process.wait(self._start_s + self._document_s * count)
            except subprocess.TimeoutExpired:
                failure = Failure.TOOK_TOO_LONG
            finally:
                # The program is a script; what works, and may hang, is its child.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            said.seek(0)
            return failure, said.read(4096).decode(errors="replace").strip()


def _answer(path: Path, failure: Failure, said: str) -> bytes | PdfError:
    """Return a PDF if it is there and whole: one that was cut off by a kill has no end mark."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return PdfError(failure, said)
    if data.startswith(b"%PDF-") and b"%%EOF" in data[-1024:]:
        return data
    return PdfError(failure, said)


__all__ = ["Converter", "Failure", "PdfError", "program"]
