"""The verdict itself: values and settings in, status, reasons and statistics out."""

from __future__ import annotations

from statistics import mean, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality import spc
from quality.choices import Status
from quality.judgement import Task, Verdict, judge


def _judge(*values: str | None, alarm_rules: tuple[int, ...] = (), **fields: object) -> Verdict:
    return judge([Task(values=list(values), plan=_plan(alarm_rules), **fields)])[0]  # type: ignore[arg-type]


def _plan(alarm_rules: tuple[int, ...] = (), subgroup_size: int = 1) -> spc.Plan:
    rules = spc.PRESETS["nelson"].only(*map(str, alarm_rules))
    return spc.Plan(subgroup_size=subgroup_size, rules=rules)


def _codes(verdict: Verdict) -> list[str]:
    return [reason["code"] for reason in verdict.reasons]


GOOD = ("10.00", "10.01", "9.99", "10.00", "10.01", "9.99", "10.00", "10.00")


def test_values_well_inside_are_normal() -> None:
    verdict = _judge(*GOOD, lsl="9.90", usl="10.10")
    assert (verdict.status, verdict.reasons) == (Status.NORMAL, [])
    assert verdict.statistics["n"] == 8
    assert verdict.statistics["out_of_spec"] == 0


def test_a_value_over_the_limit_is_named_with_its_place() -> None:
    verdict = _judge(*GOOD, "10.11", lsl="9.90", usl="10.10", cpk_limit="0.1")
    assert verdict.status == Status.ABNORMAL
    assert verdict.reasons == [
        {
            "code": "out_of_spec",
            "points": [8],
            "values": ["10.11"],
            "side": "upper",
            "limit": "10.10",
            "limits": ["9.90", "10.10"],
        }
    ]


def test_values_on_both_sides_are_one_reason() -> None:
    verdict = _judge("9.8", "10", "10.2", lsl="9.9", usl="10.1", cpk_limit="-9")
    (reason,) = verdict.reasons
    assert (reason["side"], reason["points"], reason["limit"]) == ("both", [0, 2], "")


@pytest.mark.parametrize("value", ["9.95", "10.05", "10.0500", "9.950"])
def test_a_value_equal_to_a_limit_is_inside(value: str) -> None:
    assert "out_of_spec" not in _codes(_judge(*GOOD, value, lsl="9.95", usl="10.05"))


@pytest.mark.parametrize("value", ["9.949999", "10.050001"])
def test_the_smallest_step_beyond_a_limit_is_outside(value: str) -> None:
    assert "out_of_spec" in _codes(_judge(*GOOD, value, lsl="9.95", usl="10.05"))


@pytest.mark.parametrize(
    ("value", "limits", "bad"),
    [
        ("0.03", {"usl": "0.02"}, True),
        ("-5", {"usl": "0.02"}, False),
        ("11", {"lsl": "12"}, True),
        ("99", {"lsl": "12"}, False),
    ],
)
def test_one_sided_specifications_look_at_their_side(value: str, limits: dict[str, str], bad: bool) -> None:
    verdict = _judge(value, **limits)
    assert ("out_of_spec" in _codes(verdict)) is bad
    assert verdict.statistics["cp"] is None
    assert verdict.statistics["missing"]["cp"]


def test_capability_under_the_limit_is_a_reason_with_its_number() -> None:
    values = ("9.96", "10.04", "9.97", "10.03", "10.00", "9.98", "10.02", "10.01")
    verdict = _judge(*values, lsl="9.95", usl="10.05")
    numbers = [float(value) for value in values]
    ppk = min(10.05 - mean(numbers), mean(numbers) - 9.95) / (3 * stdev(numbers))
    (reason,) = verdict.reasons
    assert reason["code"] == "capability"
    assert reason["index"] == "overall"
    assert reason["limit"] == "1.33"
    assert reason["value"] == pytest.approx(ppk, rel=1e-12)
    assert verdict.statistics["ppk"] == reason["value"]


def test_the_judged_index_is_a_setting() -> None:
    # Steps between neighbours are small, the drift over all is large: within is good, overall is not.
    drifting = [f"{9.96 + 0.002 * step:.3f}" for step in range(40)]
    overall = _judge(*drifting, lsl="9.93", usl="10.07", index="overall")
    within = _judge(*drifting, lsl="9.93", usl="10.07", index="within")
    assert _codes(overall) == ["capability"]
    assert within.status == Status.NORMAL


def test_the_limit_itself_is_enough() -> None:
    verdict = _judge(*GOOD, lsl="9.90", usl="10.10")
    exact = repr(verdict.statistics["ppk"])
    assert _judge(*GOOD, lsl="9.90", usl="10.10", cpk_limit=exact).status == Status.NORMAL


