"""Control chart constants against their definitions and published tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from quality.spc import constants
from quality.spc.constants import constant
from quality.spc.errors import SpcInputError
from tests.oracles import spc_constants as oracle
from tests.quality.spc.spc_cases import case

ALL_NAMES = (
    "d2",
    "d3",
    "c4",
    "c5",
    "A",
    "A2",
    "A3",
    "B3",
    "B4",
    "B5",
    "B6",
    "D1",
    "D2",
    "D3",
    "D4",
    "E2",
    "E3",
)


def test_constants_of_the_published_case_are_met() -> None:
    reference = case("const_n2_to_10")
    for row in reference["expected"]["rows"]:
        for name, value in row.items():
            if name != "n":
                assert constant(name, row["n"]) == pytest.approx(value, rel=1e-9), (name, row["n"])
    for size, printed in reference["expected"]["published_rounded"].items():
        for name, value in printed.items():
            n = int(size.removeprefix("n="))
            # E2 is printed as 3 over the rounded d2: 2.660 for n = 2, the exact value is 2.659.
            exact = 3 / round(constant("d2", n), 3) if name == "E2" else constant(name, n)
            assert exact == pytest.approx(value, abs=0.0006)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 25, 60, 125, 200])
def test_range_constants_equal_their_integrals(n: int) -> None:
    assert constant("d2", n) == pytest.approx(oracle.d2(n), rel=1e-11)
    assert constant("d3", n) == pytest.approx(oracle.d3(n), rel=1e-9)


def test_closed_forms_are_met_to_the_last_digits() -> None:
    assert constant("d2", 2) == pytest.approx(2 / math.sqrt(math.pi), rel=1e-14)
    assert constant("d3", 2) == pytest.approx(math.sqrt(2 - 4 / math.pi), rel=1e-13)
    assert constant("d2", 3) == pytest.approx(3 / math.sqrt(math.pi), rel=1e-14)
    assert constant("c4", 2) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-15)
    assert constant("c4", 3) == pytest.approx(math.sqrt(math.pi) / 2, rel=1e-15)
    assert constant("em", 2) == pytest.approx(1 / math.sqrt(2), rel=1e-12)
    # The median range of two: half of all ranges are below it.
    assert oracle.range_cdf(2, constants.d4_of_two()) == pytest.approx(0.5, abs=1e-12)


def test_c4_is_exact_for_every_size_across_the_change_of_method() -> None:
    sizes = np.array([2, 3, 4, 24, 25, 26, 100, 101, 102, 103, 200, 201, 1000, 20_000], dtype=float)
    for size, value in zip(sizes, constants.c4_of(sizes), strict=True):
        assert value == pytest.approx(oracle.c4(int(size)), rel=3e-13), size
    assert np.isnan(constants.c4_of(np.array([1.0, 0.0, -3.0]))).all()


@pytest.mark.parametrize("n", [3, 5, 9, 25, 99])
def test_median_deviation_equals_its_integral(n: int) -> None:
    assert constant("em", n) == pytest.approx(oracle.median_deviation(n), rel=1e-9)


def test_median_deviation_of_even_sizes_lies_between_its_neighbours_scaled() -> None:
    # Printed variances of the median: 0.298 for n = 4, 0.215 for n = 6 (Sarhan and Greenberg).
    assert constant("em", 4) ** 2 == pytest.approx(0.2982, abs=5e-5)
    assert constant("em", 6) ** 2 == pytest.approx(0.2147, abs=5e-5)


def test_derived_constants_follow_their_formulas() -> None:
    for n in (2, 5, 6, 7, 10, 25, 200):
        d2, d3, c4 = constant("d2", n), constant("d3", n), constant("c4", n)
        c5, root = math.sqrt(1 - c4**2), math.sqrt(n)
        expected = {
            "c5": c5,
            "A": 3 / root,
            "A2": 3 / (d2 * root),
            "A3": 3 / (c4 * root),
            "B3": max(0.0, 1 - 3 * c5 / c4),
            "B4": 1 + 3 * c5 / c4,
            "B5": max(0.0, c4 - 3 * c5),
            "B6": c4 + 3 * c5,
            "D1": max(0.0, d2 - 3 * d3),
            "D2": d2 + 3 * d3,
            "D3": max(0.0, 1 - 3 * d3 / d2),
            "D4": 1 + 3 * d3 / d2,
            "E2": 3 / d2,
            "E3": 3 / c4,
        }
        for name, value in expected.items():
            assert constant(name, n) == pytest.approx(value, rel=1e-12), (name, n)


def test_every_constant_exists_from_two_to_two_hundred_and_changes_smoothly() -> None:
    for name in ALL_NAMES:
        values = constants.table(name)[2:]
        assert len(values) == 199
        assert np.isfinite(values).all(), name
        steps = np.diff(values[30:])
        assert (steps >= 0).all() or (steps <= 0).all(), name


def test_a_table_cannot_be_changed_by_its_reader() -> None:
    with pytest.raises(ValueError, match="read-only"):
        constants.table("d2")[5] = 2.33


@pytest.mark.parametrize("n", [1, 0, -2, 201, 2.5, True, "5"])
def test_a_size_without_the_constant_is_refused_by_name(n: object) -> None:
    with pytest.raises(SpcInputError) as refused:
        constant("d2", n)  # type: ignore[arg-type]
    assert refused.value.argument == "n"


def test_an_unknown_constant_is_refused() -> None:
    with pytest.raises(SpcInputError, match="A9"):
        constant("A9", 5)


def test_sizes_above_the_table_have_c4_but_no_range_constants() -> None:
    sizes = np.array([[300], [5]])
    assert constants.at_sizes("c4", sizes)[0, 0] == pytest.approx(oracle.c4(300), rel=1e-12)
    assert constants.at_sizes("c5", sizes)[0, 0] == pytest.approx(
        math.sqrt(1 - oracle.c4(300) ** 2), rel=1e-9
    )
    with pytest.raises(SpcInputError, match="subgroup_size"):
        constants.at_sizes("d2", sizes)


def test_d2_at_mixed_sizes_is_looked_up_by_place() -> None:
    found = constants.at_sizes("d2", np.array([[1, 2], [5, 0]]))
    assert np.isnan(found[0, 0])
    assert np.isnan(found[1, 1])
    assert found[0, 1] == constant("d2", 2)
    assert found[1, 0] == constant("d2", 5)
