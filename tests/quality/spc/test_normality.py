"""Tests of normality against published values, their definitions and their own distribution."""

from __future__ import annotations

import json
import math
import statistics
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.normality import _lilliefors_p, normal_ad_p, normality
from tests.oracles import nonnormal as oracle

CASE = json.loads(
    (files("quality.spc") / "cases" / "anderson_darling_diameter.json").read_text(encoding="utf-8")
)
X = CASE["data"]["x"]


def test_published_and_recomputed_values_of_the_diameter_data() -> None:
    expected, found = CASE["expected"], normality(X)
    assert (found.n, found.mean, found.sd) == (100, pytest.approx(7.08), pytest.approx(expected["sd"]))
    for ours, theirs in (
        ("ad", "AD"),
        ("ad_adjusted", "AD_adjusted"),
        ("ad_p", "AD_p"),
        ("shapiro_w", "shapiro_W"),
        ("shapiro_p", "shapiro_p"),
        ("lilliefors_d", "lilliefors_D"),
        ("lilliefors_p", "lilliefors_p"),
        ("skewness_g1", "skewness_g1"),
    ):
        assert getattr(found, ours) == pytest.approx(expected[theirs], rel=1e-6), ours
    assert round(found.ad, 2) == expected["published"]["AD"]
    assert round(found.ad_p, 2) == expected["published"]["AD_p"]


@settings(max_examples=40)
@given(xs=st.lists(st.floats(-3, 3), min_size=8, max_size=30).filter(lambda xs: statistics.pstdev(xs) > 0.3))
def test_ad_agrees_with_its_definition(xs: list[float]) -> None:
    mean, sd = statistics.fmean(xs), statistics.stdev(xs)
    expected = oracle.anderson_darling(xs, lambda x: oracle.normal_cdf((x - mean) / sd))
    assert normality(xs).ad == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("adjusted", "p"), [(0.631, 0.10), (0.752, 0.05), (0.873, 0.025), (1.035, 0.01)])
def test_p_at_the_percentage_points_of_stephens_table(adjusted: float, p: float) -> None:
    """D'Agostino and Stephens, table 4.7, case 3."""
    assert normal_ad_p(adjusted) == pytest.approx(p, rel=0.03)


def test_p_falls_over_the_whole_range_and_its_branches_meet() -> None:
    grid = np.linspace(0.11, 14, 4000)
    p = np.array([normal_ad_p(a) for a in grid])
    assert np.all(np.diff(p) <= 1e-3)
    for edge in (0.2, 0.34, 0.6):
        assert normal_ad_p(edge - 1e-9) == pytest.approx(normal_ad_p(edge), abs=5e-3)
    assert normal_ad_p(20) == 3.7e-24


def test_skewness_and_kurtosis_are_those_of_excel() -> None:
    """Microsoft's help page of KURT and SKEW uses 3, 4, 5, 2, 3, 4, 5, 6, 4, 7: -0.151799637 and
    0.359543071.
    """
    found = normality([3, 4, 5, 2, 3, 4, 5, 6, 4, 7])
    assert found.kurtosis == pytest.approx(-0.151799637, abs=1e-9)
    assert found.skewness == pytest.approx(0.359543071, abs=1e-9)


def test_shift_and_scale_change_nothing_but_the_sign_of_skewness() -> None:
    plain = normality(X)
    for factor, offset in ((1e-170, 0.0), (250.0, -3e4), (-2.0, 7.0)):
        moved = normality([factor * x + offset for x in X])
        assert moved.ad == pytest.approx(plain.ad, rel=1e-6)
        assert moved.shapiro_w == pytest.approx(plain.shapiro_w, rel=1e-6)
        assert moved.kurtosis == pytest.approx(plain.kurtosis, rel=1e-5)
        assert moved.skewness == pytest.approx(math.copysign(1, factor) * plain.skewness, rel=1e-5)


def test_p_of_lilliefors_is_uniform_on_normal_samples() -> None:
    rng = np.random.default_rng(1986)
    p = np.array([normality(rng.normal(size=20)).lilliefors_p for _ in range(1500)])
    large = np.array([normality(rng.normal(size=300)).lilliefors_p for _ in range(1000)])
    assert np.mean(large <= 0.05) == pytest.approx(0.05, abs=0.03)
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(
            level, abs=4 * math.sqrt(level * (1 - level) / len(p)) + 0.01
        )


