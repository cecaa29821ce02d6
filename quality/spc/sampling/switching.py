"""Switching between normal, tightened and reduced inspection: a state and one step per lot.

The state belongs to one series of lots (supplier, part and AQL class), holds plain values and is never
changed in place, so it can be stored as it is between lots. Only original inspection counts: a lot that is
presented again after sorting must not be passed to `advance`.

Source: ISO 2859-1:1999 clauses 9.1 to 9.4 (GB/T 2828.1-2012); ANSI/ASQ Z1.4-2003 section 8 for
`standard="z1.4"`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from quality.spc.errors import SpcInputError
from quality.spc.sampling.plans import LotJudgement
from quality.spc.sampling.tables import STANDARDS, Standard

Inspection = Literal["normal", "tightened", "reduced", "discontinued"]

REDUCED_SCORE = 30
"""Switching score at which ISO 2859-1 allows reduced inspection."""
REDUCED_RUN = 10
"""Accepted lots in a row at which Z1.4 allows reduced inspection."""


@dataclass(frozen=True, slots=True)
class SwitchingState:
    """Where a series of lots stands; `SwitchingState()` is the start (normal inspection, nothing known).

    inspection: how the next lot is inspected; "discontinued" means that no lot is inspected until the
    supplier has
        improved (`resume`).
    score: switching score on normal inspection (ISO 2859-1).
    recent: acceptance of the last lots on normal inspection, at most five, oldest first.
    accepted_run: lots accepted in a row on the present inspection.
    not_accepted: lots not accepted in all since tightened inspection began.
    reason: what caused the last change of inspection: "two_of_five", "five_accepted", "score",
    "ten_accepted",
        "not_accepted", "gap", "irregular", "five_not_accepted", "resumed"; empty before the first change.
    """

    inspection: Inspection = "normal"
    score: int = 0
    recent: tuple[bool, ...] = ()
    accepted_run: int = 0
    not_accepted: int = 0
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        return {**asdict(self), "recent": list(self.recent)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SwitchingState:
        """Return the state that `to_dict` wrote."""
        return cls(**{**stored, "recent": tuple(bool(lot) for lot in stored.get("recent", ()))})


def advance(
    state: SwitchingState,
    lot: LotJudgement,
    *,
    standard: Standard = "iso2859-1",
    production_steady: bool = True,
    reduced_approved: bool = False,
    within_limit_number: bool = True,
) -> SwitchingState:
    """Return the state after one lot on original inspection.

    Parameters
        state: the state that the lot was inspected under.
        lot: its judgement, from `judge_lot`.
        standard: "iso2859-1" (switching score) or "z1.4" (ten accepted lots in a row).
        production_steady: no irregular or delayed production; False ends reduced inspection.
        reduced_approved: the responsible authority agrees to reduced inspection. Never assumed.
        within_limit_number: Z1.4 only: the nonconforming items of the last ten lots are within the limit
            number of its table VIII, where the customer asks for that test (optional since 2003).

    Returns
        SwitchingState for the next lot.

    Raises
        SpcInputError: inspection is discontinued, or `standard` is unknown, or the judgement of a plan with
            Ac of 2 or more does not say whether the lot would pass one step tighter.
    """
    if not isinstance(standard, str) or standard not in STANDARDS:
        raise SpcInputError("standard", f"unknown standard {standard!r}; known: {', '.join(STANDARDS)}")
    match state.inspection:
        case "normal":
            may_reduce = production_steady and reduced_approved
            return _after_normal(
                state, lot, standard, may_reduce=may_reduce, within_limit=within_limit_number
            )
        case "tightened":
            return _after_tightened(state, lot)
        case "reduced":
            return _after_reduced(state, lot, production_steady=production_steady)
    raise SpcInputError("state", "inspection is discontinued: resume first")


def resume(state: SwitchingState) -> SwitchingState:
    """Return the state after the supplier improved: tightened inspection, counted afresh (ISO 2859-1, 9.4).

    Raises
        SpcInputError: inspection is not discontinued.
    """
    if state.inspection != "discontinued":
        raise SpcInputError("state", f"inspection is {state.inspection}, not discontinued")
    return SwitchingState(inspection="tightened", reason="resumed")


def _after_normal(
    state: SwitchingState, lot: LotJudgement, standard: str, *, may_reduce: bool, within_limit: bool
) -> SwitchingState:
    recent = (*state.recent, lot.accepted)[-5:]
    if recent.count(False) >= 2:
        return SwitchingState(inspection="tightened", reason="two_of_five")
    score = _score(state.score, lot)
    run = state.accepted_run + 1 if lot.accepted else 0
    if standard == "iso2859-1":
        earned, reason = score >= REDUCED_SCORE, "score"
    else:
        earned, reason = run >= REDUCED_RUN and within_limit, "ten_accepted"
    if earned and may_reduce:
        return SwitchingState(inspection="reduced", score=score, reason=reason)
    return replace(state, score=score, recent=recent, accepted_run=run)


def _score(score: int, lot: LotJudgement) -> int:
    """Switching score of ISO 2859-1:1999, 9.3.3.2 for single plans."""
    if not lot.accepted:
        return 0
    if lot.ac < 2:
        return score + 2
    if lot.passes_tighter is None:
        raise SpcInputError(
            "lot", "with Ac of 2 or more the score needs to know whether one step tighter accepts"
        )
    return score + 3 if lot.passes_tighter else 0


def _after_tightened(state: SwitchingState, lot: LotJudgement) -> SwitchingState:
    if lot.accepted:
        run = state.accepted_run + 1
        if run >= 5:
            return SwitchingState(inspection="normal", reason="five_accepted")
        return replace(state, accepted_run=run)
    failed = state.not_accepted + 1
    if failed >= 5:
        return replace(
            state, inspection="discontinued", accepted_run=0, not_accepted=failed, reason="five_not_accepted"
        )
    return replace(state, accepted_run=0, not_accepted=failed)


def _after_reduced(state: SwitchingState, lot: LotJudgement, *, production_steady: bool) -> SwitchingState:
    if not lot.accepted:
        return SwitchingState(reason="not_accepted")
    if lot.in_gap:
        return SwitchingState(reason="gap")
    if not production_steady:
        return SwitchingState(reason="irregular")
    return replace(state, accepted_run=state.accepted_run + 1)
