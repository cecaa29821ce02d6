"""Plans by variables against the standards' tables and worked examples."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from quality.spc.errors import SpcInputError
from quality.spc.missing import Missing
from quality.spc.sampling import (
    Z19_AQLS,
    VariablesPlan,
    design_variables_plan,
    fraction_nonconforming,
    judge_variables,
    plan_from_k,
    variables_acceptance_probability,
    variables_plan,
    z19_code_letter,
)
from quality.spc.sampling.tables import AQLS
from quality.spc.sampling.z19 import Z19_LETTERS, z19_cell

DEVICE = [197, 188, 184, 205, 201]  # Z1.9 examples: operating temperature of a device, degrees F


def test_reference_fractions() -> None:
    case = json.loads(
        (files("quality.spc") / "cases" / "variables_sampling_fraction_estimates.json").read_text(
            encoding="utf-8"
        )
    )
    for given, expected in zip(case["data"]["cases"], case["expected"]["fractions_lower_upper"], strict=True):
        found = fraction_nonconforming(
            given["mean"], given["sd"], given["n"], lsl=given["lsl"], usl=given["usl"]
        )
        assert np.nan_to_num(found) == pytest.approx(expected, abs=1e-9)
        assert np.isnan(found[0]) == (given["lsl"] is None)


def test_fraction_is_unbiased() -> None:
    """Its defining property, by simulation with a fixed seed: the mean estimate is the true fraction."""
    rng = np.random.default_rng(3951)
    for n in (3, 4, 7):
        samples = rng.normal(size=(200_000, n))
        _, above = fraction_nonconforming(samples.mean(1), samples.std(1, ddof=1), n, usl=1.3)
        assert above.mean() == pytest.approx(stats.norm.sf(1.3), abs=4 * above.std() / np.sqrt(len(above)))
        _, known = fraction_nonconforming(samples.mean(1), 1.0, n, usl=1.3, sigma_known=True)
        assert known.mean() == pytest.approx(stats.norm.sf(1.3), abs=4 * known.std() / np.sqrt(len(known)))


def test_k_and_m_of_every_cell_say_the_same_within_their_printed_digits() -> None:
    for letter in Z19_LETTERS:
        for aql in Z19_AQLS:
            for severity in ("normal", "tightened"):
                cell = z19_cell(letter, aql, severity)
                digits = 2 if cell.k >= 1 else 3
                half = 0.5 * 10.0**-digits * 1.1
                percents = [plan_from_k(cell.n, cell.k + shift).m_percent for shift in (half, -half)]
                assert percents[0] <= cell.m_percent <= percents[1], cell


def test_table_rises_with_the_sample_and_falls_with_the_aql() -> None:
    for aql in Z19_AQLS:
        ks = [z19_cell(letter, aql).k for letter in Z19_LETTERS]
        assert ks == sorted(ks)
    for letter in Z19_LETTERS:
        own = [z19_cell(letter, aql) for aql in Z19_AQLS if z19_cell(letter, aql).letter == letter]
        assert [cell.k for cell in own] == sorted((cell.k for cell in own), reverse=True)
        assert [cell.m_percent for cell in own] == sorted(cell.m_percent for cell in own)


def test_tightened_is_normal_one_aql_to_the_left() -> None:
    for letter in Z19_LETTERS:
        for tighter, aql in pairwise(Z19_AQLS):
            assert z19_cell(letter, aql, "tightened") == z19_cell(letter, tighter)


def test_montgomerys_plan_at_both_severities() -> None:
    """Introduction to Statistical Quality Control, 16.3: n = 100, AQL 1 %: k = 2.00, tightened 2.14."""
    plans = [variables_plan(20_000, 1.0, severity=severity) for severity in ("normal", "tightened")]
    assert [(plan.letter, plan.n, plan.k) for plan in plans] == [("M", 100, 2.00), ("M", 100, 2.14)]


def test_arrow_takes_size_and_constants_of_the_next_row() -> None:
    plan = variables_plan(40, 0.40)
    assert (plan.letter, plan.plan_letter, plan.n, plan.k, plan.m_percent) == ("D", "E", 7, 1.88, 1.06)


@pytest.mark.parametrize(
    ("lot", "letter"), [(280, "G"), (281, "H"), (400, "H"), (401, "I"), (500, "I"), (501, "J")]
)
def test_bands_of_z19_are_not_those_of_z14(lot: int, letter: str) -> None:
    assert z19_code_letter(lot) == letter


def test_z19_example_in_both_forms() -> None:
    """ANSI/ASQ Z1.9 examples B-1 and B-3: lot of 40, AQL 1 %, U = 209: index 1.59, 2.19 % against 3.32 %.

    Accepted in both forms. The standard rounds the index before it looks up the percent.
    """
    plan = variables_plan(40, 1.0)
    assert (plan.letter, plan.n, plan.k, plan.m_percent) == ("D", 5, 1.53, 3.32)
    judged = [judge_variables(plan, DEVICE, usl=209, form=form) for form in ("auto", "M")]
    assert [j.form for j in judged] == ["k", "M"]
    assert all(j.accepted for j in judged)
    assert judged[0].mean == 195
    assert judged[0].q_upper == pytest.approx(1.59, abs=5e-3)
    assert 100 * judged[0].fraction == pytest.approx(2.19, abs=0.01)
    assert judged[0].missing == {"q_lower": Missing.NO_LSL, "fraction_lower": Missing.NO_LSL}


def test_z19_example_with_two_limits() -> None:
    """Example B-4 of the same: L = 180, U = 209: 0.66 % + 2.19 % against 3.32 %: accept.

    The printed percents belong to the rounded indices 1.70 and 1.59.
    """
    judged = judge_variables(variables_plan(40, 1.0), DEVICE, lsl=180, usl=209)
    assert judged.form == "M" and judged.accepted
    rounded = [round(judged.q_lower, 2), round(judged.q_upper, 2)]
    assert rounded == [1.70, 1.59]
    printed = [round(plan_from_k(5, q).m_percent, 2) for q in rounded]
    assert printed == [0.66, 2.19]
    assert judged.fraction == pytest.approx(judged.fraction_lower + judged.fraction_upper)


def test_iso_3951_example_of_an_upper_limit() -> None:
    """ISO 3951-1 clause 16.2, example 1: n = 13, k = 1.426, U = 60: Q = 1.617, accept."""
    sample = [53, 57, 49, 58, 59, 54, 58, 56, 50, 50, 55, 54, 57]
    judged = judge_variables(plan_from_k(13, 1.426), sample, usl=60)
    assert judged.accepted
    assert judged.q_upper == pytest.approx(1.617, abs=5e-4)
    assert not judge_variables(plan_from_k(13, 1.618), sample, usl=60).accepted


def test_iso_3951_example_of_a_lower_limit() -> None:
    """The same, example 2: n = 28, k = 2.580, L = 4.0: Q = 7.847, accept."""
    sample = [
        6.95, 6.04, 6.68, 6.63, 6.65, 6.52, 6.59, 6.40, 6.44, 6.34, 6.04, 6.15, 6.29, 6.63,
        6.44, 7.15, 6.70, 6.59, 6.51, 6.80, 5.94, 6.35, 7.17, 6.83, 6.25, 6.96, 7.00, 6.38,
    ]  # fmt: skip
    judged = judge_variables(plan_from_k(28, 2.580), sample, lsl=4.0)
    assert judged.accepted
    assert judged.q_lower == pytest.approx(7.847, abs=2e-3)


def test_iso_3951_example_of_the_sigma_method() -> None:
    """Clause 17.2: n = 11, k = 2.046, sigma 21, L = 400: mean 428.45 is below 442.97, not accepted."""
    sample = [431, 417, 469, 407, 450, 452, 427, 411, 429, 420, 400]
    plan = plan_from_k(11, 2.046, sigma_known=True)
    judged = judge_variables(plan, sample, lsl=400, sigma=21)
    assert judged.accepted is False
    assert judged.mean == pytest.approx(428.45, abs=5e-3)
    assert 400 + plan.k * 21 == pytest.approx(442.97, abs=5e-3)
    assert judge_variables(plan, [x + 15 for x in sample], lsl=400, sigma=21).accepted


def test_one_limit_gives_the_same_verdict_in_both_forms() -> None:
    rng = np.random.default_rng(19)
    plan = plan_from_k(10, 1.72)
    verdicts = set()
    for _ in range(200):
        sample = rng.normal(size=10)
        by = [judge_variables(plan, sample, usl=1.9, form=form).accepted for form in ("k", "M")]
        assert by[0] == by[1]
        verdicts.add(by[0])
    assert verdicts == {True, False}


def test_an_index_equal_to_k_is_accepted() -> None:
    assert judge_variables(plan_from_k(3, 1.5), [-1.0, 0.0, 1.0], usl=1.5, form="k").accepted
    assert not judge_variables(plan_from_k(3, 1.5), [-1.0, 0.0, 1.0], usl=1.499, form="k").accepted


def test_sample_without_spread_has_no_verdict() -> None:
    judged = judge_variables(plan_from_k(5, 1.5), [3.0] * 5, lsl=2.0, usl=4.0)
    assert judged.accepted is None and judged.fraction is None
    assert judged.missing["accepted"] is Missing.ZERO_VARIANCE


def test_lot_of_two_has_no_estimate() -> None:
    plan = variables_plan(2, 10.0)
    assert (plan.n, plan.inspects_all) == (2, True)
    judged = judge_variables(plan, [1.0, 2.0], lsl=0.0, usl=4.0)
    assert judged.accepted is None
    assert judged.missing["accepted"] is Missing.TOO_FEW_VALUES


@pytest.mark.parametrize("sigma_known", [False, True])
def test_designed_plan_keeps_both_risks_and_one_item_less_does_not(sigma_known: bool) -> None:
    plan = design_variables_plan(0.01, 0.05, 0.06, 0.10, sigma_known=sigma_known)

    def risks(n: int, k: float) -> tuple[float, float]:
        pa = variables_acceptance_probability(n, k, [0.01, 0.06], sigma_known=sigma_known)
        return 1 - float(pa[0]), float(pa[1])

    producer, consumer = risks(plan.n, plan.k)
    assert consumer == pytest.approx(0.10, abs=1e-6)
    assert producer <= 0.05
    grid = np.linspace(plan.k - 0.3, plan.k + 0.3, 601)
    assert not any(risks(plan.n - 1, k)[0] <= 0.05 and risks(plan.n - 1, k)[1] <= 0.10 for k in grid)


def test_design_agrees_with_the_nomograph_of_montgomery() -> None:
    """Example 16.1: p1 = 0.01, alpha = 0.05, p2 = 0.06, beta = 0.10 reads n = 40, k = 1.9."""
    plan = design_variables_plan(0.01, 0.05, 0.06, 0.10)
    assert plan.n == pytest.approx(40, abs=2)
    assert plan.k == pytest.approx(1.9, abs=0.05)


@pytest.mark.parametrize("n", [2, 3, 5, 20, 100, 1000])
def test_acceptance_probability_is_the_noncentral_t_distribution(n: int) -> None:
    p = np.array([1e-5, 0.01, 0.05, 0.3])
    expected = stats.nct.sf(1.6 * np.sqrt(n), n - 1, stats.norm.isf(p) * np.sqrt(n))
    assert variables_acceptance_probability(n, 1.6, p) == pytest.approx(expected, abs=2e-10)


def test_acceptance_probability_agrees_with_simulated_lots() -> None:
    rng = np.random.default_rng(1955)
    p = 0.05
    limit = stats.norm.isf(p)
    samples = rng.normal(size=(100_000, 8))
    accepted = (limit - samples.mean(1)) / samples.std(1, ddof=1) >= 1.4
    expected = float(variables_acceptance_probability(8, 1.4, p))
    assert accepted.mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / len(samples)))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: variables_plan(1, 1.0), "lot_size"),
        (lambda: variables_plan(100, 0.04), "aql"),
        (lambda: variables_plan(100, 1.0, level="S-1"), "level"),
        (lambda: variables_plan(100, 1.0, severity="reduced"), "severity"),
        (lambda: z19_cell("A", 1.0), "letter"),
        (lambda: plan_from_k(2, 1.0), "n"),
        (lambda: plan_from_k(5, float("nan")), "k"),
        (lambda: judge_variables(plan_from_k(5, 1.0), DEVICE), "lsl"),
        (lambda: judge_variables(plan_from_k(5, 1.0), DEVICE, lsl=2, usl=1), "lsl"),
        (lambda: judge_variables(plan_from_k(6, 1.0), DEVICE, lsl=2), "values"),
        (lambda: judge_variables(plan_from_k(5, 1.0), [1, 2, 3, 4, None], lsl=2), "values"),
        (lambda: judge_variables(plan_from_k(5, 1.0), DEVICE, lsl=2, sigma=1.0), "sigma"),
        (lambda: judge_variables(plan_from_k(5, 1.0, sigma_known=True), DEVICE, lsl=2), "sigma"),
        (lambda: judge_variables(plan_from_k(5, 1.0, sigma_known=True), DEVICE, lsl=2, sigma=0.0), "sigma"),
        (lambda: judge_variables(plan_from_k(5, 1.0), DEVICE, lsl=2, form="m"), "form"),
        (lambda: design_variables_plan(0.1, 0.05, 0.05, 0.1), "bad_quality"),
        (lambda: design_variables_plan(0.1, 0.05, 0.1000001, 0.1), "bad_quality"),
        (lambda: design_variables_plan(0.1, 0.6, 0.2, 0.1), "producer_risk"),
        (lambda: variables_acceptance_probability(5, 1.0, 0.0), "p"),
    ],
)
def test_bad_input_names_its_argument(call, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        call()
    assert caught.value.argument == named


def test_a_plan_can_be_written_by_hand() -> None:
    assert judge_variables(VariablesPlan(n=5, k=1.53, m_percent=3.32), DEVICE, usl=209).accepted


def test_code_letters_change_at_the_printed_lot_sizes() -> None:
    """Table A-2 of ANSI Z1.9, level II: the last lot size of each letter and the first of the next."""
    ends = {15: "B", 25: "C", 50: "D", 90: "E", 150: "F", 280: "G", 400: "H", 500: "I"}
    ends |= {1200: "J", 3200: "K", 10000: "L", 35000: "M", 150000: "N", 500000: "P"}
    letters = list(ends.values())
    for (end, letter), following in zip(ends.items(), [*letters[1:], "P"], strict=True):
        assert (z19_code_letter(end), z19_code_letter(end + 1)) == (letter, following)
    assert [z19_code_letter(8, "III"), z19_code_letter(9, "III")] == ["C", "D"]
    assert [z19_code_letter(500000, "S-3"), z19_code_letter(150000, "S-3")] == ["H", "H"]


def test_aqls_of_the_standard_are_the_preferred_ones() -> None:
    assert tuple(aql for aql in AQLS if 0.1 <= aql <= 10) == Z19_AQLS
