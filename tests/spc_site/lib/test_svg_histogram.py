from __future__ import annotations

import json
import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from spc_site.lib.svg import ChartSpec, LayoutName, histogram, normal_curve, render_svg
from spc_site.lib.svg.histogram import bins_of, resolution_of
from spc_site.lib.svg.place import Box
from spc_site.lib.svg.spec import Polyline, Rect
from tests.spc_site.lib.charts import VALUES, parse_svg, rings_histogram

LAYOUTS: list[LayoutName] = ["narrow", "medium", "wide"]


def of_role(spec: ChartSpec, role: str) -> list[Rect]:
    return [mark for mark in spec.walk() if isinstance(mark, Rect) and mark.role == role]


def words(spec: ChartSpec) -> list[str]:
    return [text.text for text in spec.texts()]


# --- classes ------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-500, 500), min_size=1, max_size=200),
    st.integers(0, 4),
    st.one_of(st.none(), st.integers(-300, 0)),
    st.one_of(st.none(), st.integers(1, 300)),
)
def test_every_value_is_in_one_class_and_outside_is_counted_as_a_person_would(
    units: list[int], decimals: int, lsl: int | None, usl: int | None
) -> None:
    step = 10**decimals
    values = [unit / step for unit in units]
    bins = bins_of(
        values,
        lsl=None if lsl is None else lsl / step,
        usl=None if usl is None else usl / step,
        decimals=decimals,
    )
    assert sum(item.count for item in bins) == len(units)
    assert sum(item.outside for item in bins) == sum(
        (lsl is not None and unit < lsl) or (usl is not None and unit > usl) for unit in units
    )
    assert 1 <= len(bins) <= 42
    for item in bins:
        assert item.count == sum(item.lo <= value < item.hi for value in values)
    assert all(b.lo == pytest.approx(a.hi, abs=1e-9) for a, b in pairwise(bins))


def test_classes_are_whole_steps_of_the_measurement_so_that_no_comb_appears() -> None:
    # Every hundredth from 0.00 to 1.99 once: any width but a multiple of 0.01 makes classes differ.
    bins = bins_of([unit / 100 for unit in range(200)], decimals=2)
    assert len({item.count for item in bins[:-1]}) == 1


def test_the_lower_limit_is_an_edge_and_a_value_on_it_is_inside() -> None:
    bins = bins_of([9.98, 9.99, 10.0, 10.0, 10.01, 10.02, 10.05], lsl=10.0, usl=10.05, decimals=2)
    assert any(abs(item.lo - 9.995) < 1e-9 for item in bins)
    assert sum(item.outside for item in bins) == 2


def test_binary_noise_of_a_formula_does_not_put_a_value_outside() -> None:
    noisy = 10.050000000000002
    assert noisy > 10.05
    assert [item.outside for item in bins_of([noisy] * 3, usl=10.05, decimals=2)] == [0]
    assert sum(item.outside for item in bins_of([noisy, 10.0, 9.9], usl=10.05, decimals=2)) == 0
    assert sum(item.outside for item in bins_of([noisy, 10.0, 10.06], usl=10.05, decimals=2)) == 1


def test_the_resolution_is_found_in_the_values() -> None:
    assert resolution_of([74.03, 74.002], None) == pytest.approx(0.001)
    assert resolution_of([1.0, 250.0], None) == 1
    assert resolution_of([math.pi, math.e], None) == 0
    assert resolution_of([74.03], 2) == pytest.approx(0.01)


# --- drawing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_piston_rings_show_bars_limits_and_the_bad_value(layout: LayoutName) -> None:
    spec = rings_histogram(layout)
    assert {"LSL 73.965", "目标 74.000", "USL 74.035"} <= set(words(spec))
    assert len(of_role(spec, "bar-out")) == 1  # 74.036 of group 39
    x = spec.frames[0].x
    limits = [m.parts[0][0][0] for m in spec.walk() if isinstance(m, Polyline) and m.role == "spec"]
    assert limits == pytest.approx([x(73.965), x(74.035)])
    assert spec.desc.endswith("▲ 1")


def test_bars_are_as_high_as_their_counts() -> None:
    spec = rings_histogram()
    height = spec.frames[0].y
    data = json.loads(spec.data)["b"]
    assert sum(row[3] for row in data) == len(VALUES)
    drawn = sorted(bar.height for bar in of_role(spec, "bar"))
    wished = sorted(height(0) - height(row[3] - row[4]) for row in data if row[3] > row[4])
    assert drawn == pytest.approx(wished)


def test_the_normal_curve_is_the_density() -> None:
    curve = normal_curve("", 74.0, 0.01)
    assert curve is not None
    xs, ys = np.array(curve.points).T
    assert ys == pytest.approx(norm(74.0, 0.01).pdf(xs))
    assert np.trapezoid(ys, xs) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("mean", "sd"), [(1.0, 0.0), (math.nan, 1.0), (1.0, math.nan), (1.0, -1.0), (1e15, 1e-9)]
)
def test_there_is_no_normal_curve_without_spread(mean: float, sd: float) -> None:
    assert normal_curve("", mean, sd) is None


