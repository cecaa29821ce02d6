"""Hotelling's T² against a published chart, its definition and its distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.multivariate import hotelling_t2, t2_limits

RNG = np.random.default_rng(113)
MIX = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 1.2]])
PIECES = RNG.normal(size=(30, 3)) @ MIX.T * [1, 100, 1e-3] + [10, 5000, 2]
GROUPS = RNG.normal(size=(25, 4, 3)) @ MIX.T


def test_limits_of_montgomerys_textile_example() -> None:
    """Example 11.1: 20 samples of 10, two characteristics, alpha 0.001: 13.72, later samples 15.16."""
    assert t2_limits(20, 10, 2, alpha=0.001) == pytest.approx((13.72, 15.16), abs=0.006)


def test_t2_is_the_squared_distance_in_the_metric_of_the_covariance() -> None:
    chart = hotelling_t2(PIECES)
    metric = np.linalg.inv(np.cov(PIECES, rowvar=False))
    expected = [(x - PIECES.mean(0)) @ metric @ (x - PIECES.mean(0)) for x in PIECES]
    assert chart.points == pytest.approx(expected)
    grouped = hotelling_t2(GROUPS)
    pooled = np.mean([np.cov(group, rowvar=False) for group in GROUPS], axis=0)
    d = GROUPS.mean(1) - GROUPS.mean((0, 1))
    assert grouped.points == pytest.approx([4 * row @ np.linalg.inv(pooled) @ row for row in d])
    assert grouped.covariance == pytest.approx(pooled)


def test_units_do_not_matter() -> None:
    chart = hotelling_t2(PIECES)
    rescaled = hotelling_t2(PIECES * [25.4, -1e6, 0.01] + [1, 2, 3])
    assert rescaled.points == pytest.approx(chart.points)
    assert rescaled.contributions == pytest.approx(chart.contributions)


def test_contribution_is_what_vanishes_without_the_characteristic() -> None:
    chart = hotelling_t2(PIECES)
    for j in range(3):
        without = hotelling_t2(np.delete(PIECES, j, axis=1))
        assert chart.contributions[:, j] == pytest.approx(chart.points - without.points)


def test_one_characteristic_is_the_squared_t() -> None:
    x = PIECES[:, :1]
    chart = hotelling_t2(x)
    assert chart.points == pytest.approx(((x[:, 0] - x.mean()) / x.std(ddof=1)) ** 2)


def test_phase_1_limits_hold_their_risk_for_the_points_that_made_them() -> None:
    rng = np.random.default_rng(1)
    for size in (1, 3):
        shape = (8, 2) if size == 1 else (8, size, 2)
        limits = t2_limits(8, size, 2, alpha=0.05)
        first = np.array([hotelling_t2(rng.normal(size=shape)).points for _ in range(3000)])
        share = (first > limits[0]).mean()
        assert share == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / first.size))


def test_phase_2_limits_hold_their_risk_for_later_points() -> None:
    rng = np.random.default_rng(2)
    for size in (1, 3):
        shape = (12, 2) if size == 1 else (12, size, 2)
        limits = t2_limits(10, size, 2, alpha=0.05)
        later = np.array([hotelling_t2(rng.normal(size=shape), baseline=10).points[10:] for _ in range(4000)])
        # The two later points of one run share its baseline, so they count as about one.
        assert (later > limits[1]).mean() == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 4000))


def test_baseline_and_later_points_have_their_own_limit() -> None:
    later = np.array([[10.0, 5000.0, 2.02]])
    chart = hotelling_t2(np.vstack([PIECES, later]), baseline=30)
    assert list(chart.phase) == [1] * 30 + [2]
    assert chart.ucl[0] == chart.ucl_phase1 and chart.ucl[30] == chart.ucl_phase2
    assert chart.ucl_phase1 < chart.ucl_phase2
    assert chart.beyond == (30,)
    assert np.argmax(chart.contributions[30]) == 2
    assert chart.points[:30] == pytest.approx(hotelling_t2(PIECES).points)


def test_excluded_and_missing_points_do_not_make_limits() -> None:
    spoiled = PIECES.copy()
    spoiled[3] = [99, 0, 0]
    spoiled[7, 1] = np.nan
    chart = hotelling_t2(spoiled, excluded={3: "wrong part"})
    clean = hotelling_t2(np.delete(PIECES, [3, 7], axis=0))
    assert np.delete(chart.points, [3, 7]) == pytest.approx(clean.points)
    assert np.isnan(chart.points[7]) and chart.points[3] > chart.ucl[3]
    assert 3 not in chart.beyond
    assert (chart.points_used, chart.ucl_phase1) == (28, pytest.approx(clean.ucl_phase1))


@pytest.mark.parametrize(
    ("values", "options", "reason"),
    [
        (np.full((5, 2), np.nan), {}, Missing.NO_VALUES),
        (np.empty((0, 2)), {}, Missing.NO_VALUES),
        (PIECES[:5], {"baseline": [False] * 5}, Missing.NO_BASELINE),
        (PIECES[:1], {}, Missing.TOO_FEW_VALUES),
        (PIECES[:3], {}, Missing.TOO_FEW_VALUES),
        (PIECES[:4], {}, Missing.TOO_FEW_VALUES),
        (GROUPS[:1, :3], {}, Missing.TOO_FEW_VALUES),
        (PIECES * [1, 0, 1], {}, Missing.SINGULAR),
        (np.hstack([PIECES, PIECES[:, :1] * 2]), {}, Missing.SINGULAR),
    ],
)
def test_what_does_not_exist_is_missing_with_a_reason(values, options, reason) -> None:
    chart = hotelling_t2(values, **options)
    assert chart.missing == {"limits": reason}
    assert chart.beyond == () and chart.ucl_phase1 is None
    assert np.isnan(chart.ucl).all()


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: hotelling_t2([1.0, 2.0]), "values"),
        (lambda: hotelling_t2("text"), "values"),
        (lambda: hotelling_t2(np.ones((4, 0))), "values"),
        (lambda: hotelling_t2(np.ones((4, 0, 2))), "values"),
        (lambda: hotelling_t2(PIECES, alpha=0), "alpha"),
        (lambda: hotelling_t2(PIECES, baseline=0), "baseline"),
        (lambda: hotelling_t2(PIECES, excluded={99: "x"}), "excluded"),
        (lambda: hotelling_t2(PIECES, excluded={9: " "}), "excluded"),
        (lambda: t2_limits(0, 1, 2), "points"),
        (lambda: t2_limits(20, 1.5, 2), "subgroup_size"),
        (lambda: t2_limits(20, 1, True), "characteristics"),
        (lambda: t2_limits(20, 1, 2, alpha=1), "alpha"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


def test_subgroups_of_one_piece_are_single_pieces() -> None:
    one, single = hotelling_t2(PIECES[:, None, :]), hotelling_t2(PIECES)
    np.testing.assert_array_equal(one.points, single.points)


def test_few_subgroups_are_told_from_dependent_characteristics() -> None:
    dependent = GROUPS.copy()
    dependent[..., 2] = dependent[..., 0] * 2 - dependent[..., 1]
    assert hotelling_t2(dependent).missing["limits"] is Missing.SINGULAR
    wide = RNG.normal(size=(2, 2, 3))  # 2 degrees of freedom for 3 characteristics
    assert hotelling_t2(wide).missing["limits"] is Missing.TOO_FEW_VALUES
    single = RNG.normal(size=(3, 3))
    assert hotelling_t2(single).missing["limits"] is Missing.TOO_FEW_VALUES
    enough = RNG.normal(size=(4, 3))
    enough[:, 2] = enough[:, 0]
    assert hotelling_t2(enough).missing["limits"] is Missing.SINGULAR


def test_one_degree_of_freedom_is_enough_for_a_limit() -> None:
    m, n, p = 3, 2, 3  # df = mn - m - p + 1 = 1
    phase_1, phase_2 = t2_limits(m, n, p, alpha=0.01)
    quantile = p * (n - 1) / 1 * stats.f.isf(0.01, p, 1)
    assert phase_1 == pytest.approx((m - 1) * quantile, rel=1e-9)
    assert phase_2 == pytest.approx((m + 1) * quantile, rel=1e-9)
    assert all(value is None or np.isnan(value) for value in t2_limits(2, 2, 3, alpha=0.01))


def test_few_large_subgroups_have_freedom_enough() -> None:
    groups = RNG.normal(size=(5, 3, 3))  # 10 degrees of freedom
    groups[..., 2] = groups[..., 0] - groups[..., 1]
    assert hotelling_t2(groups).missing["limits"] is Missing.SINGULAR


def test_one_subgroup_has_a_limit_for_later_ones_and_none_for_itself() -> None:
    phase_1, phase_2 = t2_limits(1, 5, 2, alpha=0.01)
    assert phase_1 is None or np.isnan(phase_1)
    assert phase_2 == pytest.approx(2 * 2 * 4 / 3 * stats.f.isf(0.01, 2, 3), rel=1e-9)
