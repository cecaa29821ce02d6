"""The master tables against the printed ones, the reference cases and the regularities of the standard."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from scipy import stats

from quality.spc.errors import SpcInputError
from quality.spc.sampling import (
    AQLS,
    acceptance_probability,
    code_letter,
    judge_lot,
    single_plan,
    zero_acceptance_plan,
)
from quality.spc.sampling.tables import LETTERS, cell
from tests.oracles.iso2859_printed import PRINTED, rows_of, walk

CASES = files("quality.spc") / "cases"


def case(name: str) -> dict:
    return json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("severity", "standard"), PRINTED)
def test_every_cell_is_the_printed_one_with_its_arrow_followed(severity: str, standard: str) -> None:
    table = PRINTED[severity, standard]
    for row in rows_of(table):
        for column, aql in enumerate(AQLS):
            printed = walk(table, row[0], column)
            if printed is None:
                with pytest.raises(SpcInputError, match="letter"):
                    cell(row[0], aql, severity, standard)
                continue
            found = cell(row[0], aql, severity, standard)
            assert (found.letter, found.n, found.ac, found.re) == printed, (severity, row[0], aql)


def test_code_letters_are_the_published_ones_at_both_ends_of_every_band() -> None:
    for band, letters in case("aql_code_letters")["expected"]["lot_ranges"].items():
        ends = [int(end) for end in band.rstrip("+").split("-")]
        for level, letter in letters.items():
            assert {code_letter(end, level) for end in ends} == {letter}, (band, level)


def test_published_plans_are_found_with_size_and_numbers_together() -> None:
    for query in case("aql_single_plan_queries")["expected"]["answers"]:
        plan = single_plan(query["lot"], query["aql"], level=query["level"], severity=query["severity"])
        assert (plan.letter, plan.n, plan.ac, plan.re) == (
            query["code_letter"],
            query["n"],
            query["ac"],
            query["re"],
        ), query
        assert plan.inspects_all == query.get("full_inspection", False)


@pytest.mark.parametrize(
    ("lot", "aql", "severity", "n", "ac"),
    [
        (41, 4.0, "normal", 13, 1),
        (1200, 4.0, "normal", 80, 7),
        (8, 10.0, "normal", 5, 1),
        (500, 1.0, "tightened", 80, 1),
        (3000, 4.0, "reduced", 50, 6),
        (41, 4.0, "tightened", 20, 1),
        (41, 10.0, "reduced", 3, 1),
    ],
)
def test_plans_checked_against_the_national_edition_of_ecuador(
    lot: int, aql: float, severity: str, n: int, ac: int
) -> None:
    """Worked lots (level II) of a public calculator that follows NTE INEN-ISO 2859-1."""
    plan = single_plan(lot, aql, severity=severity)
    assert (plan.n, plan.ac, plan.re) == (n, ac, ac + 1)


def test_an_arrow_upwards_shrinks_the_sample() -> None:
    """From the same: N = 600000, level III, AQL 10: letter R leads up to K with n = 125, Ac 21."""
    plan = single_plan(600_000, 10.0, level="III")
    assert (plan.letter, plan.plan_letter, plan.n, plan.ac, plan.re) == ("R", "K", 125, 21, 22)


def test_plans_of_montgomerys_example_at_all_severities() -> None:
    """Montgomery, Introduction to Statistical Quality Control, 15.4: N = 2000, AQL 0.65 %, level II."""
    plans = [single_plan(2000, 0.65, severity=s, standard="z1.4") for s in ("normal", "tightened", "reduced")]
    assert [(p.n, p.ac, p.re) for p in plans] == [(125, 2, 3), (125, 1, 2), (50, 1, 3)]


def test_tightened_has_the_same_sample_and_never_a_larger_acceptance_number() -> None:
    for letter in LETTERS[:16]:
        for aql in AQLS:
            normal, tightened = cell(letter, aql), cell(letter, aql, "tightened")
            if normal.letter == tightened.letter == letter:
                assert tightened.n == normal.n and tightened.ac <= normal.ac, (letter, aql)


def test_normal_plans_accept_aql_quality_with_the_known_probabilities() -> None:
    """The producer's risk at the AQL lies between 1 and 13 % over the whole table (ISO 2859-1, table 5)."""
    for letter in LETTERS[:16]:
        for aql in AQLS:
            plan = cell(letter, aql)
            if plan.letter == letter:
                pa = float(acceptance_probability(plan.n, plan.ac, aql / 100, model="poisson"))
                assert 0.87 < pa < 0.996, (letter, aql, pa)


def test_sample_at_least_the_lot_means_all_and_keeps_the_numbers() -> None:
    plan = single_plan(4, 10.0)
    assert (plan.n, plan.table_n, plan.ac, plan.inspects_all) == (4, 5, 1, True)
    assert single_plan(5, 10.0).inspects_all
    assert not single_plan(6, 10.0).inspects_all


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"lot_size": 1, "aql": 1.0}, "lot_size"),
        ({"lot_size": 100.5, "aql": 1.0}, "lot_size"),
        ({"lot_size": True, "aql": 1.0}, "lot_size"),
        ({"lot_size": "many", "aql": 1.0}, "lot_size"),
        ({"lot_size": 100, "aql": 1.2}, "aql"),
        ({"lot_size": 100, "aql": 1.0, "level": "IV"}, "level"),
        ({"lot_size": 100, "aql": 1.0, "severity": "easy"}, "severity"),
        ({"lot_size": 100, "aql": 1.0, "standard": "din"}, "standard"),
    ],
)
def test_bad_input_names_its_argument(arguments: dict, named: str) -> None:
    with pytest.raises(SpcInputError) as caught:
        single_plan(**arguments)
    assert caught.value.argument == named


