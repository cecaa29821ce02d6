"""Named warnings about poor data."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quality.spc import Subgroups, WarningCode, data_quality, quality_warnings
from quality.spc.constants import constant

RNG = np.random.default_rng(12)
GOOD = RNG.normal(10, 0.02, 60).round(4).tolist()


def codes(values, **kwargs) -> set[str]:
    return {warning.code.value for warning in quality_warnings(values, **kwargs)}


def test_good_data_have_no_warning() -> None:
    assert quality_warnings(GOOD) == ()
    assert quality_warnings(GOOD, subgroup_size=5) == ()


def test_too_few_values_are_told_with_their_number() -> None:
    (warning,) = quality_warnings(GOOD[:24])
    assert warning.code is WarningCode.TOO_FEW_VALUES
    assert dict(warning.numbers) == {"n": 24, "least": 25}
    assert codes(GOOD[:25]) == set()
    assert codes(GOOD[:25], least_values=30) == {"too_few_values"}
    assert codes([]) == codes([None]) == {"too_few_values"}


def test_constant_data_are_named_as_such_only() -> None:
    assert codes([10.1] * 40) == {"constant"}
    assert codes([10.1]) == {"too_few_values"}


def test_fewer_than_five_distinct_values() -> None:
    values = [10.0, 10.1, 10.2, 10.3] * 10
    (warning,) = [w for w in quality_warnings(values) if w.code is WarningCode.FEW_DISTINCT_VALUES]
    assert dict(warning.numbers) == {"distinct": 4, "least": 5}
    assert "few_distinct_values" not in codes([*values, 10.4])


def test_binary_noise_makes_no_distinct_values_of_ten() -> None:
    assert "few_distinct_values" in codes([0.1, 0.2, 0.3, 0.4] * 10)


def test_a_gauge_too_coarse_for_the_ranges_chatters() -> None:
    fine = RNG.normal(10, 0.004, 100)
    assert "resolution_chatter" not in codes(fine.round(3).tolist())
    (warning,) = [
        w for w in quality_warnings(fine.round(2).tolist()) if w.code is WarningCode.RESOLUTION_CHATTER
    ]
    assert warning.numbers["step"] == pytest.approx(0.01)
    assert warning.numbers["possible"] < warning.numbers["least"] == 4


@pytest.mark.parametrize(("n", "least"), [(2, 4), (3, 5), (5, 5)])
def test_chatter_begins_below_five_possible_ranges_and_four_for_pairs(n: int, least: int) -> None:
    rows = np.random.default_rng(n).normal(0, 1, (40, n))
    ucl = constant("D4", n) * float(np.mean(rows.max(axis=1) - rows.min(axis=1)))
    # `least` possible values are 0, 1, … least - 1 steps within the limit of the ranges.
    enough, too_few = ucl / (least - 1) * 0.999, ucl / (least - 1) * 1.001
    assert "resolution_chatter" not in codes(rows.ravel(), subgroup_size=n, resolution=enough)
    assert "resolution_chatter" in codes(rows.ravel(), subgroup_size=n, resolution=too_few)


def test_the_step_of_the_gauge_is_found_in_the_values() -> None:
    columns = np.array(
        [[10.005, 0.30, 7.0, 1e-3, 4.0], [10.015, 0.10, 7.0, 3e-3, np.nan], [10.000, 0.20, 7.0, 9e-3, 10.0]]
    )
    steps = data_quality.common_step(columns)
    assert steps[[0, 1, 3, 4]] == pytest.approx([0.005, 0.1, 0.002, 6.0])
    assert np.isnan(steps[2])
    assert np.isnan(data_quality.common_step(np.array([[1 / 3], [np.pi]]))[0])


def test_positions_that_differ_are_a_mixture() -> None:
    shots = RNG.normal(0, 0.01, (30, 4)) + np.array([0.0, 0.02, -0.01, 0.0])
    (warning,) = quality_warnings(shots.round(4).ravel(), subgroup_size=4)
    assert warning.code is WarningCode.MIXTURE_OF_POSITIONS
    assert warning.numbers["p"] < 0.001
    assert codes(RNG.normal(0, 0.01, (30, 4)).ravel(), subgroup_size=4) == set()
    assert codes(shots.round(4).ravel()) == set()  # no subgroups, no positions


def test_the_position_test_is_the_two_way_analysis_of_variance() -> None:
    rows = np.random.default_rng(3).normal(0, 1, (12, 3)) + np.array([0, 3.0, 0])
    warning = next(
        w
        for w in quality_warnings(rows.ravel(), subgroup_size=3, least_values=1)
        if w.code.startswith("mixture")
    )
    grand = rows.mean()
    between = 12 * np.sum((rows.mean(axis=0) - grand) ** 2)
    residual = np.sum((rows - rows.mean(axis=0) - rows.mean(axis=1, keepdims=True) + grand) ** 2)
    f = (between / 2) / (residual / 22)
    assert warning.numbers["f"] == pytest.approx(f, rel=1e-10)
    assert warning.numbers["p"] == pytest.approx(stats.f.sf(f, 2, 22), rel=1e-8)


def test_incomplete_subgroups_are_left_out_of_the_position_test() -> None:
    rows = (np.random.default_rng(5).normal(0, 0.1, (20, 2)) + np.array([0, 1])).tolist()
    whole = quality_warnings(Subgroups(rows))
    with_gaps = quality_warnings(Subgroups([*rows, [5.0], [None, 7.0]]))
    pick = [next(w.numbers for w in found if w.code.startswith("mixture")) for found in (whole, with_gaps)]
    assert pick[0] == pytest.approx(pick[1])


def test_positions_without_any_other_difference_have_no_f_but_a_warning() -> None:
    warning = next(
        w for w in quality_warnings([1.0, 2.0] * 20, subgroup_size=2) if w.code.startswith("mixture")
    )
    assert dict(warning.numbers) == {"p": 0.0}


def test_stable_positions_are_called_a_mixture_no_more_often_than_promised() -> None:
    many = quality_warnings(np.random.default_rng(8).normal(0, 1, (4000, 60)), subgroup_size=4)
    share = np.mean([any(w.code.startswith("mixture") for w in found) for found in many])
    assert share < 0.0035


def test_three_complete_subgroups_are_enough_to_see_positions() -> None:
    shots = [[1.0, 2.0, 3.01], [1.01, 2.0, 3.0], [1.0, 2.01, 3.0]]
    codes = [[warning.code for warning in quality_warnings(Subgroups(shots[:count]))] for count in (2, 3)]
    assert WarningCode.MIXTURE_OF_POSITIONS not in codes[0]
    assert WarningCode.MIXTURE_OF_POSITIONS in codes[1]
