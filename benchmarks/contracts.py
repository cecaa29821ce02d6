#!/usr/bin/env python3
"""Filling a contract: ours beside docxtpl, python-docx by hand and the zip library alone, in one run.

The template is the two-page contract of tests/data/contracts: 24 fields used 34 times, a table row for ten
items, header, footer, logo, 20 members. Peers get the same template in their own syntax. Before anything is
timed, every output must have the same text. All contenders take turns; the median of the rounds counts.

    python benchmarks/contracts.py [--rounds 5] [--quick]
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import json
import platform
import re
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import docx as python_docx
import docxtpl

from contracts.docx import Fields, compile_template
from tests.docx_files import docx, paragraph, row, table
from tests.oracles import docx_text

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "contracts"
TEMPLATE = (DATA / "01_clean_contract.docx").read_bytes()
CASE = json.loads((DATA / "cases.json").read_text(encoding="utf-8"))["cases"][0]
VALUES: dict[str, Any] = CASE["fields"]
FIELDS = Fields.of_values(VALUES)
NAMES = sorted((name for name in VALUES if name != "明细"), key=len, reverse=True)
COLUMNS = sorted(VALUES["明细"][0], key=len, reverse=True)
QUOTED_BATCH, QUOTED_A_SECOND = 200, 1490
"""A speed that is often quoted for filling contracts, without template, machine or checks."""
Contender = Callable[[dict[str, Any]], bytes]


def rewritten(change: Callable[[str, str], str]) -> bytes:
    """Return the template with the text of its parts changed."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(TEMPLATE)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            data = old.read(name)
            if re.fullmatch(r"word/(document|header1|footer1)\.xml", name):
                data = change(name, data.decode()).encode()
            new.writestr(name, data)
    return stream.getvalue()


def without_braces(_: str, text: str) -> str:
    return re.sub(r"\$\{([\w.]+)\}", r"$\1", text)


def in_jinja(name: str, text: str) -> str:
    """Return a part in docxtpl's syntax: fields in double braces, the row between two rows with its loop."""

    def cells(found: re.Match[str]) -> str:
        whole = re.sub(r"\$明细\.(\w+)", r"{{ row.\1 }}", found[0])
        if whole == found[0]:
            return whole
        start, end = (
            f"<w:tr><w:tc><w:p><w:r><w:t>{{%tr {word} %}}</w:t></w:r></w:p></w:tc></w:tr>"
            for word in ("for row in 明细", "endfor")
        )
        return start + whole + end

    text = re.sub(r"<w:tr>.*?</w:tr>", cells, without_braces(name, text), flags=re.DOTALL)
    return re.sub("|".join(rf"\${name}" for name in NAMES), lambda found: f"{{{{ {found[0][1:]} }}}}", text)


def with_docxtpl() -> Contender:
    source = rewritten(in_jinja)

    def fill(values: dict[str, Any]) -> bytes:
        document = docxtpl.DocxTemplate(io.BytesIO(source))
        document.render(values, autoescape=True)
        stream = io.BytesIO()
        document.save(stream)
        return stream.getvalue()

    return fill


def with_python_docx() -> Contender:
    """Replace in every text element, as is usually done by hand; a placeholder over two runs would stay."""
    source = rewritten(without_braces)

    def replace(paragraph: Any, values: dict[str, Any], names: list[str], placeholder: str) -> None:
        for piece in paragraph._p.iter("{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"):
            if "$" in (piece.text or ""):
                for name in names:
                    piece.text = piece.text.replace(placeholder.format(name), str(values[name]))

    def fill(values: dict[str, Any]) -> bytes:
        document = python_docx.Document(io.BytesIO(source))
        for one in document.tables:
            for line in list(one.rows):
                if "$明细." in "".join(cell.text for cell in line.cells):
                    for item in values["明细"]:
                        twin = copy.deepcopy(line._tr)
                        line._tr.addprevious(twin)
                        for cell in python_docx.table._Row(twin, one).cells:
                            for paragraph in cell.paragraphs:
                                replace(paragraph, item, COLUMNS, "$明细.{}")
                    line._tr.getparent().remove(line._tr)
        section = document.sections[0]
        cells = [cell for one in document.tables for line in one.rows for cell in line.cells]
        for holder in (document, section.header, section.footer, *cells):
            for paragraph in holder.paragraphs:
                replace(paragraph, values, NAMES, "${}")
        stream = io.BytesIO()
        document.save(stream)
        return stream.getvalue()

    return fill


def with_zipfile_alone(_: dict[str, Any]) -> bytes:
    """Read every member and write it again, filling nothing."""
    return rewritten(lambda _, text: text)


def ours(*, bulk: bool = False, level: int = 6) -> Contender:
    template = compile_template(TEMPLATE, FIELDS, bulk=bulk, level=level)
    return template.fill


def ours_compiling_each_time(values: dict[str, Any]) -> bytes:
    return compile_template(TEMPLATE, FIELDS).fill(values)


