"""SVG → PNG for messages, with a font that is known to hold every character.

    font = find_cjk_font(setting)              # cached; None where the machine has no Chinese font
    spec = control_chart(..., labels=labels_for_png(font), heading=True, notes=[...], layout="medium")
    png = render_png(render_svg(spec), 900, font=font)

Without a Chinese font `labels_for_png` gives English labels, and characters that cannot be drawn appear as
an empty box or a question mark: they never vanish without a trace.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

import resvg_py

from spc_site.lib.fonts import CJK_NAMES, CJK_PROBE, LATIN_NAMES, LATIN_PROBE, FontFile, find_font
from spc_site.lib.svg.spec import ENGLISH, Labels, ThemeName
from spc_site.lib.svg.theme import TOKENS

__all__ = ["FontFile", "find_cjk_font", "find_latin_font", "labels_for_png", "render_png", "undrawable"]

WIDEST = 4000


@functools.lru_cache(maxsize=8)
def find_cjk_font(setting: str | Path | None = None) -> FontFile | None:
    """Return a font with our Chinese characters: that of `setting` if it has them, else the first found."""
    return find_font(CJK_PROBE, CJK_NAMES, setting, usable=_draws)


@functools.lru_cache(maxsize=1)
def find_latin_font() -> FontFile | None:
    """Return a font for letters and figures, for machines without a Chinese one."""
    return find_font(LATIN_PROBE, LATIN_NAMES, usable=_draws)


def _draws(font: FontFile) -> bool:
    """Say whether the renderer leaves ink for a character of the font: it refuses some fonts silently."""
    char = "控" if font.covers("控") else "A"
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><text x="8" y="24">{}</text></svg>'
    return _picture(svg.format(char), 32, "#fff", font) != _picture(svg.format(""), 32, "#fff", font)


def labels_for_png(font: FontFile | None, labels: Labels | None = None) -> Labels:
    """Return the wished labels (default: Chinese) if the font holds them, else the English ones."""
    wished = labels if labels is not None else Labels()
    words = "".join(getattr(wished, name) for name in Labels.__slots__)
    return wished if font is not None and font.covers(words) else ENGLISH


def undrawable(text: str, font: FontFile | None) -> str:
    """Return the characters of `text` that `font` (None: no font at all) cannot draw, each once."""
    if font is None:
        return "".join(dict.fromkeys(c for c in text if not c.isspace()))
    return font.missing(text)


def render_png(
    svg: str,
    width_px: int,
    *,
    font: FontFile | None = None,
    theme: ThemeName = "light",
    margin: float = 10.0,
) -> bytes:
    """Draw an SVG of `render_svg` as PNG.

    Parameters
        width_px: width of the picture, 1 to 4000; the height follows.
        font: from `find_cjk_font`; None takes a font for letters and figures.
        theme: only the ground; the colours of the marks are in the SVG.
        margin: free room around, in units of the SVG's view box.

    Raises
        ValueError: the width is out of range, or the text is not an SVG.
    """
    if not 1 <= width_px <= WIDEST:
        raise ValueError(f"width_px must be 1 to {WIDEST}, not {width_px}")
    used = font if font is not None else find_latin_font()
    return _picture(_with_margin(_drawable(svg, used), margin), width_px, TOKENS[theme]["card"], used)


def _picture(svg: str, width_px: int, ground: str, font: FontFile | None) -> bytes:
    """Call the renderer with one font and no other."""
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        width=width_px,
        background=ground,
        # Scanning the machine's fonts takes about 200 ms per picture; one known file takes 7.
        skip_system_fonts=True,
        font_files=[str(font.path)] if font else [],
        font_family=font.family if font else None,
        sans_serif_family=font.family if font else None,
    )


def _drawable(svg: str, font: FontFile | None) -> str:
    """Replace characters without a glyph by one that is seen."""
    missing = undrawable(svg, font) if font else ""
    if not missing:
        return svg
    box = "□" if font and font.covers("□") else "?"
    return svg.translate({ord(char): box for char in missing})


def _with_margin(svg: str, margin: float) -> str:
    """Widen the view box of the outermost element on all sides."""

    def wider(match: re.Match[str]) -> str:
        width, height = float(match[1]) + 2 * margin, float(match[2]) + 2 * margin
        return f'viewBox="{-margin:g} {-margin:g} {width:g} {height:g}"'

    return re.sub(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', wider, svg, count=1)
