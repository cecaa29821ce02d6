from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

import quality.importing
from quality.importing.parsed import Problem
from quality.importing.wording import SENTENCES, line, place, sentence

ROOT = Path(quality.importing.__file__).parents[2]
SOURCES = [
    *(ROOT / "quality" / "importing").glob("*.py"),
    *(
        ROOT / "spc_site" / "lib" / name
        for name in ("sheets.py", "ooxml.py", "biff.py", "columns.py", "text.py")
    ),
    ROOT / "quality" / "services" / "imports.py",
]
RAISING = {"Problem", "CellFault", "WorkbookError", "NumberError", "_add"}


def _codes() -> set[str]:
    """Every code that is a literal first argument of what raises or notes a problem."""
    codes: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
                if name in RAISING and isinstance(node.args[0], ast.Constant):
                    codes.add(node.args[0].value)
    return codes


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_code_that_can_arise_has_its_sentence() -> None:
    codes = _codes()
    assert len(codes) > 30
    assert codes - set(SENTENCES) == set()


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_both_languages_say_the_same_and_end_like_sentences(code: str) -> None:
    chinese, english = SENTENCES[code]
    assert _fields(chinese) == _fields(english)
    assert chinese.endswith("。")
    assert re.search(r"[一-鿿]", chinese)
    assert english.endswith(".")
    assert not re.search(r"[一-鿿]", english)


def test_a_problem_names_its_place_and_what_to_do() -> None:
    problem = Problem("not_a_number", "报告1", 11, 5, "外径 #3", {"value": "abc"})
    assert line(problem) == "报告1!F12（外径 #3）：“abc”不是数值。请填写测量读数；没有测量的请留空。"
    assert line(problem, "en") == (
        "报告1!F12 (外径 #3): “abc” is not a number. Write the reading; leave it blank if not measured."
    )


def test_english_sentences_name_columns_in_english() -> None:
    problem = Problem("field_missing", "S1", 1, 1, "批号", {"name": "批号"})
    assert (
        line(problem, "en")
        == "S1!B2 (Lot No.): “Lot No.” is not filled in. Write it to the right of its label."
    )


def test_a_problem_of_a_whole_file_has_no_place() -> None:
    assert place(Problem("empty_file")) == ""
    assert line(Problem("empty_file")) == sentence(Problem("empty_file"))


def test_braces_in_a_file_do_not_disturb_the_sentence() -> None:
    assert "{0}" in sentence(Problem("not_a_number", params={"value": "{0}"}))
