"""The examples of the reference: their text, their refusals, and that other readers open what we write."""

from __future__ import annotations

import hashlib
import io
import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docx
import pytest

from contracts.docx import Fields, MissingField, PackageRefused, check_package, compile_template
from tests.oracles import docx_text

DATA = Path(__file__).parents[2] / "data" / "contracts"
SET = json.loads((DATA / "cases.json").read_text(encoding="utf-8"))
FILLED = [case for case in SET["cases"] if "error" not in case["expected"]]
# python-docx leaves out inserted text and LibreOffice writes out deleted text; neither is what is printed.
FOR_OTHERS = [case for case in FILLED if case["case"] != "23_tracked_changes"]


def template(case: dict[str, Any]) -> bytes:
    data = (DATA / case["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == case["sha256"]
    return data


def values(case: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value | {"image": (DATA / value["image"]).read_bytes()} if isinstance(value, dict) else value
        for name, value in case["fields"].items()
    }


def filled(case: dict[str, Any], *, bulk: bool = False) -> bytes:
    given = values(case)
    return compile_template(template(case), Fields.of_values(given), bulk=bulk).fill(given, case["mode"])


def named(case: dict[str, Any]) -> str:
    return str(case["case"])


@pytest.mark.parametrize("bulk", [False, True], ids=["deflated", "bulk"])
@pytest.mark.parametrize("case", FILLED, ids=named)
def test_the_text_is_the_expected_one(case: dict[str, Any], bulk: bool) -> None:
    texts = docx_text.read(filled(case, bulk=bulk))
    for part, expected in case["expected"].items():
        if part.endswith("*"):
            found = sorted(text for name in texts if name.startswith(part[:-2]) for text in texts[name])
            assert found == sorted(expected)
        else:
            assert texts[part] == expected


def test_the_missing_fields_are_all_named() -> None:
    (case,) = (case for case in SET["cases"] if "error" in case["expected"])
    with pytest.raises(MissingField) as stopped:
        filled(case)
    assert list(stopped.value.names) == case["expected"]["error"]["names"]
    assert stopped.value.code == case["expected"]["error"]["code"]


def test_a_picture_value_is_drawn_twice_from_one_file() -> None:
    (case,) = (case for case in SET["cases"] if "images" in case)
    data = filled(case)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        main = archive.read("word/document.xml").decode()
        media = [name for name in archive.namelist() if "/media/" in name]
        assert len(re.findall("<w:drawing>", main)) == case["images"]["document_drawings"]
        assert len(media) == case["images"]["media_new"]
        assert archive.read(media[0]) == (DATA / "seal.png").read_bytes()
        assert 'Extension="png"' in archive.read("[Content_Types].xml").decode()


@pytest.mark.parametrize("case", SET["hostile"], ids=named)
def test_a_hostile_file_is_refused_with_its_code(case: dict[str, Any]) -> None:
    with pytest.raises(PackageRefused) as refused:
        check_package(template(case))
    assert refused.value.code == case["code"]


@pytest.mark.parametrize("case", FILLED, ids=named)
def test_untouched_members_keep_their_compressed_bytes(case: dict[str, Any]) -> None:
    def stored(data: bytes) -> dict[str, tuple[int, bytes]]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = archive.infolist()
        starts = {
            one.filename: one.header_offset
            + 30
            + sum(data[one.header_offset + at] + 256 * data[one.header_offset + at + 1] for at in (26, 28))
            for one in infos
        }
        return {
            one.filename: (
                one.CRC,
                data[starts[one.filename] : starts[one.filename] + one.compress_size],
            )
            for one in infos
        }

    before, after = stored(template(case)), stored(filled(case))
    changed = {name for name in before if before[name] != after[name]}
    may = r"word/(document|header\d|footer\d)\.xml"
    if "images" in case:
        may += r"|\[Content_Types\]\.xml|word/_rels/document\.xml\.rels"
    assert changed
    assert {name for name in changed if not re.fullmatch(may, name)} == set()
    assert before.keys() <= after.keys()


@pytest.mark.parametrize("case", FOR_OTHERS, ids=named)
def test_python_docx_reads_the_same_paragraphs(case: dict[str, Any]) -> None:
    found = docx.Document(io.BytesIO(filled(case)))
    cells = [cell for table in found.tables for row in table.rows for cell in row.cells]
    texts = [one.text for holder in (found, *cells) for one in holder.paragraphs if one.text]
    expected = set(case["expected"]["document"])
    assert set(texts) <= expected
    assert len(set(texts)) >= len(expected) - 2  # it does not look into the nested table


@pytest.mark.parametrize("bulk", [False, True], ids=["deflated", "bulk"])
def test_libreoffice_reads_the_same_text(tmp_path: Path, need: Callable[[str], None], bulk: bool) -> None:
    need("libreoffice")
    for case in FOR_OTHERS:
        (tmp_path / f"{case['case']}.docx").write_bytes(filled(case, bulk=bulk))
    argv = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless"]
    argv += ["--convert-to", "txt:Text (encoded):UTF8", "--outdir", str(tmp_path)]
    argv += [str(path) for path in sorted(tmp_path.glob("*.docx"))]
    subprocess.run(argv, check=True, capture_output=True, timeout=240)
    for case in FOR_OTHERS:
        text = (tmp_path / f"{case['case']}.txt").read_text(encoding="utf-8-sig")
        have = re.sub(r"\s", "", text)
        missing = [one for one in case["expected"]["document"] if re.sub(r"\s", "", one) not in have]
        assert missing == [], case["case"]