def seconds_each(fill: Contender, values: dict[str, Any], least: float) -> float:
    """Return the processor seconds of one document, over at least `least` seconds of work."""
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < least:
        fill(values)
        count += 1
    return spent / count


def side_by_side(rounds: int, least: float) -> None:
    contenders: dict[str, Contender] = {
        "python-docx by hand": with_python_docx(),
        "docxtpl": with_docxtpl(),
        "ours, compiling every time": ours_compiling_each_time,
        "zipfile: unzip and zip, no filling": with_zipfile_alone,
        "ours": ours(),
        "ours, deflate 1": ours(level=1),
        "ours, bulk": ours(bulk=True),
    }
    expected = {name: CASE["expected"][name] for name in ("document", "header1", "footer1")}
    for name, fill in contenders.items():
        if fill is not with_zipfile_alone:
            found = docx_text.read(fill(VALUES))
            assert {part: found[part] for part in expected} == expected, f"{name}: another text"
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, fill in contenders.items():
            times[name].append(seconds_each(fill, VALUES, least))
    middle = {name: median(found) for name, found in times.items()}
    print("| engine | documents/s | ms | times docxtpl | times the zip library | bytes |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, each in middle.items():
        size = len(contenders[name](VALUES))
        to_docxtpl = middle["docxtpl"] / each
        to_zip = middle["zipfile: unzip and zip, no filling"] / each
        print(f"| {name} | {1 / each:,.0f} | {each * 1e3:.3f} | {to_docxtpl:.1f} | {to_zip:.1f} | {size:,} |")


def by_batch(rounds: int, largest: int) -> None:
    fill = ours()
    ours_a_second = 0.0
    print("\n| batch | ms per document |\n| ---: | ---: |")
    for count in (size for size in (1, 10, 50, 200, 500, 1000, 2000) if size <= largest):
        found = []
        for _ in range(rounds):
            start = time.process_time()
            for number in range(count):
                fill(VALUES | {"合同编号": f"HT-{number}"})
            found.append((time.process_time() - start) / count)
        print(f"| {count:,} | {median(found) * 1e3:.3f} |")
        if count == QUOTED_BATCH:
            ours_a_second = 1 / median(found)
    if largest >= QUOTED_BATCH:
        print(
            f"\nQuoted elsewhere without conditions: {QUOTED_A_SECOND:,}/s in batches of {QUOTED_BATCH}. "
            f"Ours at that size, this template, one core: {ours_a_second:,.0f}/s"
        )


def by_threads(documents: int) -> None:
    """Fill from eight threads at once: every document must be, byte for byte, what one thread makes."""
    fill = ours()
    values = [VALUES | {"合同编号": f"HT-{number}"} for number in range(documents)]
    expected = [hashlib.sha256(fill(one)).digest() for one in values]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: hashlib.sha256(fill(one)).digest(), values))
    assert found == expected, "other bytes from eight threads"
    print(f"\n{documents:,} documents from 8 threads: the same bytes as from one")


def large(rounds: int) -> None:
    """A contract of 500 clauses, and one of 3,000 different fields."""
    clause = (
        "第{}条 ${{甲方}}与${{乙方}}约定，货款${{合同总额}}元由${{付款方式}}支付，"
        + "双方另有约定的除外。" * 12
    )
    clauses = docx(
        "".join(paragraph(clause.format(n)) for n in range(1, 501)) + table(row(paragraph("$明细.名称")))
    )
    wide = docx("".join(paragraph(f"字段 $f{n}。") for n in range(3000)))
    work = {
        "500 clauses, 2,000 fields used": (
            clauses,
            dict.fromkeys(("甲方", "乙方", "合同总额", "付款方式"), "值") | {"明细": VALUES["明细"]},
        ),
        "3,000 different fields": (wide, {f"f{n}": str(n) for n in range(3000)}),
    }
    print("\n| document | compile ms | fill ms | fill ms, bulk |\n| --- | ---: | ---: | ---: |")
    for name, (data, values) in work.items():
        fields = Fields.of_values(values)
        row_of_times = [
            median(seconds_each(run, values, 0.05) for _ in range(rounds))
            for run in (
                lambda _, data=data, fields=fields: compile_template(data, fields),
                compile_template(data, fields).fill,
                compile_template(data, fields, bulk=True).fill,
            )
        ]
        print(f"| {name} | " + " | ".join(f"{one * 1e3:.1f}" for one in row_of_times) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it works")
    given = parser.parse_args()
    rounds, least, largest = (1, 0.02, 50) if given.quick else (given.rounds, 0.5, 2000)
    print(f"Python {platform.python_version()}, docxtpl {docxtpl.__version__}, ", end="")
    print(f"python-docx {python_docx.__version__}; processor time of one core\n")
    side_by_side(rounds, least)
    by_batch(rounds, largest)
    by_threads(largest)
    large(rounds)


if __name__ == "__main__":
    main()
