"""Charts as SVG: values → spec (frozen dataclasses, tested as data) → text. Pure, deterministic, no ids.

    from spc_site.lib.svg import (
        ControlPanel, Curve, Note, Stage, Violation, control_chart, histogram, normal_curve,
        render_responsive, render_svg,
    )

    def build(layout):
        return control_chart(
            [
                ControlPanel(
                    "均值", means, centre=74.001, ucl=74.014, lcl=73.988, unit="mm", decimals=3,
                    violations=[Violation(36, ("1",), "规则 1：一点超出控制界限")],
                ),
                ControlPanel("极差", ranges, centre=0.023, ucl=0.048, lcl=None, unit="mm", decimals=3),
            ],
            title="活塞环 内径 均值–极差控制图",
            stages=[Stage(0, "基线"), Stage(25, "监控")],
            x_name="组",
            layout=layout,
        )

    html = render_responsive(build)            # page: narrow and wide in one box, chart.css shows one
    svg = render_svg(histogram(values, title="分布", lsl=73.965, usl=74.035, target=74.0, decimals=3,
                               curves=[normal_curve("整体", mean, sd)], layout="wide"))

On a page load `spc_site/chart.css` (colours by variables, dark mode) and `spc_site/chart.js` (tooltips, keys,
zoom; the chart is complete without it). A picture that stands alone takes `theme="light"` or `"dark"`,
`heading=True` and `notes=[…]`, and goes through `spc_site.lib.png.render_png`.

Words on the charts are in `Labels` (Chinese; `ENGLISH` is ready); everything else that is read comes from
the caller. Indices count from 0. None and NaN are gaps, and no input data makes a builder raise: where
nothing can be drawn the chart says so.
"""

from __future__ import annotations

from spc_site.lib.svg.calendar import DayValue, calendar_chart
from spc_site.lib.svg.control import ControlPanel, Stage, control_chart
from spc_site.lib.svg.histogram import Curve, histogram, normal_curve
from spc_site.lib.svg.notes import Note
from spc_site.lib.svg.plain import empty_chart
from spc_site.lib.svg.render import render_responsive, render_svg
from spc_site.lib.svg.small import Bar, bars, sparkline
from spc_site.lib.svg.spec import ENGLISH, LAYOUTS, ChartSpec, Labels, LayoutName, ThemeName
from spc_site.lib.svg.steps import Column, Trace, step_chart
from spc_site.lib.svg.violations import Violation
from spc_site.lib.svg.xy import Axis, Reference, Series, line_chart

__all__ = [
    "ENGLISH",
    "LAYOUTS",
    "Axis",
    "Bar",
    "ChartSpec",
    "Column",
    "ControlPanel",
    "Curve",
    "DayValue",
    "Labels",
    "LayoutName",
    "Note",
    "Reference",
    "Series",
    "Stage",
    "ThemeName",
    "Trace",
    "Violation",
    "bars",
    "calendar_chart",
    "control_chart",
    "empty_chart",
    "histogram",
    "line_chart",
    "normal_curve",
    "render_responsive",
    "render_svg",
    "sparkline",
    "step_chart",
]
