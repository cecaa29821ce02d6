"""`python -m contracts.docx`: exit status, what it says, and that nothing half-written stays behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contracts.docx.__main__ import main
from tests.docx_files import docx, paragraph
from tests.oracles import docx_text

ROOT = Path(__file__).parents[3]
DATA = ROOT / "tests" / "data" / "contracts"


def call(folder: Path, template: bytes, values: Any, *options: str) -> int:
    (folder / "t.docx").write_bytes(template)
    text = values if isinstance(values, str) else json.dumps(values)
    (folder / "v.json").write_text(text, encoding="utf-8")
    return main([str(folder / "t.docx"), str(folder / "v.json"), str(folder / "o.docx"), *options])


def test_a_document_is_written_with_numbers_as_they_stand(tmp_path: Path) -> None:
    body = paragraph("$a $b $c") + paragraph("$seal")
    shutil.copy(DATA / "seal.png", tmp_path)
    values = '{"a": 1.50, "b": 12345678901234567890, "c": "x", "seal": {"image": "seal.png", "width_mm": 30}}'
    assert call(tmp_path, docx(body), values) == 0
    data = (tmp_path / "o.docx").read_bytes()
    assert docx_text.read(data)["document"] == ["1.50 12345678901234567890 x"]
    assert b"media/filled-" in data


def test_every_missing_field_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "o.docx").write_bytes(b"old")
    assert call(tmp_path, docx(paragraph("$lost ${丢失} $a")), {"a": "1"}) == 1
    assert capsys.readouterr().err.splitlines() == ["missing_field: lost", "missing_field: 丢失"]
    assert (tmp_path / "o.docx").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.docx", "t.docx", "v.json"]


@pytest.mark.parametrize(("mode", "text"), [("keep", "[$lost]"), ("blank", "[]")])
def test_the_mode_says_what_becomes_of_a_missing_field(tmp_path: Path, mode: str, text: str) -> None:
    assert call(tmp_path, docx(paragraph("[$lost]")), {}, "--mode", mode) == 0
    assert docx_text.read((tmp_path / "o.docx").read_bytes())["document"] == [text]


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        ((DATA / "h02_attached_template.docx").read_bytes(), {}, "external_relation: "),
        ((DATA / "h09_encrypted.docx").read_bytes(), {}, "encrypted_or_old: "),
        (
            docx(paragraph("${}") + paragraph("${")),
            {},
            "bad_placeholder: 2\n  word/document.xml 1: ${} (empty",
        ),
        (docx(paragraph("$a")), {"a": True}, "bad_value: a: "),
        (docx(paragraph("$a")), {"a": "x" * 65537}, "too_large: a: "),
        (docx(paragraph("$a")), {"a": {"image": "../../x.png", "width_mm": 3}}, "bad_value: ../../x.png: "),
        (docx(paragraph("$a")), {"a": {"image": "none.png", "width_mm": 3}}, "bad_value: none.png: "),
        (docx(paragraph("$a")), {"a b": "1"}, "missing_field: a"),
        (docx(paragraph("$a")), [], "bad_value: v.json: "),
    ],
)
def test_a_refusal_says_its_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], template: bytes, values: Any, said: str
) -> None:
    assert call(tmp_path, template, values) == 1
    assert capsys.readouterr().err.startswith(said)
    assert not (tmp_path / "o.docx").exists()


@pytest.mark.parametrize("values", ["{", "\udcff", None])
def test_wrong_usage_is_told_apart(tmp_path: Path, values: str | None) -> None:
    (tmp_path / "t.docx").write_bytes(docx(paragraph("x")))
    if values is not None:
        (tmp_path / "v.json").write_bytes(values.encode("utf-8", "surrogateescape"))
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path / "t.docx"), str(tmp_path / "v.json"), str(tmp_path / "o.docx")])
    assert left.value.code == 2


def test_it_runs_as_a_module_without_anything_installed() -> None:
    argv = [sys.executable, "-S", "-m", "contracts.docx", "a", "b"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "OUT.docx" in done.stderr) == (2, True)
