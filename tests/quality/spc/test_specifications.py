"""Specification notations of drawings and forms: what each means, exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality.spc import SpcInputError, Specification, parse_spec
from tests.quality.spc.spc_cases import case


def limits(text: str) -> tuple[str | None, str | None, str | None]:
    """Nominal, lower and upper limit as text."""
    found = parse_spec(text)
    return tuple(None if value is None else str(value) for value in (found.nominal, found.lsl, found.usl))


def test_published_notations_are_read() -> None:
    reference = case("spec_strings_basic")
    for text, expected in zip(reference["data"]["strings"], reference["expected"]["parsed"], strict=True):
        found = parse_spec(text)
        for name in ("nominal", "lsl", "usl"):
            value = getattr(found, name)
            assert (None if value is None else float(value)) == expected[name], (text, name)


@pytest.mark.parametrize(
    ("text", "nominal", "lsl", "usl"),
    [
        ("10±0.05", "10", "9.95", "10.05"),
        ("10.00 ± 0.05", "10.00", "9.95", "10.05"),
        ("10+/-0.05", "10", "9.95", "10.05"),
        ("10 +-0.05", "10", "9.95", "10.05"),
        ("１０±０．０５", "10", "9.95", "10.05"),
        ("10(±0.05)", "10", "9.95", "10.05"),
        ("(10±0.1)", "10", "9.9", "10.1"),
        ("±0.1", "0", "-0.1", "0.1"),
        ("-5±0.1", "-5", "-5.1", "-4.9"),
        ("10 +0.1/-0.05", "10", "9.95", "10.1"),
        ("10 -0.05/+0.1", "10", "9.95", "10.1"),
        ("10 (+0.1, -0.05)", "10", "9.95", "10.1"),
        ("10（＋0.1／－0.05）", "10", "9.95", "10.1"),
        ("10\n+0.1\n-0.05", "10", "9.95", "10.1"),
        ("10 +0.1 0", "10", "10", "10.1"),
        ("10 0/-0.1", "10", "9.9", "10"),
        ("10(0/-0.1)", "10", "9.9", "10"),
        ("12.5(+0.3/-0)", "12.5", "12.5", "12.8"),
        ("10 −0.1/−0.2", "10", "9.8", "9.9"),
        ("10+0.1", "10", "10", "10.1"),
        ("10-0.05", "10", "9.95", "10"),
        ("Φ10－0.02", "10", "9.98", "10"),
        ("+0.1/-0.2", "0", "-0.2", "0.1"),
        ("0.082+0.002/-0.002", "0.082", "0.080", "0.084"),
        ("Ø10H7(+0.015/0)", "10", "10", "10.015"),
        ("Ø10 h6 0/-0.009", "10", "9.991", "10"),
    ],
)
def test_a_nominal_with_tolerances(text: str, nominal: str, lsl: str, usl: str) -> None:
    found = parse_spec(text)
    assert (found.nominal, found.lsl, found.usl) == (Decimal(nominal), Decimal(lsl), Decimal(usl))


@pytest.mark.parametrize(
    "text",
    [
        "5.00-5.02",
        "5.00~5.02",
        "5.00～5.02",
        "5.00 – 5.02",
        "5.00…5.02",
        "5.00 至 5.02",
        "5.00 to 5.02",
        "Ø5.00-5.02",
        "Ø5.00-Ø5.02",
        "[5.00,5.02]",
        "5.00≤x≤5.02",
        "5.00<X<5.02",
        "5.02≥x≥5.00",
        "≥5.00,≤5.02",
        "上限5.02 下限5.00",
        "USL 5.02 / LSL 5.00",
        "max 5.02 min 5.00",
        "5.02max/5.00min",
    ],
)
def test_a_range_has_both_limits_and_no_nominal(text: str) -> None:
    assert limits(text) == (None, "5.00", "5.02")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0~0.02", (None, "0", "0.02")),
        ("-0.1~0.2", (None, "-0.1", "0.2")),
        ("-0.2~-0.1", (None, "-0.2", "-0.1")),
        ("10(9.95~10.05)", ("10", "9.95", "10.05")),
        ("10(9.95-10.05)", ("10", "9.95", "10.05")),
        ("10±0.05(9.95~10.05)", ("10", "9.95", "10.05")),
        ("10±0.05(9.95-10.05)", ("10", "9.95", "10.05")),
    ],
)
def test_ranges_with_signs_and_beside_a_nominal(text: str, expected: tuple) -> None:
    assert limits(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "≤0.8",
        "≦0.8",
        "<=0.8",
        "=<0.8",
        "<0.8",
        "0.8 max",
        "0.8MAX",
        "Max.0.8",
        "max 0.8",
        "0.8以下",
        "0.8 以内",
        "不大于0.8",
        "不超过 0.8",
        "小于等于0.8",
        "最大0.8",
        "最大值0.8",
        "上限0.8",
        "x≤0.8",
        "0.8≥x",
        "Ra≤0.8",
        "Ra 0.8 max",
        "USL 0.8",
    ],
)
def test_an_upper_limit_stands_alone(text: str) -> None:
    assert limits(text) == (None, None, "0.8")
    assert parse_spec(text).notation == "upper"


@pytest.mark.parametrize(
    "text",
    [
        "≥12",
        "≧12",
        ">=12",
        ">12",
        "12 min",
        "Min. 12",
        "12MIN",
        "12以上",
        "不小于12",
        "不低于12",
        "大于等于12",
        "最小12",
        "下限12",
        "LSL 12",
        "x≥12",
        "12≤x",
    ],
)
def test_a_lower_limit_stands_alone(text: str) -> None:
    assert limits(text) == (None, "12", None)
    assert parse_spec(text).notation == "lower"


@pytest.mark.parametrize(
    "text", ["10", "10.0 ", "(10)", "10 REF", "10(ref.)", "10 参考", "Ø10", "R10", "[10]"]
)
def test_a_bare_number_is_a_nominal_that_judges_nothing(text: str) -> None:
    found = parse_spec(text)
    assert found.nominal == 10
    assert (found.lsl, found.usl, found.notation) == (None, None, "nominal")


@pytest.mark.parametrize(
    ("text", "symbol", "usl"),
    [
        ("Ra0.8", "Ra", "0.8"),
        ("Rz 6.3", "Rz", "6.3"),
        ("⊥0.02", "⊥", "0.02"),
        ("// 0.05", "//", "0.05"),
        ("◎Ø0.05", "◎Ø", "0.05"),
        ("平面度0.05", "平面度", "0.05"),
        ("平面度：0.05", "平面度", "0.05"),
        ("圆跳动≤0.03", "圆跳动", "0.03"),
        ("粗糙度 Ra 1.6", "粗糙度Ra", "1.6"),
        ("flatness 0.1", "flatness", "0.1"),
    ],
)
def test_form_and_roughness_have_one_upper_limit_and_zero_as_a_bound(
    text: str, symbol: str, usl: str
) -> None:
    found = parse_spec(text)
    assert (found.nominal, found.lsl, found.usl) == (None, None, Decimal(usl))
    assert (found.symbol, found.is_bounded) == (symbol, True)


@pytest.mark.parametrize(
    ("text", "symbol", "nominal"),
    [
        ("Ø0.43±0.005", "Ø", "0.43"),
        ("φ0.43±0.005", "Ø", "0.43"),
        ("⌀ 0.43±0.005", "Ø", "0.43"),
        ("R5±0.1", "R", "5"),
        ("SR5±0.1", "SR", "5"),
        ("SØ5±0.1", "SØ", "5"),
        ("C0.5±0.1", "C", "0.5"),
        ("2-Ø5±0.1", "Ø", "5"),
        ("4×R2±0.1", "R", "2"),
        ("4x5±0.1", "", "5"),
        ("外径Ø10±0.05", "Ø", "10"),
        ("长度: 10±0.1", "", "10"),
        ("L=100±1", "", "100"),
        ("★10±0.05", "", "10"),
        ("10±0.05▲", "", "10"),
        ("10±0.05(SC)", "", "10"),
        ("10±0.05（重要）", "", "10"),
    ],
)
def test_what_stands_around_the_numbers_is_taken_off(text: str, symbol: str, nominal: str) -> None:
    found = parse_spec(text)
    assert (found.symbol, found.nominal, found.is_bounded) == (symbol, Decimal(nominal), False)
    assert found.lsl < found.nominal < found.usl


@pytest.mark.parametrize(
    ("text", "unit", "lsl", "usl"),
    [
        ("10±0.05mm", "mm", "9.95", "10.05"),
        ("１０±０．０５ｍｍ", "mm", "9.95", "10.05"),
        ("10㎜±0.05㎜", "mm", "9.95", "10.05"),
        ("10mm±50μm", "mm", "9.950", "10.050"),
        ("10mm±50µm", "mm", "9.95", "10.05"),
        ("1in±0.254mm", "in", "0.99", "1.01"),
        ("100Ω±5%", "Ω", "95", "105"),
        ("10kΩ±1%", "kΩ", "9.9", "10.1"),
        ("100μF+80%/-20%", "μF", "80", "180"),
        ("50%±5%", "%", "45", "55"),
        ("95%~105%", "%", "95", "105"),
        ("25℃±2", "°C", "23", "27"),
        ("25±2℃", "°C", "23", "27"),
        ("45°±1°", "°", "44", "46"),
        ("45°±30'", "°", "44.5", "45.5"),
        ("45°30′±15′", "°", "45.25", "45.75"),
        ("10N·m±1", "N·m", "9", "11"),
        ("180~220 N/mm²", "N/mm²", "180", "220"),
        ("60-65HRC", "HRC", "60", "65"),
        ("HRC 60~65", "HRC", "60", "65"),
        ("3.5 +0.2 / -0.1 mm", "mm", "3.4", "3.7"),
        ("5V±0.1V", "V", "4.9", "5.1"),
        ("10±0.05毫米", "mm", "9.95", "10.05"),
        ("10毫米±50微米", "mm", "9.95", "10.05"),
        ("5±1次", "次", "4", "6"),
    ],
)
def test_units_are_split_off_and_made_one(text: str, unit: str, lsl: str, usl: str) -> None:
    found = parse_spec(text)
    assert (found.unit, found.lsl, found.usl) == (unit, Decimal(lsl), Decimal(usl))


def test_units_of_one_sided_limits() -> None:
    assert parse_spec("≥12MPa") == Specification(None, Decimal(12), None, "MPa", "lower")
    assert parse_spec("≤ 0.05 mm").unit == "mm"


def test_commas_are_thousands_or_decimals_by_their_place() -> None:
    assert limits("1,000±5") == ("1000", "995", "1005")
    assert limits("10,5±0,3") == ("10.5", "10.2", "10.8")
    assert limits("10±0,05") == ("10", "9.95", "10.05")
    for unclear in ("10,5±0.3", "1,23,4±5", "10,500,5±1"):
        with pytest.raises(SpcInputError, match="comma"):
            parse_spec(unclear)


def test_limits_are_exact_decimals() -> None:
    # 0.082 + 0.002 in binary is 0.08400000000000001.
    found = parse_spec("0.082±0.002")
    assert (str(found.lsl), str(found.usl)) == ("0.080", "0.084")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "/",
        "-",
        "N/A",
        "OK",
        "无",
        "见图纸",
        "10H7",
        "M6x1",
        "5-5",
        "10±0.05±0.02",
        "10 0.1 0.2",
        "10±",
        "50±5%",
        "10.05~9.95",
        "10±0.05(9.9~10.1)",
        "5.00~",
        "±",
        "10 +0.1/0.2",
        "10mm±5V",
        "1.2.3",
        "abc 10",
        "Ø",
        "≤",
        "10±0.1 按图",
        "-5-10",
    ],
)
def test_what_is_not_clear_is_refused_not_guessed(text: str) -> None:
    with pytest.raises(SpcInputError) as refused:
        parse_spec(text)
    assert refused.value.argument == "text"


@pytest.mark.parametrize("value", [None, 10, 10.5, b"10"])
def test_only_text_is_read(value: object) -> None:
    with pytest.raises(SpcInputError):
        parse_spec(value)  # type: ignore[arg-type]


NUMBER = st.decimals("0.001", "500", places=3)


@settings(max_examples=150, deadline=None)
@given(
    nominal=NUMBER,
    up=NUMBER,
    down=NUMBER,
    space=st.sampled_from(["", " "]),
    unit=st.sampled_from(["", "mm", "°"]),
)
def test_written_and_read_again_is_the_same(
    nominal: Decimal, up: Decimal, down: Decimal, space: str, unit: str
) -> None:
    found = parse_spec(f"{nominal}{space}±{space}{up}{unit}")
    assert (found.nominal, found.lsl, found.usl, found.unit) == (nominal, nominal - up, nominal + up, unit)
    found = parse_spec(f"Ø{nominal} +{up}/-{down}{space}{unit}")
    assert (found.nominal, found.lsl, found.usl) == (nominal, nominal - down, nominal + up)
    found = parse_spec(f"{nominal}{unit}{space}~{space}{nominal + up}{unit}")
    assert (found.nominal, found.lsl, found.usl) == (None, nominal, nominal + up)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="0123456789.,+-±~≤≥<>/()ØRaCmμ%°' 上限最大下以至x", max_size=14))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        found = parse_spec(text)
    except SpcInputError:
        return
    if found.lsl is not None and found.usl is not None:
        assert found.lsl <= found.usl
    assert found.notation in {"symmetric", "tolerances", "range", "upper", "lower", "nominal"}


@pytest.mark.parametrize(
    ("text", "lsl", "usl", "unit"),
    [
        ("1 cm ± 0.5 mm", "0.95", "1.05", "cm"),
        ("1 m ± 1 cm", "0.99", "1.01", "m"),
        ("1 mm ± 5 μm", "0.995", "1.005", "mm"),
        ("1 μm ± 50 nm", "0.95", "1.05", "μm"),
        ("10 in ± 2.54 mm", "9.9", "10.1", "in"),
        ("1°±30'", "0.5", "1.5", "°"),
        ("1 Ω ± 100 mΩ", "0.9", "1.1", "Ω"),
        ("1 kΩ ± 10 Ω", "0.99", "1.01", "kΩ"),
        ("1 MΩ ± 10 kΩ", "0.99", "1.01", "MΩ"),
        ("1 g ± 100 mg", "0.9", "1.1", "g"),
        ("1 kg ± 10 g", "0.99", "1.01", "kg"),
        ("1 V ± 50 mV", "0.95", "1.05", "V"),
        ("1 kV ± 10 V", "0.99", "1.01", "kV"),
        ("1 A ± 10 mA", "0.99", "1.01", "A"),
        ("1 mA ± 10 μA", "0.99", "1.01", "mA"),
    ],
)
def test_a_tolerance_in_another_unit_is_converted(text: str, lsl: str, usl: str, unit: str) -> None:
    found = parse_spec(text)
    assert (found.lsl, found.usl, found.unit) == (Decimal(lsl), Decimal(usl), unit)
