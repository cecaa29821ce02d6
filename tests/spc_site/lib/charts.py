"""Charts of published data that several chart tests look at."""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from spc_site.lib.svg import (
    ChartSpec,
    ControlPanel,
    LayoutName,
    Note,
    Stage,
    ThemeName,
    Violation,
    control_chart,
    histogram,
    normal_curve,
)

CASES = Path(__file__).resolve().parents[3] / "quality" / "spc" / "cases"
GOLDEN = Path(__file__).resolve().parents[2] / "data" / "svg"

RINGS: dict[str, Any] = json.loads(
    (CASES / "pistonrings_xbar_r_phase1_phase2.json").read_text(encoding="utf-8")
)
VISCOSITY: dict[str, Any] = json.loads(
    (CASES / "viscosity_imr_phase1_phase2.json").read_text(encoding="utf-8")
)

SUBGROUPS: list[list[float]] = RINGS["data"]["subgroups_phase1"] + RINGS["data"]["subgroups_phase2"]
MEANS = [statistics.fmean(group) for group in SUBGROUPS]
RANGES = [max(group) - min(group) for group in SUBGROUPS]
VALUES = [value for group in SUBGROUPS for value in group]
RULE_1 = "规则 1：一点超出控制界限"


def parse_svg(text: str) -> ElementTree.Element:
    """Return the SVG as a strict XML parser sees it."""
    return ElementTree.fromstring(text)  # noqa: S314 - our own output


def rings(
    layout: LayoutName = "narrow",
    *,
    count: int = 40,
    theme: ThemeName = "light",
    heading: bool = False,
    notes: tuple[Note, ...] = (),
) -> ChartSpec:
    """Return the control chart pair of the piston rings (Montgomery); more than 40 subgroups repeat them."""
    expected = RINGS["expected"]
    rounds = -(-count // 40)
    beyond = [i for i in range(count) if not expected["xbar_lcl"] <= MEANS[i % 40] <= expected["xbar_ucl"]]
    return control_chart(
        [
            ControlPanel(
                "均值",
                (MEANS * rounds)[:count],
                centre=expected["center"],
                ucl=expected["xbar_ucl"],
                lcl=expected["xbar_lcl"],
                unit="mm",
                decimals=3,
                violations=[Violation(i, ("1",), RULE_1) for i in beyond],
            ),
            ControlPanel(
                "极差",
                (RANGES * rounds)[:count],
                centre=expected["R_center"],
                ucl=expected["R_ucl"],
                unit="mm",
                decimals=3,
            ),
        ],
        title="活塞环 内径 均值–极差控制图",
        stages=[Stage(0, "基线"), Stage(25, "监控")],
        x_name="组",
        layout=layout,
        theme=theme,
        heading=heading,
        notes=notes,
    )


def viscosity(layout: LayoutName = "narrow", *, theme: ThemeName = "light") -> ChartSpec:
    """Return the chart of single values of the viscosity batches, with everything a panel can hold."""
    expected = VISCOSITY["expected"]
    values = VISCOSITY["data"]["x_phase1"] + VISCOSITY["data"]["x_phase2"]
    ranges = [None, *(abs(b - a) for a, b in pairwise(values))]
    return control_chart(
        [
            ControlPanel(
                "单值",
                values,
                centre=expected["center"],
                ucl=expected["x_ucl"],
                lcl=expected["x_lcl"],
                usl=36.5,
                lsl=32.8,
                target=34.2,
                unit="Pa·s",
                decimals=2,
                violations=[
                    Violation(3, ("1",), RULE_1),
                    Violation(28, ("2", "3", "5", "6")),
                    *(Violation(i, ("2",), alarm=False) for i in (29, 30, 31)),
                ],
                excluded=frozenset({3, 17}),
            ),
            ControlPanel(
                "移动极差",
                ranges,
                centre=expected["mr_bar"],
                ucl=expected["mr_ucl"],
                lcl=0.0,
                unit="Pa·s",
                decimals=2,
                violations=[Violation(3, ("1",), RULE_1)],
            ),
        ],
        title="粘度 单值–移动极差控制图",
        stages=[Stage(0, "基线"), Stage(20, "监控"), Stage(30, "换模具之后")],
        x_name="批",
        point_labels=[f"B{2600 + i}" for i in range(len(values))],
        layout=layout,
        theme=theme,
    )


def rings_histogram(layout: LayoutName = "narrow", *, theme: ThemeName = "light") -> ChartSpec:
    """Return the histogram of all piston ring diameters."""
    return histogram(
        VALUES,
        title="活塞环 内径 分布与规格",
        lsl=73.965,
        usl=74.035,
        target=74.0,
        decimals=3,
        unit="mm",
        curves=[normal_curve("全部标准差", statistics.fmean(VALUES), statistics.stdev(VALUES))],
        layout=layout,
        theme=theme,
    )
