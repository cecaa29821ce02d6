"""Switching rules: the published traces, and every way from one inspection to another."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from quality.spc.errors import SpcInputError
from quality.spc.sampling import LotJudgement, SwitchingState, advance, judge_lot, resume, single_plan


def lot(
    accepted: bool, ac: int = 1, passes_tighter: bool | None = None, in_gap: bool = False
) -> LotJudgement:
    return LotJudgement(
        accepted, nonconforming=0 if accepted else ac + 1, ac=ac, in_gap=in_gap, passes_tighter=passes_tighter
    )


def run(letters: str, state: SwitchingState | None = None, **options: object) -> SwitchingState:
    state = state or SwitchingState()
    for letter in letters:
        state = advance(state, lot(letter == "A"), **options)
    return state


def test_published_sequences_give_their_traces() -> None:
    path = files("quality.spc") / "cases" / "aql_switching_short.json"
    for sequence in json.loads(path.read_text(encoding="utf-8"))["expected"]["sequences"]:
        state = SwitchingState()
        for letter, step in zip(sequence["lots"], sequence["trace"], strict=True):
            before = state
            state = advance(state, lot(letter == "A", ac=sequence["ac"]), reduced_approved=True)
            assert before.inspection == step["inspected_under"]
            assert state.inspection == step["next"]
            if "switching_score" in step:
                assert state.score == step["switching_score"] or state.inspection == "tightened"
            if "not_accepted_on_tightened" in step:
                assert state.not_accepted == step["not_accepted_on_tightened"]


def test_two_rejections_five_lots_apart_do_not_tighten() -> None:
    assert run("RAAAAR").inspection == "normal"
    assert run("RAAAR").inspection == "tightened"


def test_rejections_before_a_return_to_normal_are_forgotten() -> None:
    state = run("RRAAAAA")
    assert (state.inspection, state.recent, state.score) == ("normal", (), 0)
    assert run("R", state).inspection == "normal"


def test_a_rejection_starts_the_five_in_a_row_again() -> None:
    assert run("RRAAAARAAAA").inspection == "tightened"
    assert run("RRAAAARAAAAA").inspection == "normal"


def test_five_rejections_in_all_on_tightened_stop_inspection_until_resumed() -> None:
    stopped = run("RRRARARARAR")
    assert (stopped.inspection, stopped.not_accepted) == ("discontinued", 5)
    with pytest.raises(SpcInputError, match="resume"):
        run("A", stopped)
    assert resume(stopped) == SwitchingState(inspection="tightened", reason="resumed")
    with pytest.raises(SpcInputError):
        resume(SwitchingState())


def test_score_counts_two_for_small_ac_and_three_for_a_lot_that_passes_tighter() -> None:
    state = advance(SwitchingState(), lot(True, ac=1))
    state = advance(state, lot(True, ac=2, passes_tighter=True))
    assert state.score == 5
    assert advance(state, lot(True, ac=2, passes_tighter=False)).score == 0
    assert advance(state, lot(False, ac=2, passes_tighter=False)).score == 0
    with pytest.raises(SpcInputError, match="lot"):
        advance(state, lot(True, ac=2))


def test_reduced_needs_score_steady_production_and_a_persons_approval() -> None:
    ready = run("A" * 14, reduced_approved=True)
    assert (ready.inspection, ready.score) == ("normal", 28)
    assert run("A", ready).inspection == "normal"
    assert run("A", ready, reduced_approved=True, production_steady=False).inspection == "normal"
    assert run("A", ready, reduced_approved=True).inspection == "reduced"
    assert run("AAA", ready).score == 34  # waits for the approval
    assert run("A", run("AAA", ready), reduced_approved=True).inspection == "reduced"


@pytest.mark.parametrize(
    ("judged", "steady", "reason"),
    [
        (lot(False), True, "not_accepted"),
        (lot(True, in_gap=True), True, "gap"),
        (lot(True), False, "irregular"),
    ],
)
def test_reduced_ends_at_the_first_doubt(judged: LotJudgement, steady: bool, reason: str) -> None:
    reduced = run("A" * 15, reduced_approved=True)
    assert run("AAA", reduced).inspection == "reduced"
    back = advance(reduced, judged, production_steady=steady)
    assert (back.inspection, back.score, back.reason) == ("normal", 0, reason)


def test_z14_reduces_after_ten_accepted_lots_within_the_limit_number() -> None:
    options = {"standard": "z1.4", "reduced_approved": True}
    assert run("A" * 9, **options).inspection == "normal"
    assert run("A" * 10, **options).inspection == "reduced"
    assert run("A" * 10, **options, within_limit_number=False).inspection == "normal"
    assert run("AAAAAR" + "A" * 9, **options).inspection == "normal"
    assert run("A" * 10).inspection == "normal"


def test_state_survives_storage() -> None:
    state = run("AARA")
    assert SwitchingState.from_dict(json.loads(json.dumps(state.to_dict()))) == state


def test_judgement_knows_the_gap_and_the_next_tighter_plan() -> None:
    reduced = single_plan(2000, 0.65, severity="reduced", standard="z1.4")
    assert [judge_lot(reduced, d).accepted for d in (1, 2, 3)] == [True, True, False]
    assert [judge_lot(reduced, d).in_gap for d in (1, 2, 3)] == [False, True, False]
    normal = single_plan(2000, 1.0)  # K: n = 125, Ac 3; one step tighter (0.65) Ac 2
    assert [judge_lot(normal, d).passes_tighter for d in (2, 3, 4)] == [True, False, False]
    smallest = single_plan(1000, 1.0)  # J: Ac 2, the least that the score asks about; one step tighter Ac 1
    assert [judge_lot(smallest, d).passes_tighter for d in (1, 2)] == [True, False]
    assert judge_lot(single_plan(2000, 0.4), 0).passes_tighter is None  # Ac 1
    with pytest.raises(SpcInputError, match="nonconforming"):
        judge_lot(normal, -1)
