"""The command "fill_template": what it writes, what it says, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.docx_files import docx, paragraph
from tests.oracles import docx_text

DATA = Path(__file__).parents[1] / "data" / "contracts"
TEMPLATE = docx(paragraph("甲方 ${甲方}，$amount 元"))


def fill(folder: Path, template: bytes, values: Any, *options: str) -> Path:
    (folder / "t.docx").write_bytes(template)
    (folder / "v.json").write_text(
        values if isinstance(values, str) else json.dumps(values), encoding="utf-8"
    )
    call_command("fill_template", *(str(folder / name) for name in ("t.docx", "v.json", "o.docx")), *options)
    return folder / "o.docx"


def test_a_template_is_filled(tmp_path: Path) -> None:
    out = fill(tmp_path, TEMPLATE, {"甲方": "示例", "amount": "1.50"})
    assert docx_text.read(out.read_bytes())["document"] == ["甲方 示例，1.50 元"]


def test_the_mode_decides_about_missing_fields(tmp_path: Path) -> None:
    assert docx_text.read(fill(tmp_path, TEMPLATE, {}, "--mode", "keep").read_bytes())["document"] == [
        "甲方 ${甲方}，$amount 元"
    ]


@pytest.mark.parametrize(
    ("template", "values", "code", "said"),
    [
        (TEMPLATE, {}, 1, ["missing_field: 甲方", "missing_field: amount"]),
        ((DATA / "h05_entity_bomb.docx").read_bytes(), {}, 1, ["dtd: "]),
        (TEMPLATE, "{", 2, ["v.json: "]),
    ],
)
def test_it_ends_with_one_for_a_refusal_and_two_for_wrong_usage(
    tmp_path: Path, template: bytes, values: Any, code: int, said: list[str]
) -> None:
    with pytest.raises(CommandError) as refused:
        fill(tmp_path, template, values)
    assert refused.value.returncode == code
    assert all(words in str(refused.value) for words in said)
    assert not (tmp_path / "o.docx").exists()


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("fill_template", "none.docx", str(tmp_path / "v.json"), str(tmp_path / "o.docx"))
    assert refused.value.returncode == 2
