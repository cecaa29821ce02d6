"""Operating characteristics against published curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from quality.spc.errors import SpcInputError
from quality.spc.sampling import acceptance_probability, operating_characteristic, quality_at
from quality.spc.sampling.oc import hypergeometric_cdf


def test_curve_of_montgomerys_plan() -> None:
    """Montgomery, Introduction to Statistical Quality Control, table 15.2 (n = 89, c = 2)."""
    p = [0.005, 0.010, 0.020, 0.030, 0.040, 0.050, 0.060, 0.070, 0.080, 0.090]
    printed = [0.9897, 0.9397, 0.7366, 0.4985, 0.3042, 0.1721, 0.0919, 0.0468, 0.0230, 0.0109]
    assert np.round(acceptance_probability(89, 2, p), 4) == pytest.approx(printed, abs=1e-9)


def test_outgoing_quality_and_total_inspection_of_montgomerys_plan() -> None:
    """The same, section 15.2.4: N = 10000, p = 0.01 gives AOQ 0.0093 and ATI 687."""
    curve = operating_characteristic(89, 2, [0.01], lot_size=10_000)
    assert round(float(curve.aoq[0]), 4) == 0.0093
    assert round(float(curve.ati[0])) == 687


@pytest.mark.parametrize(
    ("ac", "p95", "p10"),
    [(0, 0.0641, 2.84), (1, 0.446, 4.78), (2, 1.03, 6.52), (3, 1.73, 8.16), (5, 3.32, 11.3)],
)
def test_qualities_of_letter_j_in_the_standard(ac: int, p95: float, p10: float) -> None:
    """MIL-STD-105E table X-J-1 (n = 80), percent, printed with three digits."""
    found = [100 * quality_at(80, ac, pa) for pa in (0.95, 0.10)]
    assert found == pytest.approx([p95, p10], rel=5e-3)


@settings(max_examples=60)
@given(n=st.integers(1, 500), ac=st.integers(0, 20), pa=st.floats(0.01, 0.99))
def test_quality_at_inverts_the_probability(n: int, ac: int, pa: float) -> None:
    for model in ("binomial", "poisson"):
        if model == "binomial" and ac >= n:
            assert quality_at(n, ac, pa) == 1.0
            continue
        p = quality_at(n, ac, pa, model=model)
        assert float(acceptance_probability(n, ac, p, model=model)) == pytest.approx(pa, rel=1e-6)


def test_hypergeometric_counts_whole_items_of_the_lot() -> None:
    pa = acceptance_probability(2, 0, [0.0, 0.5, 1.0, np.nan], model="hypergeometric", lot_size=4)
    assert pa[:3] == pytest.approx([1.0, 1 / 6, 0.0])
    assert np.isnan(pa[3])


def test_nonconformities_per_item_may_be_more_than_one() -> None:
    """AQL above 10 is in nonconformities per hundred items: a curve of Poisson does not end at one each."""
    p = [0.5, 1.5, 3.0]
    curve = operating_characteristic(2, 3, p, model="poisson")
    assert curve.pa == pytest.approx(stats.poisson.cdf(3, [1.0, 3.0, 6.0]))
    assert curve.model == "poisson"
    whole = operating_characteristic(2, 3, model="poisson")
    assert whole.p[-1] > 1.0
    assert whole.pa[-1] == pytest.approx(0.005, rel=1e-9)


def test_curve_without_a_lot_has_no_outgoing_quality() -> None:
    curve = operating_characteristic(50, 1)
    assert np.isnan(curve.aoq).all() and np.isnan(curve.ati).all()
    assert curve.pa[0] == 1.0 and curve.pa[-1] == pytest.approx(0.005, rel=1e-9)
    with_lot = operating_characteristic(50, 1, lot_size=1000)
    assert with_lot.aoql == pytest.approx(np.max(with_lot.aoq))
    assert with_lot.ati[0] == 50


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: acceptance_probability(0, 0, 0.1), "n"),
        (lambda: acceptance_probability(5, -1, 0.1), "ac"),
        (lambda: acceptance_probability(5, 0, 1.1), "p"),
        (lambda: acceptance_probability(5, 0, "bad"), "p"),
        (lambda: acceptance_probability(5, 0, 0.1, model="hypergeometric"), "lot_size"),
        (lambda: acceptance_probability(5, 0, 0.1, model="hypergeometric", lot_size=4), "lot_size"),
        (lambda: acceptance_probability(5, 0, 0.1, model="normal"), "model"),
        (lambda: quality_at(5, 0, 1.0), "pa"),
        (lambda: quality_at(5, 0, 0.5, model="hypergeometric"), "model"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


@pytest.mark.parametrize(("lot", "n"), [(1, 1), (20, 5), (20, 20), (50, 32), (500, 125)])
def test_the_chance_of_a_small_lot_is_hypergeometric(lot: int, n: int) -> None:
    bad = np.arange(lot + 1)
    for ac in (0, 1, 3, n):
        expected = stats.hypergeom.cdf(ac, lot, bad, n)
        np.testing.assert_allclose(hypergeometric_cdf(ac, lot, bad, n), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pa", [0.0, 1.0, -0.1])
def test_a_probability_of_acceptance_at_the_end_has_no_quality(pa: float) -> None:
    with pytest.raises(SpcInputError) as caught:
        quality_at(50, 1, pa)
    assert caught.value.argument == "pa"