def test_zero_acceptance_plan_is_the_smallest_that_protects() -> None:
    plan = zero_acceptance_plan(1000, limiting_quality=5.0)
    protects = [
        float(acceptance_probability(n, 0, 0.05, model="hypergeometric", lot_size=1000)) <= 0.10
        for n in (plan.n - 1, plan.n)
    ]
    assert (plan.ac, plan.re, protects) == (0, 1, [False, True])


def test_zero_acceptance_plans_lie_within_one_item_of_squeglias_table() -> None:
    """Squeglia, Zero Acceptance Number Sampling Plans, column AQL 1.0, lots of 501 and more."""
    ends = (1200, 3200, 10_000, 35_000, 150_000, 500_000, 1_000_000)
    printed = (34, 42, 50, 60, 74, 90, 102)
    for lot, n in zip(ends, printed, strict=True):
        assert abs(zero_acceptance_plan(lot, 1.0).n - n) <= 1


def test_zero_acceptance_plan_asks_for_every_item_of_a_tiny_lot() -> None:
    plan = zero_acceptance_plan(5, limiting_quality=1.0)
    assert (plan.n, plan.inspects_all) == (5, True)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"aql": 1.0, "limiting_quality": 5.0}, {"limiting_quality": 0.0}, {"limiting_quality": 101}],
)
def test_zero_acceptance_plan_wants_one_aim(arguments: dict) -> None:
    with pytest.raises(SpcInputError):
        zero_acceptance_plan(100, **arguments)


def test_preferred_aqls_are_the_fifth_roots_of_ten_as_printed() -> None:
    steps = ("1.0", "1.5", "2.5", "4.0", "6.5")
    printed = [float(f"{step}e{power}") for power in range(-2, 4) for step in steps]
    assert list(AQLS) == printed[: printed.index(1000.0) + 1]
    assert all(0.93 < aql / 10 ** (place / 5 - 2) < 1.07 for place, aql in enumerate(AQLS))


def test_a_lot_is_accepted_up_to_ac_and_not_from_re_on() -> None:
    plan = single_plan(1000, 2.5)  # letter J: 80, 5, 6
    assert (plan.n, plan.ac, plan.re) == (80, 5, 6)
    assert [judge_lot(plan, found).accepted for found in (0, 5, 6, 7)] == [True, True, False, False]
    gap = single_plan(1000, 2.5, severity="reduced", standard="z1.4")  # 32, 2, 5
    assert (gap.n, gap.ac, gap.re) == (32, 2, 5)
    found = [judge_lot(gap, count) for count in (2, 3, 4, 5)]
    assert [lot.accepted for lot in found] == [True, True, True, False]
    assert [lot.in_gap for lot in found] == [False, True, True, False]


def test_one_step_tighter_accepts_up_to_its_own_number() -> None:
    plan = single_plan(1000, 2.5)  # one step tighter: AQL 1.5 with 80, 3, 4
    assert plan.tighter_ac == 3
    assert [judge_lot(plan, count).passes_tighter for count in (2, 3, 4)] == [True, True, False]


def test_zero_acceptance_has_the_risk_of_a_tenth_and_finds_what_it_must() -> None:
    plan = zero_acceptance_plan(500, limiting_quality=5.0)
    assert (plan.ac, plan.re, plan.severity) == (0, 1, "normal")
    bad = 25
    risk = [stats.hypergeom.cdf(0, 500, bad, n) for n in (plan.n, plan.n - 1)]
    assert risk[0] <= 0.10 < risk[1]
    assert zero_acceptance_plan(500, limiting_quality=5.0, consumer_risk=0.10) == plan
    assert zero_acceptance_plan(2, limiting_quality=100.0).n == 1


@pytest.mark.parametrize(
    ("argument", "fields"),
    [
        ("lot_size", {"lot_size": 1, "limiting_quality": 5.0}),
        ("consumer_risk", {"lot_size": 50, "limiting_quality": 5.0, "consumer_risk": 1.0}),
        ("consumer_risk", {"lot_size": 50, "limiting_quality": 5.0, "consumer_risk": 0.0}),
        ("limiting_quality", {"lot_size": 50, "limiting_quality": 100.5}),
        ("limiting_quality", {"lot_size": 50, "limiting_quality": 0.0}),
        ("aql", {"lot_size": 50}),
        ("aql", {"lot_size": 50, "aql": 1.0, "limiting_quality": 5.0}),
    ],
)
def test_what_makes_no_zero_acceptance_plan_is_named(argument: str, fields: dict[str, float]) -> None:
    with pytest.raises(SpcInputError) as caught:
        zero_acceptance_plan(**fields)
    assert caught.value.argument == argument
