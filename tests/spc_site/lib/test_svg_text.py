from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib.svg.text import (
    clean,
    coordinate,
    decimals_for,
    ellipsize,
    escape,
    format_value,
    text_width,
    wrap,
)
from tests.spc_site.lib.charts import parse_svg

FONTS = [
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    Path("/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"),
]
LABELS = [
    "UCL 74.014",
    "LCL 73.988",
    "CL 0.0231",
    "USL 74.035",
    "LSL -12.50",
    "1000",
    "B2611-077",
    "mm",
    "n=125 Ac=7",
    "0.00012",
    "Monitoring",
]
CHINESE = ["目标 74.000", "基线", "监控", "单值 / mm", "一点超出控制界限：第 37 组", "换模具之后"]


@given(st.text())
def test_any_text_becomes_xml_that_reads_back(text: str) -> None:
    root = parse_svg(f"<t a='{escape(text)}' b=\"{escape(text)}\">{escape(text)}</t>")
    kept = clean(text)
    assert " ".join((root.text or "").split()) == kept
    assert " ".join(root.attrib["a"].split()) == kept
    assert " ".join(root.attrib["b"].split()) == kept


def advance(font: TTFont, text: str, size: float) -> float:
    """Return the real width of a text."""
    glyphs, metrics = font.getBestCmap(), font["hmtx"]
    return sum(metrics[glyphs[ord(char)]][0] for char in text) * size / font["head"].unitsPerEm


def test_labels_are_never_wider_than_their_estimate(need: Callable[[str], None]) -> None:
    need("fonts")
    checked = 0
    for path in FONTS:
        if not path.exists():
            continue
        font = TTFont(path, fontNumber=0)
        for text in LABELS + (CHINESE if ord("控") in font.getBestCmap() else []):
            real, estimate = advance(font, text, 12), text_width(text, 12)
            assert real <= estimate * 1.01, (path.name, text)
            assert estimate <= real * 1.45, (path.name, text)
            checked += 1
    assert checked


@given(st.text(max_size=40), st.floats(0, 300))
@settings(max_examples=60)
def test_ellipsized_text_fits_its_room(text: str, room: float) -> None:
    cut = ellipsize(text, 12, room)
    assert text_width(cut, 12) <= room or cut == ""
    assert cut == text or cut == "" or (cut.endswith("…") and text.startswith(cut[:-1].rstrip()))


@given(st.text(alphabet="ab c控制-9：，", max_size=80), st.floats(30, 200))
@settings(max_examples=80)
def test_wrapped_text_fits_and_loses_nothing_but_blanks(text: str, room: float) -> None:
    rows = wrap(text, 12, room)
    assert all(text_width(row, 12) <= room for row in rows)
    assert "".join("".join(rows).split()) == "".join(text.split())


def test_words_stay_whole_where_they_fit() -> None:
    assert wrap("one point beyond the limits", 10, 70) == ("one point", "beyond the", "limits")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (74.0, 3, "74.000"),
        (-0.0001, 2, "0.00"),
        (-0.01, 2, "-0.01"),
        (0.0, 0, "0"),
        (1234567.0, 1, "1234567.0"),
        (1.5e12, 2, "1.5e+12"),
        (2.5e-12, 3, "2.5e-12"),
        (0.1, 12, "0.1"),
    ],
)
def test_values_are_written_with_the_decimals_of_their_characteristic(
    value: float, decimals: int, text: str
) -> None:
    assert format_value(value, decimals) == text


def test_decimals_tell_values_of_a_span_apart() -> None:
    assert decimals_for(0.026) == 4
    assert decimals_for(26) == 1
    assert decimals_for(26000) == 0
    assert decimals_for(0) == decimals_for(math.nan) == decimals_for(math.inf) == 3


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (1.04, "1"), (1.05001, "1.1"), (-0.04, "0"), (120.55, "120.5")]
)
def test_coordinates_are_short(value: float, text: str) -> None:
    assert coordinate(value) == text
