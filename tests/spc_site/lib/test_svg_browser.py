"""Charts in a real browser, under the strictest content policy: nothing inline, nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spc_site.lib.svg import render_responsive, render_svg
from tests.live import Browsing
from tests.spc_site.lib.charts import RULE_1, rings, rings_histogram, viscosity

STATIC = Path(__file__).resolve().parents[3] / "spc_site" / "static" / "spc_site"
ADDRESS = "http://127.0.0.1:9/"
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:"
TYPES = {".css": "text/css", ".js": "text/javascript"}


def show(page: Any, body: str, *, script: bool = True) -> None:
    """Open a page with charts as our pages carry them."""
    tag = '<script src="/chart.js" defer></script>' if script else ""
    html = (
        '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>t</title>'
        f'<link rel="stylesheet" href="/page.css"><link rel="stylesheet" href="/chart.css">{tag}</head>'
        f"<body><main>{body}</main></body></html>"
    )

    def answer(route: Any) -> None:
        name = route.request.url.removeprefix(ADDRESS)
        path = STATIC / name
        if name and path.suffix in TYPES:
            route.fulfill(body=path.read_text(encoding="utf-8"), content_type=TYPES[path.suffix])
        else:
            route.fulfill(body=html, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    page.route("**/*", answer)
    page.goto(ADDRESS)


def tip(page: Any) -> list[str]:
    return str(page.locator(".chart-tip").inner_text()).split("\n")


def test_the_layout_follows_the_width_of_the_box(browsing: Browsing) -> None:
    for width, layout in ((390, "narrow"), (1440, "wide")):
        page = browsing.open(width=width)
        show(page, render_responsive(rings))
        assert page.locator("svg.chart-svg:visible").count() == 1
        assert page.locator(f"svg.chart-{layout}").is_visible()
        # Readable: no text smaller than ten pixels.
        sizes = page.locator("svg.chart-svg:visible text").evaluate_all(
            "texts => texts.map(text => text.getBoundingClientRect().height)"
        )
        assert min(sizes) >= 10


@pytest.mark.parametrize("dark", [False, True])
def test_colours_are_those_of_the_page(browsing: Browsing, dark: bool) -> None:
    page = browsing.open(width=390, dark=dark)
    show(page, render_responsive(rings))
    line, text, badge = page.evaluate(
        """() => {
          const style = (selector, name) =>
            getComputedStyle(document.querySelector(selector))[name];
          return [style('.ch-line', 'stroke'), style('.ch-text', 'fill'), style('.ch-bad-badge', 'fill')];
        }"""
    )
    blue, mut, card = page.evaluate(
        """() => ['--blue', '--mut', '--card'].map((name) => {
          const probe = document.createElement('i');
          probe.style.color = `var(${name})`;
          document.body.append(probe);
          return getComputedStyle(probe).color;
        })"""
    )
    assert (line, text, badge) == (blue, mut, card)


def test_no_two_texts_overlap_as_the_browser_draws_them(browsing: Browsing) -> None:
    for width in (390, 1440):
        page = browsing.open(width=width)
        show(
            page, render_responsive(viscosity) + render_responsive(rings) + render_responsive(rings_histogram)
        )
        clashes = page.evaluate(
            """() => [...document.querySelectorAll('svg.chart-svg')].flatMap((svg) => {
              const boxes = [...svg.querySelectorAll('text')].map((text) => {
                const { x, y, width, height } = text.getBBox();
                const at = text.getCTM();
                return { text: text.textContent, left: x + at.e / at.a, right: x + width + at.e / at.a,
                         top: y + 0.2 * height + at.f / at.a, bottom: y + 0.8 * height + at.f / at.a };
              });
              return boxes.flatMap((a, i) => boxes.slice(i + 1)
                .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
                .map((b) => `${a.text} / ${b.text}`));
            })"""
        )
        assert clashes == []


def test_a_finger_on_a_point_says_what_it_is(browsing: Browsing) -> None:
    page = browsing.open(width=390, height=844, touch=True)
    show(page, render_responsive(rings))
    area = page.locator("svg.chart-narrow").bounding_box()
    mark = page.locator("svg.chart-narrow .ch-at[data-i='37']").bounding_box()
    page.touchscreen.tap(mark["x"] + mark["width"] / 2, area["y"] + area["height"] / 2)
    assert tip(page) == ["第 38 组", "均值 74.020 mm", "极差 0.025 mm", f"▲ {RULE_1}"]
    shown = page.locator(".chart-tip").bounding_box()
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= 390


def test_keys_walk_over_the_points_and_from_violation_to_violation(browsing: Browsing) -> None:
    page = browsing.open()
    show(page, render_responsive(rings))
    chosen = "chosen = []; document.addEventListener('chart:point', (e) => chosen.push(e.detail.index));"
    page.evaluate(f"() => {{ window.{chosen} }}")
    page.locator("svg.chart-wide").focus()
    first = []
    for key in ("Home", "ArrowRight", "End", "ArrowLeft", "Home", "ArrowDown", "ArrowDown", "ArrowUp"):
        page.keyboard.press(key)
        first.append(tip(page)[0])
    assert page.evaluate("window.chosen") == [0, 1, 39, 38, 0, 36, 37, 36]
    assert first[:4] == ["第 1 组", "第 2 组", "第 40 组", "第 39 组"]
    page.keyboard.press("Escape")
    assert page.locator(".chart-tip").is_hidden()


def test_a_long_series_is_zoomed_and_shown_whole_again(browsing: Browsing) -> None:
    page = browsing.open()
    show(page, render_svg(rings("wide", count=1000)))
    chart = page.locator("svg.chart-svg")
    before = chart.locator(".ch-line").first.get_attribute("d")
    ticks = chart.locator(".ch-ticks").text_content()
    area = chart.bounding_box()
    page.mouse.move(area["x"] + 0.4 * area["width"], area["y"] + 100)
    page.mouse.down()
    page.mouse.move(area["x"] + 0.45 * area["width"], area["y"] + 100, steps=4)
    page.mouse.up()
    page.wait_for_function("was => document.querySelector('.ch-line').getAttribute('d') !== was", arg=before)
    assert chart.locator(".ch-ticks").text_content() != ticks
    assert chart.locator(".ch-dots").count() >= 1  # the bare line has got its points
    # What is drawn and what the finger reads are the same point.
    page.mouse.move(area["x"] + 0.5 * area["width"], area["y"] + 100)
    here = chart.locator(".ch-here").first
    number = int(tip(page)[0].split()[1])
    (x, y) = (float(here.get_attribute(name)) for name in ("cx", "cy"))
    points = chart.locator(".ch-line").first.get_attribute("d").removeprefix("M").split()
    assert float(points[2 * (number - 1)]) == pytest.approx(x, abs=0.1)
    assert float(points[2 * (number - 1) + 1]) == pytest.approx(y, abs=0.1)
    page.get_by_role("button", name="全部").click()
    page.wait_for_function("was => document.querySelector('.ch-line').getAttribute('d') === was", arg=before)
    assert chart.locator(".ch-ticks").text_content() == ticks
    assert chart.locator(".ch-zoom").first.get_attribute("clip-path") is None


def test_two_fingers_stretch_the_axis_under_them(browsing: Browsing) -> None:
    page = browsing.open(width=390, height=844, touch=True)
    show(page, render_svg(rings(count=125)))
    area = page.locator("svg.chart-svg").bounding_box()
    y = area["y"] + 80
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *xs: float) -> None:
        points = [{"x": area["x"] + x, "y": y, "id": number} for number, x in enumerate(xs)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 100)
    fingers("touchStart", 100, 160)
    fingers("touchMove", 80, 220)
    fingers("touchEnd")
    page.wait_for_selector(".ch-zoom[clip-path]", state="attached")
    assert page.get_by_role("button", name="全部").is_enabled()
    named = [int(text) for text in page.locator(".ch-ticks text").all_text_contents()]
    assert 0 < named[0] < named[-1] < 125


def test_bars_of_a_histogram_tell_their_count(browsing: Browsing) -> None:
    page = browsing.open()
    show(page, render_svg(rings_histogram("wide")))
    bar = page.locator(".ch-bar-out rect").bounding_box()
    page.mouse.move(bar["x"] + bar["width"] / 2, bar["y"] - 20)
    lines = tip(page)
    assert lines[0].endswith("mm")
    assert lines[-1] == "▲ 1 个"


def test_a_chart_is_complete_without_script(browsing: Browsing) -> None:
    page = browsing.open(width=390)
    show(page, render_responsive(rings), script=False)
    titles = page.locator("svg.chart-narrow .ch-at[data-i] title").all_text_contents()
    assert len(titles) == 3
    assert titles[0] == f"第 37 组 74.017 mm\n{RULE_1}"