def test_shapiro_is_scipys_on_the_plain_sample() -> None:
    w, p = stats.shapiro(X)
    assert normality(X).shapiro_w == pytest.approx(float(w), rel=1e-9)
    assert normality(X).shapiro_p == pytest.approx(float(p), rel=1e-9)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], Missing.NO_VALUES),
        ([None], Missing.NO_VALUES),
        ([2.0], Missing.ONE_VALUE),
        ([2.0] * 9, Missing.ZERO_VARIANCE),
    ],
)
def test_without_spread_every_test_is_missing(values, reason) -> None:
    found = normality(values)
    assert found.ad is None and found.skewness_g1 is None
    assert {found.missing[name] for name in ("ad", "ad_p", "shapiro_w", "lilliefors_p", "kurtosis")} == {
        reason
    }


def test_small_and_huge_samples_miss_only_what_they_cannot_have() -> None:
    assert normality([1, 2]).missing.keys() == {
        "ad_p", "shapiro_w", "shapiro_p", "lilliefors_d", "lilliefors_p", "skewness", "kurtosis",
    }  # fmt: skip
    assert normality([1, 2, 4]).missing.keys() == {"ad_p", "lilliefors_d", "lilliefors_p", "kurtosis"}
    assert normality([1, 2, 4, 5, 7]).missing.keys() == {"ad_p"}
    assert normality([1, 2, 4, 5, 7, 8, 9, 11]).missing == {}
    huge = normality(np.random.default_rng(0).normal(size=5001))
    assert huge.missing == dict.fromkeys(("shapiro_w", "shapiro_p"), Missing.TOO_MANY_VALUES)


def test_missing_values_are_left_out_and_many_are_one_by_one() -> None:
    rows = [X, X[:20], [*X[:20], None], np.array(X).reshape(20, 5)[:, :3].ravel()]
    found = normality(rows)
    assert found[1] == found[2] == normality(X[:20])
    assert found[3].n == 60


def test_text_is_refused() -> None:
    with pytest.raises(SpcInputError, match="values"):
        normality("1 2 3")


def test_p_of_lilliefors_follows_its_published_formulas() -> None:
    """Dallal and Wilkinson (1986) below 0.1, Stephens (1974) above, also for more than 100 values."""
    for n in (8, 40, 100, 101, 400):
        d10 = 0.819 / np.sqrt(n)  # about the 10 % point
        for d in d10 * np.array([0.3, 0.55, 0.65, 0.8, 0.9, 1.05, 1.2, 1.5]):
            k, size = (d, n) if n <= 100 else (d * (n / 100) ** 0.49, 100)
            expected = math.exp(
                -7.01256 * k**2 * (size + 2.78019)
                + 2.99587 * k * math.sqrt(size + 2.78019)
                - 0.122119
                + 0.974598 / math.sqrt(size)
                + 1.67997 / size
            )
            if expected > 0.1:
                kk = (math.sqrt(n) - 0.01 + 0.85 / math.sqrt(n)) * d
                if kk <= 0.302:
                    expected = 1.0
                elif kk <= 0.5:
                    expected = 2.76773 - 19.828315 * kk + 80.709644 * kk**2 - 138.55152 * kk**3
                    expected += 81.218052 * kk**4
                elif kk <= 0.9:
                    expected = -4.901232 + 40.662806 * kk - 97.490286 * kk**2 + 94.029866 * kk**3
                    expected -= 32.355711 * kk**4
                elif kk <= 1.31:
                    expected = 6.198765 - 19.558097 * kk + 23.186922 * kk**2 - 12.234627 * kk**3
                    expected += 2.423045 * kk**4
            assert _lilliefors_p(float(d), n) == pytest.approx(expected, rel=1e-9), (n, d)


def test_the_pieces_of_the_formula_join() -> None:
    """A misprinted coefficient would make a step where one piece ends and the next begins."""
    n = 25
    per_k = math.sqrt(n) - 0.01 + 0.85 / math.sqrt(n)
    for k in (0.302, 0.5):
        left, right = (_lilliefors_p((k + step) / per_k, n) for step in (-1e-9, 1e-9))
        assert left == pytest.approx(right, abs=2e-3)


def test_two_and_three_values_have_no_skewness_or_kurtosis() -> None:
    two, three = normality([1.0, 2.0]), normality([1.0, 2.0, 4.0])
    assert (two.skewness, two.missing["skewness"]) == (None, Missing.TOO_FEW_VALUES)
    assert three.skewness == pytest.approx(stats.skew([1.0, 2.0, 4.0], bias=False))
    assert (three.kurtosis, three.missing["kurtosis"]) == (None, Missing.TOO_FEW_VALUES)
    assert normality([1.0, 2.0, 4.0, 9.0]).kurtosis == pytest.approx(
        stats.kurtosis([1.0, 2.0, 4.0, 9.0], bias=False)
    )
