"""Binomial and Poisson capability against published intervals and their definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quality.spc.attribute_capability import binomial_capability, poisson_capability
from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing


def test_binomial_interval_of_a_published_example() -> None:
    """Conover (1971), p. 97, as reprinted in the manual of R's binom.test: 682 of 925."""
    found = binomial_capability(682, 925)
    assert found.p == pytest.approx(0.7372973, abs=5e-8)
    assert found.intervals["p"] == pytest.approx((0.7076683, 0.7654066), abs=5e-8)


def test_poisson_interval_of_a_published_example() -> None:
    """Coal mining disasters in the manual of R's poisson.test: 137 in 24.19893 units."""
    found = poisson_capability(137, 24.19893)
    assert found.dpu == pytest.approx(5.661407, abs=5e-7)
    assert found.intervals["dpu"] == pytest.approx((4.753125, 6.692709), abs=5e-7)


def test_binomial_interval_holds_exactly_its_tails() -> None:
    found = binomial_capability([3, 2], [40, 60], confidence=0.9)
    low, high = found.intervals["p"]
    assert stats.binom.sf(4, 100, low) == pytest.approx(0.05)
    assert stats.binom.cdf(5, 100, high) == pytest.approx(0.05)
    assert found.intervals["ppm"] == pytest.approx((1e6 * low, 1e6 * high))


def test_z_is_the_quantile_of_the_good_fraction() -> None:
    found = binomial_capability(27, 10_000)
    assert found.ppm == pytest.approx(2700)
    assert found.z == pytest.approx(stats.norm.isf(0.0027))
    low, high = found.intervals["p"]
    assert found.intervals["z"] == pytest.approx((stats.norm.isf(high), stats.norm.isf(low)))
    assert found.z_low == found.intervals["z"].low


def test_nothing_bad_found_says_only_what_it_can() -> None:
    found = binomial_capability([0, 0, 0], 100)
    assert (found.p, found.ppm, found.z) == (0.0, 0.0, None)
    assert found.missing == {"z": Missing.NONE_NONCONFORMING, "homogeneity_p": Missing.ZERO_VARIANCE}
    assert found.intervals["p"].high == pytest.approx(1 - 0.025 ** (1 / 300))
    assert found.z_low == pytest.approx(stats.norm.isf(found.intervals["p"].high))
    assert "z" not in found.intervals


def test_everything_bad_has_no_z_either() -> None:
    found = binomial_capability([5], 5)
    assert found.missing == {
        "z": Missing.ALL_NONCONFORMING,
        "z_low": Missing.ALL_NONCONFORMING,
        "homogeneity_p": Missing.ONE_VALUE,
    }
    assert found.intervals["p"].high == 1.0


def test_homogeneity_is_the_chi_square_test_of_the_table() -> None:
    bad, n = np.array([12, 8, 20, 5]), np.array([100, 110, 90, 100])
    expected = stats.chi2_contingency(np.array([bad, n - bad]), correction=False).pvalue
    assert binomial_capability(bad, n).homogeneity_p == pytest.approx(expected)
    units = np.array([1.0, 1.0, 1.0, 1.0])
    assert poisson_capability(bad, units).homogeneity_p == pytest.approx(stats.chisquare(bad).pvalue)


def test_per_million_opportunities_and_yield() -> None:
    found = poisson_capability([3, 5, 4], [10, 10, 5.5], opportunities=40)
    assert found.dpu == pytest.approx(12 / 25.5)
    assert found.dpmo == pytest.approx(1e6 * 12 / 25.5 / 40)
    assert found.yield_ == pytest.approx(np.exp(-12 / 25.5))
    assert found.z == pytest.approx(stats.norm.ppf(found.yield_))
    low, high = found.intervals["dpu"]
    assert found.intervals["dpmo"] == pytest.approx((1e6 * low / 40, 1e6 * high / 40))
    assert found.intervals["yield_"] == pytest.approx((np.exp(-high), np.exp(-low)))
    assert poisson_capability([3, 5]).missing["dpmo"] is Missing.NOT_GIVEN


def test_no_nonconformity_has_an_upper_bound() -> None:
    found = poisson_capability(0, 10)
    assert found.dpu == 0 and found.z is None and found.yield_ == 1.0
    assert found.intervals["dpu"] == (0.0, pytest.approx(-np.log(0.025) / 10))


def test_missing_samples_are_left_out() -> None:
    assert binomial_capability([3, None, 2], [40, 50, 60]) == binomial_capability([3, 2], [40, 60])
    assert poisson_capability([3, 1, 2], [4, None, 6]) == poisson_capability([3, 2], [4, 6])


@pytest.mark.parametrize(
    "call", [lambda: binomial_capability([], 10), lambda: poisson_capability([None], 10)]
)
def test_without_samples_everything_is_missing(call) -> None:
    found = call()
    assert found.z is None and found.samples == 0
    assert found.missing["z"] is Missing.NO_VALUES


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: binomial_capability([5], [4]), "counts"),
        (lambda: binomial_capability([1.5], 4), "counts"),
        (lambda: binomial_capability([[1]], 4), "counts"),
        (lambda: binomial_capability([1, 2], [4, 5, 6]), "sizes"),
        (lambda: binomial_capability([1], 0), "sizes"),
        (lambda: binomial_capability([1], 4.5), "sizes"),
        (lambda: binomial_capability([1], 4, confidence=1), "confidence"),
        (lambda: poisson_capability([1], -4), "units"),
        (lambda: poisson_capability([-1], 4), "counts"),
        (lambda: poisson_capability([1], 4, opportunities=0), "opportunities"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


def test_homogeneity_is_the_chi_square_of_the_samples() -> None:
    found, sizes = np.array([3, 9, 2, 6]), np.array([100, 120, 80, 100])
    table = np.array([found, sizes - found])
    expected = stats.chi2_contingency(table, correction=False)
    assert binomial_capability(found, sizes).homogeneity_p == pytest.approx(expected.pvalue, rel=1e-9)
