from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image

from spc_site.lib import png
from spc_site.lib.fonts import FontFile, read_fonts
from spc_site.lib.png import find_cjk_font, find_latin_font, labels_for_png, render_png, undrawable
from spc_site.lib.svg import ENGLISH, Labels, Note, render_svg
from spc_site.lib.svg.theme import TOKENS
from tests.spc_site.lib.charts import rings, rings_histogram, viscosity
from tests.spc_site.lib.test_fonts import make_font

TEXT = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
    '<text x="8" y="30" font-size="24"{}>{}</text></svg>'
)


@pytest.fixture
def cjk(need: Callable[[str], None]) -> FontFile:
    found = find_cjk_font()
    if found is None:
        need("fonts")
    assert found is not None
    return found


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def glyph(char: str, font: FontFile) -> np.ndarray:
    """Return one character as it comes out of the renderer."""
    return pixels(render_png(TEXT.format(' font-family="sans-serif"', char), 120, font=font, margin=0))


def test_no_glyph_of_any_label_is_missing(cjk: FontFile) -> None:
    charts = [rings(notes=(Note(("1",), "一点超出控制界限：第 37 组"),)), viscosity(), rings_histogram()]
    words = "".join(text.text for spec in charts for text in spec.texts()) + "".join(astuple(Labels()))
    letters = sorted({char for char in words + "←→↑↓▲…±·" if not char.isspace()})
    assert cjk.missing("".join(letters)) == ""
    unassigned = glyph("\U0001fbfe", cjk)  # drawn as the replacement box
    blank = pixels(render_png(TEXT.format("", ""), 120, font=cjk, margin=0))
    drawn = {char: glyph(char, cjk) for char in letters}
    for char, picture in drawn.items():
        assert (picture != blank).any(), char
        assert (picture != unassigned).any(), char
    # Different characters look different: none is drawn by a common stand-in.
    looks = {picture.tobytes() for picture in drawn.values()}
    assert len(looks) >= len(letters) - 1  # "-" and "–" may share a glyph


@pytest.mark.parametrize("layout", ["narrow", "wide"])
def test_a_chart_becomes_a_picture_of_the_wished_width(cjk: FontFile, layout: str) -> None:
    spec = rings(layout)  # type: ignore[arg-type]
    picture = Image.open(io.BytesIO(render_png(render_svg(spec), 720, font=cjk, margin=0)))
    assert picture.format == "PNG"
    assert picture.width == 720
    assert picture.height == pytest.approx(720 * spec.height / spec.width, abs=1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_shows_ground_marks_and_dots_in_its_theme(cjk: FontFile, theme: str) -> None:
    spec = rings("wide", theme=theme)  # type: ignore[arg-type]
    shown = pixels(render_png(render_svg(spec), 1800, font=cjk, theme=theme, margin=0))  # type: ignore[arg-type]
    tokens = TOKENS[theme]  # type: ignore[index]

    def colour(name: str) -> list[int]:
        digits = tokens[name][1:] if len(tokens[name]) == 7 else "".join(2 * d for d in tokens[name][1:])
        return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]

    assert list(shown[1, 1]) == colour("card")
    for name in ("blue", "red", "amb", "grn"):
        assert (shown == colour(name)).all(axis=2).sum() > 30, name
    first_dot = next(m for m in spec.walk() if type(m).__name__ == "Dots").at[0]  # type: ignore[union-attr]
    assert list(shown[round(first_dot[1] * 2), round(first_dot[0] * 2)]) == colour("blue")


def test_the_margin_is_free_on_all_sides() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40"/></svg>'
    shown = pixels(render_png(svg, 120, margin=10))
    black = (shown == 0).all(axis=2)
    assert shown.shape[:2] == (120, 120)
    assert black[20:100, 20:100].all()
    assert black.sum() == 80 * 80


def test_without_a_chinese_font_labels_are_english() -> None:
    latin = replace(FontFile(Path("x"), "x", ((32, 126),)))
    assert labels_for_png(None) == ENGLISH
    assert labels_for_png(latin) == ENGLISH
    assert labels_for_png(latin, replace(ENGLISH, target="Goal")).target == "Goal"


def test_with_a_chinese_font_labels_are_as_wished(cjk: FontFile) -> None:
    assert labels_for_png(cjk) == Labels()
    assert labels_for_png(cjk, replace(Labels(), target="靶")).target == "靶"
    assert labels_for_png(cjk, replace(Labels(), target="\U0001fbfe")) == ENGLISH


def test_undrawable_characters_are_named(cjk: FontFile) -> None:
    assert undrawable("控制 A\U0001fbfe", cjk) == "\U0001fbfe"
    assert undrawable("ab a", None) == "ab"


def test_a_character_without_a_glyph_is_seen_as_a_box_or_question_mark(tmp_path: Path) -> None:
    (face,) = png_font(tmp_path, "ab?□")
    assert png._drawable("<t>a控b</t>", replace(face, ranges=((32, 126), (0x25A1, 0x25A1)))) == "<t>a□b</t>"
    assert png._drawable("<t>a控b</t>", replace(face, ranges=((32, 126),))) == "<t>a?b</t>"
    empty = pixels(render_png(TEXT.format("", ""), 120, font=face, margin=0))
    assert (glyph("控", face) != empty).any()


def png_font(tmp_path: Path, text: str) -> list[FontFile]:
    ascii_text = "".join(map(chr, range(33, 127)))
    return read_fonts(make_font(tmp_path / "probe.ttf", text + ascii_text, "Probe Sans"))


def test_a_font_that_leaves_no_ink_is_not_taken(tmp_path: Path) -> None:
    (good,) = png_font(tmp_path, "控")
    assert png._draws(good)
    # Without a PostScript name the renderer refuses the font, and says nothing.
    nameless = TTFont(good.path)
    nameless["name"].names = [name for name in nameless["name"].names if name.nameID != 6]
    nameless.save(tmp_path / "nameless.ttf")
    (bad,) = read_fonts(tmp_path / "nameless.ttf")
    assert not png._draws(bad)


def test_a_picture_is_made_even_without_any_font(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(png, "find_latin_font", lambda: None)
    shown = pixels(render_png(render_svg(rings()), 360))
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) > 10


def test_the_given_font_is_used_and_no_other(tmp_path: Path) -> None:
    (squares,) = png_font(tmp_path, "a")
    # In the probe font every character is the same square.
    assert (glyph("a", squares) == glyph("b", squares)).all()
    assert (glyph("a", squares) != glyph(" ", squares)).any()
    other = find_latin_font()
    if other is not None:
        assert (glyph("a", other) != glyph("b", other)).any()


@pytest.mark.parametrize("width", [0, -5, 4001])
def test_an_absurd_width_is_refused(width: int) -> None:
    with pytest.raises(ValueError, match="width_px"):
        render_png(TEXT.format("", "a"), width)


def test_what_is_no_svg_is_refused() -> None:
    with pytest.raises(ValueError, match=re.compile(".")):
        render_png("<html", 100)
