"""Make the example workbooks of this folder: published measurements on realistic forms.

The numbers come from the cases in `quality/spc/cases`, each of which names its source; companies,
parts and specifications around them are made up. Run from the project's root:

    python -m examples.make_examples
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from quality.importing.form import Form, FormRow, Value, draw_form

FOLDER = Path(__file__).resolve().parent
CASES = FOLDER.parent / "quality" / "spc" / "cases"
_MADE = datetime(2024, 1, 15, 8, 0)  # noqa: DTZ001  a fixed stamp: the same input makes the same file
_FORMULA_CELL = re.compile(rb'<c r="([A-Z]+\d+)"([^>]*)><f>(.*?)</f><v ?(?:/>|></v>)</c>', re.DOTALL)

SUPPLIER = "宁波精环活塞环有限公司"
CUSTOMER = "华东动力总成有限公司"


@dataclass(frozen=True, slots=True)
class Example:
    """One workbook: file name and, by name of the sheet, the reports in it."""

    file_name: str
    sheets: dict[str, Form]


def _case(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))["data"]
    return data


def _flat(subgroups: Sequence[Sequence[float]]) -> list[float]:
    return [value for subgroup in subgroups for value in subgroup]


def examples() -> Iterator[Example]:
    """Yield every example. What is abnormal in it, and why, stands beside the row."""
    rings = _case("pistonrings_xbar_r_phase1_phase2")
    first, second = _flat(rings["subgroups_phase1"]), _flat(rings["subgroups_phase2"])
    coating = _case("anderson_darling_diameter")["x"]
    hardness = _case("nist_ewma")["x"]
    pits = _case("nist_wafer_defects_c")["defects"]
    gauge_study = _case("grr_crossed_module_example")["y"]
    viscosity = _case("viscosity_imr_phase1_phase2")
    ring = {"part_name": "活塞环", "part_number": "PR-74-001", "drawing": "PR-74-D01 / B", "unit": "mm"}

    yield Example(
        "iqc_piston_rings_supplier.xlsx",
        {
            "出货检验报告": Form(
                "IQC",
                ring
                | {
                    "supplier": SUPPLIER,
                    "lot": "L240115A",
                    "report_no": "JH-Q-24011501",
                    "quantity": 3000,
                    "sample_size": 32,
                    "inspected_on": date(2024, 1, 15),
                    "inspector": "陈国栋",
                },
                [
                    _row(1, "★内径 D1", "74.000±0.050", 74.05, 73.95, "内径千分尺", first[:32]),
                    # below the only limit
                    _row(2, "内径 D2", "≥73.990", None, 73.99, "内径千分尺", first[32:64]),
                    # every value inside, CPK too low
                    _row(3, "镀铬层厚度", "7.0±6.0 μm", 13, 1, "涂层测厚仪", coating[:32]),
                    # 53.6 is above; 53 and 47 are on a limit, which is inside
                    _row(4, "硬度", "47.0~53.0 HRC", 53, 47, "洛氏硬度计", hardness),
                    # above the only limit
                    _row(5, "表面麻点数", "≤30 个", 30, None, "显微镜", pits),
                    _row(6, "高度偏差", "-5.0±15.0 μm", 10, -20, "测高仪", gauge_study[:30]),
                    _row(7, "外观", "无毛刺、无裂纹", None, None, "目视", ["OK"] * 12 + ["NG"] + ["OK"] * 19),
                ],
                remark="内径在 20±1 ℃ 下测量。",
            )
        },
    )
    yield Example(
        "iqc_piston_rings_self.xlsx",
        {
            "来料检验": Form(
                "IQC",
                ring
                | {
                    "supplier": SUPPLIER,
                    "lot": "L240115A",
                    "report_no": "IQC-240116-03",
                    "quantity": 3000,
                    "sample_size": 32,
                    "inspected_on": date(2024, 1, 16),
                    "inspector": "王芳",
                },
                [
                    _row(1, "★内径 D1", "74.000±0.050", 74.05, 73.95, "气动量仪", first[64:96]),
                    _row(2, "内径 D2", "≥73.990", None, 73.99, "气动量仪", first[93:125]),
                    _row(3, "镀铬层厚度", "7.0±6.0 μm", 13, 1, "涂层测厚仪", coating[32:64]),
                    _row(4, "高度偏差", "-5.0±15.0 μm", 10, -20, "测高仪", gauge_study[30:60]),
                    _row(5, "外观", "无毛刺、无裂纹", None, None, "目视", ["OK"] * 32),
                ],
                remark="与供应商报告 JH-Q-24011501 为同一批，抽样不同。",
            )
        },
    )
    yield Example(
        "iqc_piston_rings_125.xlsx",
        {
            "过程能力": Form(
                "IQC",
                ring
                | {
                    "supplier": SUPPLIER,
                    "lot": "L240108B",
                    "report_no": "JH-Q-24010802",
                    "quantity": 12000,
                    "sample_size": 125,
                    "inspected_on": date(2024, 1, 8),
                    "inspector": "陈国栋",
                    "subgroup_size": 5,
                },
                [
                    _row(1, "★内径 D1", "74.000±0.050", 74.05, 73.95, "内径千分尺", first),
                    # every value inside, CPK too low: the process has moved
                    _row(2, "★内径 D1（换刀后）", "74.000±0.050", 74.05, 73.95, "内径千分尺", second),
                ],
                samples=25,
                lines=5,
                remark="每小时抽 5 件为一组，共 25 组；换刀后 15 组。",
            )
        },
    )
    sealant = {
        "customer": CUSTOMER,
        "part_name": "平面密封胶",
        "part_number": "SL-598",
        "drawing": "TS-598 / 3",
    }
    yield Example(
        "oqc_sealant.xlsx",
        {
            "240118-1": Form(
                "OQC",
                sealant
                | {
                    "lot": "240118-1",
                    "report_no": "OQC-240118-1",
                    "quantity": "1200 支",
                    "sample_size": 20,
                    "inspected_on": date(2024, 1, 18),
                    "inspector": "李伟",
                },
                [
                    # inside and capable, but the 4th value is beyond the control limit
                    _row(1, "▲粘度", "34.0±3.0 Pa·s", 37, 31, "旋转粘度计", viscosity["x_phase1"]),
                    _row(2, "净含量", "50.0±10.0 g", 60, 40, "电子秤", hardness),
                    _row(3, "外观", "均匀、无气泡、无结皮", None, None, "目视", ["OK"] * 20),
                ],
                samples=20,
            ),
            "240118-2": Form(
                "OQC",
                sealant
                | {
                    "lot": "240118-2",
                    "report_no": "OQC-240118-2",
                    "quantity": "1200 支",
                    "sample_size": 15,
                    "inspected_on": date(2024, 1, 18),
                    "inspector": "李伟",
                },
                [
                    _row(1, "▲粘度", "34.0±3.0 Pa·s", 37, 31, "旋转粘度计", viscosity["x_phase2"]),
                    _row(2, "外观", "均匀、无气泡、无结皮", None, None, "目视", ["OK"] * 14 + ["NG"]),
                ],
                samples=20,
            ),
        },
    )


def _row(
    number: int,
    item: str,
    spec: str,
    usl: float | None,
    lsl: float | None,
    gauge: str,
    values: Sequence[float | str],
) -> FormRow:
    cells: dict[str, Value] = {
        "item_no": number,
        "item": item,
        "spec": spec,
        "usl": usl,
        "lsl": lsl,
        "gauge": gauge,
    }
    return FormRow(cells, list(values))


def build(example: Example) -> bytes:
    """Return the bytes of an example: the same on every run."""
    workbook = Workbook()
    assert workbook.active is not None
    workbook.remove(workbook.active)
    results: list[dict[str, str | float]] = []
    for name, form in example.sheets.items():
        sheet = workbook.create_sheet(name)
        assert isinstance(sheet, Worksheet)
        results.append(draw_form(sheet, form))
    workbook.properties.created = workbook.properties.modified = _MADE
    workbook.properties.creator = "quality-back-office"
    out = io.BytesIO()
    workbook.save(out)
    return with_results(out.getvalue(), results)


def with_results(data: bytes, results: Sequence[dict[str, str | float]]) -> bytes:
    """Store the results of formulas, sheet by sheet, as a spreadsheet program does on saving.

    openpyxl writes formulas without them, and then the file says nothing until Excel opened it.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for member in source.infolist():
            content = source.read(member)
            match = re.fullmatch(r"xl/worksheets/sheet(\d+)\.xml", member.filename)
            if match:
                content = _FORMULA_CELL.sub(partial(_with_result, results[int(match[1]) - 1]), content)
            elif member.filename == "docProps/core.xml":
                content = re.sub(
                    rb"(<dcterms:modified[^>]*>)[^<]*",
                    rb"\g<1>" + f"{_MADE:%Y-%m-%dT%H:%M:%SZ}".encode(),
                    content,
                )
            stamp = zipfile.ZipInfo(member.filename, date_time=_MADE.timetuple()[:6])
            stamp.compress_type, stamp.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            target.writestr(stamp, content)
    return out.getvalue()


def _with_result(results: dict[str, str | float], cell: re.Match[bytes]) -> bytes:
    result = results[cell[1].decode()]
    kind = b' t="str"' if isinstance(result, str) else b""
    value = escape(result) if isinstance(result, str) else repr(float(result))
    return b'<c r="%s"%s%s><f>%s</f><v>%s</v></c>' % (cell[1], cell[2], kind, cell[3], value.encode())


def main(folder: Path = FOLDER) -> None:
    for example in examples():
        path = folder / example.file_name
        path.write_bytes(build(example))
        sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main()
