"""Recomputation of cases about acceptance sampling."""

from __future__ import annotations

from typing import Any

from quality.spc.sampling import (
    LotJudgement,
    SwitchingState,
    acceptance_probability,
    advance,
    code_letter,
    fraction_nonconforming,
    judge_variables,
    operating_characteristic,
    plan_from_k,
    quality_at,
    single_plan,
    variables_plan,
)
from quality.spc.verify.checks import Checks


def plans(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Code letters, or single plans for lots."""
    for band, letters in expected.get("lot_ranges", {}).items():
        low, _, high = band.rstrip("+").partition("-")
        for level, letter in letters.items():
            found = {code_letter(int(end), level) for end in (low, high or low)}
            checks.exact(f"{band} level {level}", [letter], sorted(found))
    for query in expected.get("answers", ()):
        plan = single_plan(
            query["lot"],
            query["aql"],
            level=query["level"],
            severity=query["severity"],
            standard=query.get("standard", "iso2859-1"),
        )
        wanted = [
            query["code_letter"],
            query["n"],
            query["ac"],
            query["re"],
            query.get("full_inspection", False),
        ]
        found_plan = [plan.letter, plan.n, plan.ac, plan.re, plan.inspects_all]
        name = f"lot {query['lot']} level {query['level']} AQL {query['aql']:g} {query['severity']}"
        checks.exact(name, wanted, found_plan)


def switching(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Traces of the switching rules, reduced inspection being approved and production steady."""
    for sequence in expected["sequences"]:
        state = SwitchingState()
        for place, (letter, step) in enumerate(zip(sequence["lots"], sequence["trace"], strict=True), 1):
            accepted, ac = letter == "A", sequence["ac"]
            before = state
            lot = LotJudgement(accepted, nonconforming=0 if accepted else ac + 1, ac=ac)
            state = advance(before, lot, reduced_approved=True)
            found: dict[str, Any] = {"inspected_under": before.inspection, "next": state.inspection}
            if "switching_score" in step:
                found["switching_score"] = state.score
            if "not_accepted_on_tightened" in step:
                found["not_accepted_on_tightened"] = state.not_accepted
            checks.exact(f"{sequence['name']} lot {place}", step, found)


def oc(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Operating characteristics of published plans."""
    curve, rectified, qualities = data["curve"], data["rectified"], data["qualities"]
    point = operating_characteristic(
        rectified["n"], rectified["ac"], [rectified["p"]], lot_size=rectified["lot_size"]
    )
    published = expected["published"]
    pa = acceptance_probability(curve["n"], curve["ac"], curve["p"])
    checks.close("pa (published)", published["pa"], pa, "published_")
    checks.close("aoq (published)", published["aoq"], point.aoq[0], "published_")
    checks.close("ati (published)", published["ati"], point.ati[0], "ati_")
    percents = [
        [100 * quality_at(qualities["n"], ac, pa) for pa in qualities["pa"]] for ac in qualities["ac"]
    ]
    checks.close("qualities_percent (published)", published["qualities_percent"], percents, "published_")


def fractions(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Estimated fractions nonconforming; a limit that does not exist contributes nothing, written as 0."""
    for given, wanted in zip(data["cases"], expected["fractions_lower_upper"], strict=True):
        limits = {"lsl": given["lsl"], "usl": given["usl"]}
        below, above = fraction_nonconforming(given["mean"], given["sd"], given["n"], **limits)
        found = [0.0 if given["lsl"] is None else float(below), 0.0 if given["usl"] is None else float(above)]
        checks.close(f"n = {given['n']}", wanted, found)


def variables_plans(data: dict[str, Any], expected: dict[str, Any], checks: Checks) -> None:
    """Worked examples of Z1.9 (both forms) and ISO 3951-1 (s and sigma method)."""
    z19 = data["z19"]
    plan = variables_plan(z19["lot_size"], z19["aql"])
    checks.exact("z19_plan", expected["z19_plan"], [plan.plan_letter, plan.n, plan.k, plan.m_percent])
    one = judge_variables(plan, z19["values"], usl=z19["usl"])
    two = judge_variables(plan, z19["values"], usl=z19["usl"], lsl=z19["lsl"])
    checks.exact("z19_accepted", expected["z19_accepted"], [one.accepted, two.accepted])
    iso = []
    for example in data["iso3951"]:
        sigma = example.get("sigma")
        given = plan_from_k(example["n"], example["k"], sigma_known=sigma is not None)
        limits = {"lsl": example.get("lsl"), "usl": example.get("usl")}
        iso.append(judge_variables(given, example["values"], sigma=sigma, **limits))
    checks.exact("iso3951_accepted", expected["iso3951_accepted"], [judged.accepted for judged in iso])
    known = data["iso3951"][2]
    q = [two.q_lower, two.q_upper]
    found = {
        "z19_q": q,
        "z19_percent_at_rounded_q": [plan_from_k(plan.n, round(index or 0.0, 2)).m_percent for index in q],
        "iso3951_q": [iso[0].q_upper, iso[1].q_lower],
        "sigma_method_mean": iso[2].mean,
        "sigma_method_limit": known["lsl"] + known["k"] * known["sigma"],
    }
    checks.published(expected, found)
