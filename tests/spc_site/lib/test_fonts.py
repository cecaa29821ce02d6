from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from spc_site.lib import fonts
from spc_site.lib.fonts import (
    CJK_PROBE,
    LATIN_PROBE,
    FontError,
    FontFile,
    best_face,
    candidates,
    find_font,
    read_fonts,
)


def make_font(path: Path, text: str, family: str = "Probe Sans") -> Path:
    """Write a small font with a square for each character of `text`."""
    pen = TTGlyphPen(None)
    for number, point in enumerate([(50, 0), (50, 700), (750, 700), (750, 0)]):
        (pen.moveTo if number == 0 else pen.lineTo)(point)
    pen.closePath()
    square = pen.glyph()
    codes = sorted({ord(char) for char in text})
    names = [".notdef", *(f"u{code:04X}" for code in codes)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(codes, names[1:], strict=True)))
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (800, 50)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": family.replace(" ", "-")})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


@given(st.text(st.characters(exclude_categories=["Cs"], min_codepoint=33), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_coverage_is_read_as_the_font_was_written(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = make_font(tmp_path_factory.mktemp("fonts") / "probe.ttf", text)
    (face,) = read_fonts(path)
    assert face.family == "Probe Sans"
    assert {code for first, last in face.ranges for code in range(first, last + 1)} == {ord(c) for c in text}


def test_the_readers_agree_with_fonttools_on_real_fonts(need: Callable[[str], None]) -> None:
    need("fonts")
    chinese, latin = find_font(CJK_PROBE, fonts.CJK_NAMES), find_font(LATIN_PROBE, fonts.LATIN_NAMES)
    found = [font for font in (chinese, latin) if font]
    assert found
    for font in found:
        collection = font.path.suffix in (".ttc", ".otc")
        faces = TTCollection(font.path).fonts if collection else [TTFont(font.path)]
        theirs = next(face for face in faces if face["name"].getBestFamilyName() == font.family)
        ours = {code for first, last in font.ranges for code in range(first, last + 1)}
        assert ours == set(theirs.getBestCmap())


def test_missing_characters_are_named_once_and_blanks_are_not_missed() -> None:
    font = FontFile(Path("x"), "x", ((65, 70), (100, 100)))
    assert font.missing("A B\nZdYZ") == "ZY"
    assert font.covers("FACE d") is True
    assert font.covers("G") is False


def test_of_a_collection_the_simplified_chinese_face_is_taken(tmp_path: Path) -> None:
    collection = TTCollection()
    for family in ("Probe JP", "Probe SC", "Probe TC"):
        collection.fonts.append(TTFont(make_font(tmp_path / f"{family}.ttf", CJK_PROBE, family)))
    path = tmp_path / "probe.ttc"
    collection.save(path)
    face = best_face(path, CJK_PROBE)
    assert face is not None
    assert face.family == "Probe SC"


def test_known_names_come_first_and_other_fonts_are_searched_too(tmp_path: Path) -> None:
    for name in ("aaa.ttf", "wqy-zenhei.ttc", "NotoSansCJK-Regular.ttc", "readme.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in candidates(fonts.CJK_NAMES, [tmp_path])]
    assert names == ["NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "aaa.ttf"]


def test_a_font_is_found_by_what_it_can_draw(tmp_path: Path) -> None:
    (tmp_path / "NotoSansCJK-Regular.ttc").write_bytes(b"not a font")
    make_font(tmp_path / "wqy-microhei.ttf", "abc")
    right = make_font(tmp_path / "zz.ttf", CJK_PROBE)
    found = find_font(CJK_PROBE, fonts.CJK_NAMES, roots=(str(tmp_path),))
    assert found is not None
    assert found.path == right


def test_the_font_of_the_setting_wins_if_it_has_our_characters(tmp_path: Path) -> None:
    wished = make_font(tmp_path / "wished.ttf", CJK_PROBE, "Wished")
    folder = tmp_path / "others"
    folder.mkdir()
    make_font(folder / "other.ttf", CJK_PROBE + LATIN_PROBE, "Other")
    poor = make_font(tmp_path / "poor.ttf", "abc", "Poor")
    families = [
        font.family
        for setting in (wished, poor, tmp_path / "absent.ttf", None)
        if (font := find_font(CJK_PROBE, (), setting, roots=(str(folder),)))
    ]
    assert families == ["Wished", "Other", "Other", "Other"]


def test_without_any_font_there_is_none(tmp_path: Path) -> None:
    assert find_font(CJK_PROBE, fonts.CJK_NAMES, roots=(str(tmp_path),)) is None
    assert find_font(LATIN_PROBE, (), roots=(str(tmp_path / "absent"),)) is None


def test_a_font_that_the_renderer_refuses_is_passed_over(tmp_path: Path) -> None:
    make_font(tmp_path / "a.ttf", "abc", "Refused")
    make_font(tmp_path / "b.ttf", "abc", "Taken")
    found = find_font("abc", (), roots=(str(tmp_path),), usable=lambda font: font.family != "Refused")
    assert found is not None
    assert found.family == "Taken"


@pytest.mark.parametrize("data", [b"", b"ttcf", b"ttcf\0\2\0\0\xff\xff\xff\xff", b"\0\1\0\0\0\3" + b"x" * 40])
def test_a_damaged_file_is_no_font(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "broken.ttf"
    path.write_bytes(data)
    with pytest.raises(FontError, match=r"broken\.ttf"):
        read_fonts(path)
    assert best_face(path, "a") is None


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_font_cut_or_changed_anywhere_never_does_worse_than_an_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fonts")
    whole = bytearray(make_font(folder / "whole.ttf", "abc控制").read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    path = folder / "changed.ttf"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    best_face(path, "abc")


def test_a_map_of_format_4_with_offsets_is_read() -> None:
    # Two segments: 65…66 by offset into glyphs 5 and 0 (missing), and the closing 0xFFFF.
    body = struct.pack(
        ">7H 2H H 2H 2H 2H 2H", 4, 34, 0, 4, 4, 1, 0, 66, 0xFFFF, 0, 65, 0xFFFF, 0, 1, 4, 0, 5, 0
    )
    table = struct.pack(">HHHHI", 0, 1, 3, 1, 12) + body
    assert fonts._characters(table, Path("x")) == ((65, 65),)


def test_of_a_map_of_format_12_glyph_zero_is_missing() -> None:
    # 65 → glyph 0 (missing), 66 → 1; 0x20000 … 0x20001 beyond the basic plane.
    body = struct.pack(">HHIII", 12, 0, 40, 0, 2) + struct.pack(">6I", 65, 66, 0, 0x20000, 0x20001, 7)
    table = struct.pack(">HHHHI", 0, 1, 3, 10, 12) + body
    assert fonts._characters(table, Path("x")) == ((66, 66), (0x20000, 0x20001))
