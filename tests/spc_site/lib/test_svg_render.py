from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib.svg import (
    Axis,
    Bar,
    ChartSpec,
    ControlPanel,
    Labels,
    LayoutName,
    Note,
    Reference,
    Series,
    Stage,
    ThemeName,
    Violation,
    bars,
    control_chart,
    histogram,
    line_chart,
    render_responsive,
    render_svg,
    sparkline,
)
from spc_site.lib.svg.theme import CLASS_PREFIX, ROLES, TOKENS
from tests.spc_site.lib.charts import GOLDEN, parse_svg, rings, rings_histogram, viscosity

STATIC = Path(__file__).resolve().parents[3] / "spc_site" / "static" / "spc_site"
SVG = "{http://www.w3.org/2000/svg}"


def samples(theme: ThemeName = "light") -> dict[str, ChartSpec]:
    return {
        "rings": rings(theme=theme, notes=(Note(("1",), "一点超出控制界限"),), heading=True),
        "viscosity": viscosity(theme=theme),
        "histogram": rings_histogram(theme=theme),
        "sparkline": sparkline([1, 2, None, 4], title="t", limit=3, bad=frozenset({3}), theme=theme),
        "bars": bars([Bar("a", 3), Bar("b", 1, bad=True)], title="t", theme=theme),
        "lines": line_chart(
            [Series("a", [(1, 1), (2, 4)], dots=True), Series("b", [(1, 2), (2, 3)])],
            title="t",
            x_axis=Axis("x"),
            references=[Reference("x", 1.5, "AQL")],
            theme=theme,
        ),
        "empty": histogram([], title="t", theme=theme),
    }


@pytest.mark.parametrize("name", samples())
def test_a_strict_content_policy_holds(name: str) -> None:
    text = render_svg(samples()[name])
    for element in parse_svg(text).iter():
        assert element.tag.removeprefix(SVG) not in {"style", "script", "a", "image", "use", "foreignObject"}
        for attribute in element.attrib:
            assert attribute != "style"
            assert attribute != "id"  # the same chart stands twice on a page
            assert not attribute.startswith("on")
            assert "href" not in attribute


@pytest.mark.parametrize("name", samples())
def test_screen_readers_get_a_picture_with_name_and_description(name: str) -> None:
    spec = replace(samples()[name], title="内径 <\"&'> 图", desc="三点超出")
    root = parse_svg(render_svg(spec))
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "内径 <\"&'> 图"
    assert [child.text for child in root[:2]] == ["内径 <\"&'> 图", "三点超出"]


@given(st.text(), st.text(), st.text(max_size=20))
@settings(max_examples=60, deadline=None)
def test_no_text_breaks_out_of_the_picture(text: str, other: str, short: str) -> None:
    labels = Labels(*[text] * 10)
    spec = control_chart(
        [
            ControlPanel(
                text, [1.0, 9.0], 1.0, 2.0, 0.0, violations=[Violation(1, (short,), other)], unit=short
            )
        ],
        title=text,
        labels=labels,
        stages=[Stage(0, other), Stage(1, text)],
        point_labels=[text, other],
        notes=[Note((short,), other)],
        heading=True,
    )
    for one in (
        spec,
        histogram([1.0], title=text, usl=2.0, labels=labels, unit=other),
        bars([Bar(text, 1, other)], title=other),
        line_chart([Series(text, [(1, 1)]), Series(other, [(2, 2)])], title=text, x_axis=Axis(other)),
    ):
        root = parse_svg(render_svg(one))
        known = {"svg", "g", "path", "rect", "circle", "text", "title", "desc"}
        assert {element.tag.removeprefix(SVG) for element in root.iter()} <= known


def test_the_same_values_give_the_same_text() -> None:
    assert render_svg(rings()) == render_svg(rings())


def test_both_layouts_come_in_one_box() -> None:
    html = render_responsive(rings)
    assert html.startswith('<div class="chart chart-narrow-wide"><svg')
    root = parse_svg(html)
    assert [child.attrib["viewBox"].split()[2] for child in root] == ["360", "900"]


@pytest.mark.parametrize("theme", TOKENS)
def test_a_lone_picture_carries_the_colours_of_its_theme_only(theme: ThemeName) -> None:
    for name, spec in samples(theme).items():
        used = set(re.findall(r"#[0-9a-f]{3,6}\b", render_svg(replace(spec, data=""))))
        assert used <= set(TOKENS[theme].values()), name


@pytest.mark.parametrize("theme", TOKENS)
def test_the_colours_of_pictures_are_those_of_the_pages(theme: ThemeName) -> None:
    css = (STATIC / "page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root\s*{(.*?)}", css, re.DOTALL)[:2]
    page = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]+)", light if theme == "light" else dark))
    assert {name: page[name] for name in TOKENS[theme]} == TOKENS[theme]


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("theme", TOKENS)
def test_text_and_marks_stand_out_from_the_card(theme: ThemeName) -> None:
    ground = luminance(TOKENS[theme]["card"])
    for name in ("ink", "mut", "blue", "red", "amb", "grn"):
        one = luminance(TOKENS[theme][name])
        assert (max(one, ground) + 0.05) / (min(one, ground) + 0.05) >= 4.5, name


def test_the_style_sheet_recolours_every_role_by_the_same_variable() -> None:
    css = (STATIC / "chart.css").read_text(encoding="utf-8")
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    found: dict[str, dict[str, str]] = {}
    for selectors, body in re.findall(r"([^{}]+){([^{}]*)}", css):
        for selector in selectors.split(","):
            if match := re.fullmatch(rf"\s*\.{CLASS_PREFIX}([\w-]+)\s*", selector):
                found.setdefault(match[1], {}).update(re.findall(r"([\w-]+):\s*var\(--(\w+), #", body))
    for role, style in ROLES.items():
        colours = {key: value[1:] for key, value in style.items() if value.startswith("$")}
        assert found.get(role, {}) == colours, role


def test_every_fallback_in_the_style_sheet_is_the_light_colour() -> None:
    css = (STATIC / "chart.css").read_text(encoding="utf-8")
    fallbacks = set(re.findall(r"var\(--(\w+), (#[0-9a-f]+)\)", css))
    assert fallbacks <= set(TOKENS["light"].items())


GOLDENS: list[tuple[str, ChartSpec]] = [
    ("rings_narrow_light", rings()),
    ("rings_wide_dark", rings("wide", theme="dark", heading=True, notes=(Note(("1",), "一点超出控制界限"),))),
    ("viscosity_medium_light", viscosity("medium")),
    ("histogram_narrow_light", rings_histogram()),
]


@pytest.mark.parametrize(("name", "spec"), GOLDENS, ids=[name for name, _ in GOLDENS])
def test_golden_pictures_have_not_changed(name: str, spec: ChartSpec) -> None:
    """Look at the difference; where it is meant, run once with UPDATE_GOLDEN=1 and commit the files."""
    path = GOLDEN / f"{name}.svg"
    text = re.sub(r"(?<=>)(?=<(?:g|path|rect|text|/g|/svg|desc|title))", "\n", render_svg(spec)) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_there_is_a_layout_for_phone_card_and_desktop() -> None:
    names: list[LayoutName] = ["narrow", "medium", "wide"]
    widths = [rings(name).width for name in names]
    assert widths == [360, 600, 900]