def test_the_curve_is_scaled_to_the_bars() -> None:
    curve = normal_curve("", 0.0, 1.0)
    values = [float(v) for v in np.round(norm.ppf((np.arange(400) + 0.5) / 400), 2)]
    spec = histogram(values, title="t", curves=[curve], decimals=2)
    (line,) = [mark for mark in spec.walk() if isinstance(mark, Polyline) and mark.role == "curve"]
    tallest = min(bar.y for bar in of_role(spec, "bar"))
    assert min(y for _, y in line.parts[0]) == pytest.approx(tallest, abs=8)


def test_a_wide_curve_does_not_flatten_the_bars() -> None:
    bare = histogram(VALUES, title="t", decimals=3)
    wide = histogram(VALUES, title="t", decimals=3, curves=[normal_curve("", 74.0, 5.0)])
    assert of_role(wide, "bar")[0].width > 0.7 * of_role(bare, "bar")[0].width


def test_limits_without_room_beside_the_target_stand_under_it_in_one_row() -> None:
    values = [7.0 + 0.1 * i for i in range(60)]
    spec = histogram(values, title="t", lsl=9.8, target=10.0, usl=10.2, decimals=1)
    lsl, target, usl = (next(t for t in spec.texts() if t.text.startswith(w)) for w in ("LSL", "目标", "USL"))
    assert lsl.y == usl.y > target.y
    assert lsl.box.right < spec.frames[0].x(9.8) < spec.frames[0].x(10.2) < usl.box.left


def test_two_curves_are_named() -> None:
    spec = histogram(
        VALUES, title="t", curves=[normal_curve("全部", 74, 0.01), normal_curve("组内", 74, 0.009), None]
    )
    assert {"全部", "组内"} <= set(words(spec))
    assert "全部" not in words(histogram(VALUES, title="t", curves=[normal_curve("全部", 74, 0.01)]))


def test_a_single_bad_value_among_thousands_is_still_seen() -> None:
    spec = histogram([10.0, 10.01] * 5000 + [10.09], title="t", usl=10.05, decimals=2)
    (bad,) = of_role(spec, "bar-out")
    assert bad.height >= 3


def test_a_far_specification_is_named_with_an_arrow_and_leaves_the_bars_wide() -> None:
    spec = histogram([10.0, 10.01, 10.02] * 9, title="t", lsl=5.0, usl=10.05, decimals=2)
    assert "← LSL 5.00" in words(spec)
    assert max(bar.width for bar in of_role(spec, "bar")) > 20


@pytest.mark.parametrize("values", [[], [None, math.nan], [math.inf]])
def test_nothing_to_draw_is_said_in_words(values: list[float | None]) -> None:
    spec = histogram(values, title="t", lsl=1.0)
    assert words(spec) == ["没有可画的数据"]
    parse_svg(render_svg(spec))


@pytest.mark.parametrize("values", [[5.0], [5.0] * 30, [0.0], [1e12, 1e12], [5.0, 5.0 + 1e-13]])
def test_one_value_makes_one_bar(values: list[float]) -> None:
    spec = histogram(values, title="t", curves=[normal_curve("", values[0], 0.0)])
    assert len(of_role(spec, "bar")) == 1


NUMBERS = st.one_of(st.none(), st.floats(-20, 20), st.sampled_from([math.nan, 0.0, 5.0, 1e6, -1e9, 1e-7]))


@given(
    st.lists(NUMBERS, max_size=60),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from([None, 0, 2, 6]),
    st.sampled_from(LAYOUTS),
    st.sampled_from(["", "mm", "一个很长很长的单位名称"]),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_drawn_readable_and_inside_the_picture(
    values: list[float | None],
    lsl: float | None,
    usl: float | None,
    target: float | None,
    decimals: int | None,
    layout: LayoutName,
    unit: str,
    heading: bool,
) -> None:
    spec = histogram(
        values,
        title="标题 <&>",
        lsl=lsl,
        usl=usl,
        target=target,
        decimals=decimals,
        unit=unit,
        layout=layout,
        heading=heading,
        curves=[normal_curve("全部标准差", 0.0, 3.0), normal_curve("组内标准差", 1.0, 0.5)],
    )
    text = render_svg(spec)
    parse_svg(text)
    assert "nan" not in text
    texts = spec.texts()
    boxes = [Box(t.box.left + 0.2, t.box.top + 0.2, t.box.right - 0.2, t.box.bottom - 0.2) for t in texts]
    clashes = [
        (a.text, b.text)
        for (a, p), (b, q) in combinations(zip(texts, boxes, strict=True), 2)
        if p.overlaps(q)
    ]
    assert clashes == []
    picture = Box(-0.5, -0.5, spec.width + 0.5, spec.height + 0.5)
    assert [t.text for t in texts if not t.box.inside(picture)] == []
    # No limit's line runs through a label.
    for mark in spec.walk():
        if isinstance(mark, Polyline) and mark.role in ("spec", "centre"):
            (x, top), (_, bottom) = mark.parts[0]
            through = [
                t.text for t, box in zip(texts, boxes, strict=True) if Box(x, top, x, bottom).overlaps(box)
            ]
            assert through == []
