"""Time and size of each chart: `python benchmarks/charts.py`.

Prints, per chart and layout, the best and the median time of laying out and writing the SVG, its bytes plain
and as a browser gets them (gzip), and for pictures the time and bytes of the PNG.
"""

from __future__ import annotations

import gzip
import math
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from spc_site.lib.png import find_cjk_font, render_png
from spc_site.lib.svg import (
    Axis,
    ChartSpec,
    ControlPanel,
    LayoutName,
    Series,
    Stage,
    Violation,
    control_chart,
    histogram,
    line_chart,
    normal_curve,
    render_responsive,
    render_svg,
    sparkline,
)

ROUNDS = 15


def pair(count: int, layout: LayoutName) -> ChartSpec:
    """Return a chart of means and ranges of `count` subgroups with a few violations."""
    source = random.Random(count)
    means = [74 + source.gauss(0, 0.0045) for _ in range(count)]
    ranges = [abs(source.gauss(0.023, 0.008)) for _ in range(count)]
    for index in range(count - 4, count - 1):
        means[index] = 74.016 + 0.002 * (index - count + 4)
    beyond = [
        Violation(i, ("1",), "规则 1：一点超出控制界限") for i, v in enumerate(means) if abs(v - 74) > 0.0135
    ]
    return control_chart(
        [
            ControlPanel("均值", means, 74.0, 74.0135, 73.9865, unit="mm", decimals=3, violations=beyond),
            ControlPanel("极差", ranges, 0.023, 0.048, None, unit="mm", decimals=3),
        ],
        title="内径 均值–极差控制图",
        stages=[Stage(0, "基线"), Stage(count // 2, "监控")],
        x_name="组",
        layout=layout,
    )


def bars_of_values(layout: LayoutName) -> ChartSpec:
    """Return the histogram of 200 values with a fitted curve."""
    source = random.Random(1)
    values = [round(source.gauss(74.001, 0.01), 3) for _ in range(200)]
    curve = normal_curve("", statistics.fmean(values), statistics.stdev(values))
    return histogram(
        values, title="分布", lsl=73.965, usl=74.035, target=74.0, decimals=3, curves=[curve], layout=layout
    )


def operating_characteristic(layout: LayoutName) -> ChartSpec:
    """Return the operating characteristic of n = 125, Ac = 7."""
    grid = [k / 1000 for k in range(1, 160, 2)]
    curve = [(p, sum(math.comb(125, k) * p**k * (1 - p) ** (125 - k) for k in range(8))) for p in grid]
    return line_chart(
        [Series("", curve)], title="OC", x_axis=Axis("p"), y_axis=Axis("Pa", 0, 1), layout=layout
    )


CHARTS: dict[str, Callable[[LayoutName], ChartSpec]] = {
    "pair of 25 points": lambda layout: pair(25, layout),
    "pair of 125 points": lambda layout: pair(125, layout),
    "pair of 1000 points": lambda layout: pair(1000, layout),
    "histogram of 200 values": bars_of_values,
    "operating characteristic": operating_characteristic,
    "sparkline of 30 values": lambda _: sparkline([i % 7 for i in range(30)], title="t"),
}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the best and the median time of some rounds in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1000)
    return min(times), statistics.median(times)


def main() -> None:
    """Print one line per chart and layout."""
    print(f"{'chart':<26}{'layout':<14}{'best ms':>9}{'median ms':>11}{'bytes':>9}{'gzip':>8}")
    layouts: tuple[LayoutName, ...] = ("narrow", "wide")
    for name, build in CHARTS.items():
        for layout in layouts:
            best, median = timed(lambda build=build, layout=layout: render_svg(build(layout)))  # type: ignore[misc]
            show(name, layout, best, median, render_svg(build(layout)).encode())
        best, median = timed(lambda build=build: render_responsive(build))  # type: ignore[misc]
        show(name, "both, as page", best, median, render_responsive(build).encode())
    start = time.perf_counter()
    font = find_cjk_font()
    print(
        f"\nfont: {font.family if font else 'none'}, found in {(time.perf_counter() - start) * 1000:.0f} ms"
    )
    for name, build in CHARTS.items():
        svg = render_svg(build("medium"))
        best, median = timed(lambda svg=svg: render_png(svg, 1080, font=font))  # type: ignore[misc]
        show(name, "PNG 1080 px", best, median, render_png(svg, 1080, font=font))


def show(name: str, what: str, best: float, median: float, data: bytes) -> None:
    """Print one line."""
    packed = len(gzip.compress(data, 6))
    print(f"{name:<26}{what:<14}{best:>9.2f}{median:>11.2f}{len(data):>9}{packed:>8}")


if __name__ == "__main__":
    main()