@pytest.mark.parametrize("values", [("10.00",), ("10.00",) * 8])
def test_without_spread_there_is_no_capability_and_no_alarm(values: tuple[str, ...]) -> None:
    verdict = _judge(*values, lsl="9.9", usl="10.1")
    assert verdict.status == Status.NORMAL
    assert verdict.statistics["ppk"] is None
    assert verdict.statistics["missing"]["ppk"]


def test_rules_are_silent_unless_switched_on() -> None:
    values = [*GOOD * 3, "10.09"]
    assert "control_rule" not in _codes(_judge(*values, lsl="9", usl="11"))
    verdict = _judge(*values, lsl="9", usl="11", alarm_rules=(1,))
    assert _codes(verdict)[0] == "control_rule"
    reason = verdict.reasons[0]
    assert (reason["rule"], reason["chart"], reason["side"], reason["points"]) == (1, "i", "upper", [24])
    assert reason["values"] == [10.09]
    assert reason["limit"] < 10.09


def test_only_the_rules_switched_on_speak() -> None:
    rising = [f"{10 + 0.001 * step:.3f}" for step in range(12)]
    for rules, found in (((3,), {3}), ((2,), set()), ((2, 3), {3})):
        verdict = _judge(*rising, lsl="9", usl="11", alarm_rules=rules)
        assert {reason["rule"] for reason in verdict.reasons} == found


def test_locked_limits_win_over_those_of_the_report() -> None:
    rows = {"values": [*GOOD], "lsl": "9", "usl": "11", "plan": _plan((1,))}
    own, locked = judge([Task(**rows), Task(**rows, limits=spc.Limits(centre=9.95, sigma=0.01))])
    assert own.status == Status.NORMAL
    assert {reason["code"] for reason in locked.reasons} == {"control_rule"}
    assert locked.reasons[0]["limit"] == pytest.approx(9.98, rel=1e-12)


def test_a_physical_bound_is_no_tolerance() -> None:
    values = ("0.01", "0.03", "0.02", "0.04", "0.02")
    as_limit = _judge(*values, lsl="0", usl="0.2")
    as_bound = _judge(*values, lsl="0", usl="0.2", lower_is_bound=True)
    assert as_limit.reasons[0]["code"] == "capability"
    assert as_bound.status == Status.NORMAL
    assert as_bound.statistics["pp"] is None


def test_different_charts_and_estimators_are_judged_side_by_side() -> None:
    tasks = [
        Task(
            values=list(GOOD),
            lsl="9",
            usl="11",
            plan=spc.Plan(chart=chart, subgroup_size=size, estimator=how),
        )
        for chart, size, how in (("i_mr", 1, "median_mr"), ("xbar_r", 4, "auto"), ("xbar_s", 4, "pooled"))
    ]
    assert judge(tasks) == [judge([task])[0] for task in tasks]


def test_attribute_rows_count_their_ng() -> None:
    verdict = _judge("OK", "NG", None, "OK", "NG")
    assert verdict.reasons == [{"code": "not_good", "points": [1, 4]}]
    assert verdict.statistics["n"] == 4
    assert _judge("OK", None).status == Status.NORMAL


@pytest.mark.parametrize("values", [(), (None, None)])
def test_no_value_at_all_cannot_be_judged(values: tuple[None, ...]) -> None:
    verdict = _judge(*values, lsl="1", usl="2")
    assert (verdict.status, _codes(verdict)) == (Status.ERROR, ["no_values"])


def test_one_that_cannot_be_judged_stops_none_of_the_others() -> None:
    crossed = Task(values=["1"], lsl="3", usl="2")
    good = Task(values=list(GOOD), lsl="9.9", usl="10.1")
    verdicts = judge([good, crossed, good])
    assert [verdict.status for verdict in verdicts] == [Status.NORMAL, Status.ERROR, Status.NORMAL]
    assert verdicts[1].reasons[0]["code"] == "fault"


def test_missing_samples_keep_the_numbers_of_the_others() -> None:
    verdict = _judge("10.0", None, "10.3", lsl="9.9", usl="10.1", cpk_limit="-9")
    assert verdict.reasons[0]["points"] == [2]


_values = st.lists(
    st.one_of(st.none(), st.integers(9800, 10200).map(lambda step: f"{step / 1000:.3f}")),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40)
@given(many=st.lists(st.tuples(_values, st.sampled_from([(), (1,), (1, 2, 3)])), min_size=1, max_size=6))
def test_judged_together_or_alone_is_the_same(
    many: list[tuple[list[str | None], tuple[int, ...]]],
) -> None:
    tasks = [
        Task(values=values, lsl="9.9", usl="10.1", plan=_plan(rules, 1 + len(rules)))
        for values, rules in many
    ]
    assert judge(tasks) == [judge([task])[0] for task in tasks]
