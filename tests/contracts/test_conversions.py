"""PDFs where they are wanted: together, each with its own end, and a clear note without LibreOffice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from contracts import archive
from contracts.choices import PdfState
from contracts.models import ContractVersion
from contracts.pdf import Failure, PdfError
from contracts.services import conversions, generation
from spc_site.errors import AppError
from tests.contracts import building

pytestmark = pytest.mark.django_db
PDF = b"%PDF-1.7 %%EOF"


class Office:
    """Answers in LibreOffice's place; remembers its batches."""

    def __init__(self, *answers: bytes | PdfError) -> None:
        self.answers = list(answers)
        self.batches: list[int] = []

    def convert(self, documents: Sequence[bytes]) -> list[bytes | PdfError]:
        self.batches.append(len(documents))
        return [self.answers.pop(0) if self.answers else PDF for _ in documents]


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = Office()
    monkeypatch.setattr(conversions, "_converter", lambda: found)
    monkeypatch.setattr(conversions, "program", lambda: "soffice")
    return found


def made(count: int, *, wants_pdf: bool = True) -> list[ContractVersion]:
    building.active_version(building.template(wants_pdf=wants_pdf))
    return [generation.generate(building.granted()).versions.get() for _ in range(count)]


def test_documents_of_a_template_that_wants_it_are_converted_together(office: Office) -> None:
    rows = made(3)
    office.answers = [PDF, PdfError(Failure.NOT_CONVERTED), PDF]
    assert conversions.has_due()
    assert conversions.convert_due() == 3
    assert (office.batches, conversions.has_due()) == ([3], False)
    for row in rows:
        row.refresh_from_db()
    assert [row.pdf_state for row in rows] == [PdfState.DONE, PdfState.FAILED, PdfState.DONE]
    assert archive.fetch(rows[0].pdf_id or "") == PDF
    assert rows[1].pdf_note == "LibreOffice 未能转换此文件"
    assert conversions.want(rows[0].contract).pdf_state == PdfState.DONE
    conversions.want(rows[1].contract)
    assert conversions.convert_due() == 1
    rows[1].refresh_from_db()
    assert (rows[1].pdf_state, rows[1].pdf_note) == (PdfState.DONE, "")


def test_without_libreoffice_the_note_says_so(monkeypatch: pytest.MonkeyPatch, office: Office) -> None:
    (row,) = made(1)
    office.answers = [PdfError(Failure.NOT_INSTALLED)]
    conversions.convert_due()
    row.refresh_from_db()
    assert (row.pdf_state, row.pdf_note) == (PdfState.ABSENT, "这台服务器没有安装 LibreOffice")
    monkeypatch.setattr(conversions, "program", lambda: None)
    with pytest.raises(AppError) as refused:
        conversions.want(row.contract)
    assert refused.value.code == "no_converter"


def test_nothing_is_converted_that_nobody_wants(office: Office) -> None:
    made(1, wants_pdf=False)
    assert conversions.convert_due() == 0
    assert office.batches == []
