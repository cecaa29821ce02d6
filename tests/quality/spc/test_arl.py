"""Average run lengths against published tables, another method and simulation."""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
import pytest

from quality.spc.arl import arl_cusum, arl_ewma, arl_shewhart
from quality.spc.errors import SpcInputError
from tests.oracles.time_weighted import upper_cusum_arl_by_markov_chain

CASE = json.loads((files("quality.spc") / "cases" / "arl_published_tables.json").read_text(encoding="utf-8"))
SHIFTS, PUBLISHED = CASE["data"]["shifts"], CASE["expected"]["published"]


def agrees(found, printed) -> bool:
    """Within half of the last printed digit of a table with three digits, or half a per cent."""
    return bool(np.all(np.abs(found - printed) <= np.maximum(0.055, 0.005 * np.asarray(printed))))


@pytest.mark.parametrize("row", range(5))
def test_ewma_table_of_lucas_and_saccucci(row: int) -> None:
    chart = CASE["data"]["ewma"][row]
    found = arl_ewma(SHIFTS, weight=chart["lambda"], nsigma=chart["L"])
    assert agrees(found, PUBLISHED["ewma"][row]), found


@pytest.mark.parametrize("row", range(2))
def test_cusum_table(row: int) -> None:
    chart = CASE["data"]["cusum"][row]
    assert agrees(arl_cusum(SHIFTS, k=chart["k"], h=chart["h"]), PUBLISHED["cusum"][row])


def test_fast_initial_response_of_lucas_and_crosier() -> None:
    assert agrees(arl_cusum([0, 1], h=5, head_start=0.5), PUBLISHED["cusum_fast"][0])


def test_shewhart_chart() -> None:
    """370.4 and, for a shift of one sigma, 43.9: Montgomery, section 5.3."""
    assert np.round(arl_shewhart([0.0, 1.0, 3.0]), 1) == pytest.approx([370.4, 43.9, 2.0])
    assert arl_shewhart(-1.0) == pytest.approx(float(arl_shewhart(1.0)))


@pytest.mark.parametrize("shift", [-0.5, 0.0, 0.7, 2.0])
def test_upper_cusum_agrees_with_a_markov_chain(shift: float) -> None:
    """Richardson extrapolation of two chains, whose error falls with the square of the number of states."""
    coarse, fine = (upper_cusum_arl_by_markov_chain(shift, 0.5, 4.0, states) for states in (100, 200))
    expected = fine + (fine - coarse) / 3
    assert float(arl_cusum(shift, h=4.0, two_sided=False)) == pytest.approx(expected, rel=1e-4)


def test_ewma_agrees_with_simulated_charts() -> None:
    rng = np.random.default_rng(42)
    weight, nsigma, shift, charts = 0.2, 2.5, 0.8, 20_000
    limit = nsigma * np.sqrt(weight / (2 - weight))
    z, lengths, running = np.zeros(charts), np.zeros(charts), np.ones(charts, dtype=bool)
    while running.any():
        z = weight * rng.normal(shift, 1, charts) + (1 - weight) * z
        lengths[running] += 1
        running &= np.abs(z) <= limit
    expected = float(arl_ewma(shift, weight=weight, nsigma=nsigma))
    assert lengths.mean() == pytest.approx(expected, abs=4 * lengths.std() / np.sqrt(charts))


def test_weight_one_is_the_shewhart_chart_and_a_shift_has_no_side() -> None:
    assert arl_ewma(SHIFTS, weight=1.0, nsigma=3.0) == pytest.approx(arl_shewhart(SHIFTS))
    assert arl_ewma(-0.7, weight=0.3, nsigma=2.9) == pytest.approx(
        float(arl_ewma(0.7, weight=0.3, nsigma=2.9))
    )
    assert arl_cusum(-0.7) == pytest.approx(float(arl_cusum(0.7)))


def test_missing_shifts_stay_missing_and_shapes_stay() -> None:
    for found in (
        arl_shewhart([[0, None]]),
        arl_ewma([[0, None]], weight=0.2, nsigma=3),
        arl_cusum([[0, None]]),
    ):
        assert found.shape == (1, 2) and np.isnan(found[0, 1]) and not np.isnan(found[0, 0])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: arl_shewhart(0, nsigma=0), "nsigma"),
        (lambda: arl_shewhart("x"), "shift"),
        (lambda: arl_ewma(0, weight=0, nsigma=3), "weight"),
        (lambda: arl_ewma(0, weight=0.2, nsigma=-1), "nsigma"),
        (lambda: arl_cusum(0, k=-1), "k"),
        (lambda: arl_cusum(0, h=0), "h"),
        (lambda: arl_cusum(0, head_start=1), "head_start"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


def test_the_usual_cusum_has_k_of_a_half_and_h_of_five() -> None:
    """The run lengths that are quoted for it: 465 without a shift, 10.4 at one sigma."""
    none, one = arl_cusum([0.0, 1.0])
    assert (round(float(none)), round(float(one), 1)) == (465, 10.4)


def test_a_reference_value_of_zero_is_a_cusum() -> None:
    at_zero, beside = arl_cusum(1.0, k=0.0, two_sided=False), arl_cusum(1.0, k=1e-9, two_sided=False)
    assert float(at_zero) == pytest.approx(float(beside), rel=1e-6)
