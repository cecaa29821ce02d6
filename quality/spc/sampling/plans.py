"""Single sampling plans by attributes for a lot, and the judgement of a lot by its plan.

n    sample size
Ac   acceptance number: accept with so many nonconforming items or fewer
Re   rejection number
AQL  acceptance quality limit, percent nonconforming or nonconformities per 100 items
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from quality.spc.errors import SpcInputError
from quality.spc.inputs import fraction, number
from quality.spc.sampling.oc import hypergeometric_cdf, quality_at
from quality.spc.sampling.tables import Level, Severity, Standard, cell, code_letter, next_tighter, whole


@dataclass(frozen=True, slots=True)
class SinglePlan:
    """How many items of a lot to inspect and when to accept it.

    `letter` is the code letter of the lot, `plan_letter` the row that an arrow led to (the same without an
    arrow). `n` is never above the lot size; `table_n` is the sample size as printed. `inspects_all` says that
    the plan asks for the whole lot. `tighter_ac` is the Ac of the plan one AQL step tighter with the same
    sample size, which the switching score of ISO 2859-1 asks about; None where Ac is below 2 and the score
    does not ask.
    """

    lot_size: int
    aql: float | None
    level: str | None
    severity: str
    standard: str
    letter: str | None
    plan_letter: str | None
    n: int
    ac: int
    re: int
    table_n: int
    inspects_all: bool
    tighter_ac: int | None = None


@dataclass(frozen=True, slots=True)
class LotJudgement:
    """The verdict on one lot, with what the switching rules want to know about it.

    `in_gap` marks a lot accepted with Ac < d < Re (reduced inspection of Z1.4 only): it is accepted, but
    normal inspection follows. `passes_tighter` says whether it would also be accepted one AQL step tighter;
    None where the score does not ask (Ac below 2).
    """

    accepted: bool
    nonconforming: int
    ac: int
    in_gap: bool = False
    passes_tighter: bool | None = None


def single_plan(
    lot_size: int,
    aql: float,
    *,
    level: Level = "II",
    severity: Severity = "normal",
    standard: Standard = "iso2859-1",
) -> SinglePlan:
    """Single sampling plan of ISO 2859-1 (GB/T 2828.1) or ANSI/ASQ Z1.4 for a lot.

    Parameters
        lot_size: items in the lot, from 2.
        aql: one of the preferred AQLs (`AQLS`), e.g. 0.65.
        level: inspection level, II by default.
        severity: "normal", "tightened" or "reduced".
        standard: "iso2859-1" or "z1.4".

    Returns
        SinglePlan.

    Raises
        SpcInputError: an argument is out of its range; `argument` names it.

    Notes
        An arrow changes the sample size together with Ac and Re. Where n reaches the lot size, every item is
        inspected and Ac and Re stay.

    Source
        ISO 2859-1:1999 clauses 10.2 and 10.3, tables 1 and 2-A to 2-C.
    """
    letter = code_letter(lot_size, level)
    found = cell(letter, aql, severity, standard)
    tighter_ac = None
    tighter = next_tighter(aql)
    if found.ac >= 2 and tighter is not None:
        tighter_ac = cell(found.letter, tighter, severity, standard).ac
    return SinglePlan(
        lot_size=int(lot_size),
        aql=aql,
        level=level,
        severity=severity,
        standard=standard,
        letter=letter,
        plan_letter=found.letter,
        n=min(found.n, int(lot_size)),
        ac=found.ac,
        re=found.re,
        table_n=found.n,
        inspects_all=found.n >= lot_size,
        tighter_ac=tighter_ac,
    )


def judge_lot(plan: SinglePlan, nonconforming: int) -> LotJudgement:
    """Judge a lot by the number of nonconforming items (or nonconformities) found in its sample.

    Raises
        SpcInputError: `nonconforming` is negative or not whole.
    """
    found = whole("nonconforming", nonconforming, least=0)
    accepted = found < plan.re
    passes_tighter = None
    if plan.tighter_ac is not None:
        passes_tighter = found <= plan.tighter_ac
    return LotJudgement(
        accepted=accepted,
        nonconforming=found,
        ac=plan.ac,
        in_gap=plan.ac < found < plan.re,
        passes_tighter=passes_tighter,
    )


def zero_acceptance_plan(
    lot_size: int,
    aql: float | None = None,
    *,
    level: Level = "II",
    limiting_quality: float | None = None,
    consumer_risk: float = 0.10,
) -> SinglePlan:
    """Plan with Ac = 0 that protects the customer as well as a given quality or the plan of an AQL does.

    Give either `aql` or `limiting_quality`. With an AQL the limiting quality is the one that the normal plan
    of ISO 2859-1 for this lot accepts with probability `consumer_risk`: the customer is as well protected
    with a smaller sample, at the price of more rejected good lots.

    Parameters
        lot_size: items in the lot, from 2.
        aql: preferred AQL whose normal plan is matched, percent.
        level: inspection level for the code letter, with `aql` only.
        limiting_quality: percent nonconforming that must be found, in (0, 100].
        consumer_risk: probability of accepting a lot of that quality, in (0, 1).

    Returns
        SinglePlan with Ac = 0 and Re = 1; n is the smallest sample that keeps the consumer's risk in a lot of
        this size (hypergeometric), and all items where no smaller sample does.

    Raises
        SpcInputError: neither or both of `aql` and `limiting_quality` are given, or one is out of range.

    Source
        Principle of Squeglia, Zero Acceptance Number Sampling Plans (plans matched at the limiting quality).
        Its printed sizes follow the binomial and are rounded, so they differ by an item or two in places.
    """
    whole("lot_size", lot_size, least=2)
    fraction("consumer_risk", consumer_risk)
    if (aql is None) == (limiting_quality is None):
        raise SpcInputError("aql", "give either aql or limiting_quality")
    letter = plan_letter = None
    if aql is not None:
        matched = single_plan(lot_size, aql, level=level)
        letter, plan_letter = matched.letter, matched.plan_letter
        quality = 100.0 * quality_at(matched.table_n, matched.ac, consumer_risk)
    else:
        quality = number("limiting_quality", limiting_quality)
        if not 0.0 < quality <= 100.0:
            raise SpcInputError(
                "limiting_quality", f"must lie above 0 and up to 100 percent, not {quality!r}"
            )
    bad = max(1, min(int(lot_size), math.ceil(quality / 100.0 * lot_size - 1e-9)))
    n = _smallest_zero_sample(int(lot_size), bad, consumer_risk)
    return SinglePlan(
        lot_size=int(lot_size),
        aql=aql,
        level=level if aql is not None else None,
        severity="normal",
        standard="c=0",
        letter=letter,
        plan_letter=plan_letter,
        n=n,
        ac=0,
        re=1,
        table_n=n,
        inspects_all=n >= lot_size,
    )


def _smallest_zero_sample(lot_size: int, bad: int, risk: float) -> int:
    """Smallest n with P(none of the bad items among n of the lot) <= risk, by bisection."""
    low, high = 1, lot_size
    while low < high:
        middle = (low + high) // 2
        if hypergeometric_cdf(0, lot_size, bad, middle) <= risk * (1 + 1e-12):
            high = middle
        else:
            low = middle + 1
    return low
