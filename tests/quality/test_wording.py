"""Every sentence about a verdict says what, where, and by which number."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import translation

from quality import spc, wording
from quality.choices import ReasonCode, Status
from quality.spc.data_quality import MIXTURE_P
from quality.spc.missing import Missing


@pytest.fixture(autouse=True)
def _in_chinese() -> Any:
    with translation.override("zh-hans"):
        yield


def _entry(**fields: Any) -> Any:
    defaults = {
        "name": "内径",
        "subgroup_size": 1,
        "values": ["74.001"] * 30,
        "lsl": "73.965",
        "usl": "74.035",
        "status": Status.ABNORMAL,
        "reasons": [],
        "statistics": {},
    }
    return SimpleNamespace(**(defaults | fields))


def _out_of_spec(points: list[int], values: list[str], side: str = "upper") -> dict[str, Any]:
    limits = {"upper": "74.035", "lower": "73.965"}
    return {
        "code": "out_of_spec",
        "points": points,
        "values": values,
        "side": side,
        "limit": limits.get(side, ""),
        "limits": ["73.965", "74.035"],
    }


def _capability(value: float, index: str = "overall") -> dict[str, Any]:
    return {"code": "capability", "index": index, "value": value, "limit": "1.33"}


def _rule(rule: int | str = 1, **fields: Any) -> dict[str, Any]:
    return {
        "code": "control_rule",
        "rule": rule,
        "chart": "xbar",
        "points": [36],
        "values": [74.0174],
        "limit": 74.0143,
        "side": "upper",
    } | fields


def test_values_out_of_specification_are_named_with_place_value_and_limit() -> None:
    reason = _out_of_spec([3, 17], ["74.036", "74.041"])
    assert wording.reason_text(reason, _entry()) == "第 4、18 个值超出规格上限 74.035：74.036、74.041"


def test_a_value_in_subgroups_is_named_by_subgroup_and_number() -> None:
    reason = _out_of_spec([192], ["74.036"])
    sentence = wording.reason_text(reason, _entry(subgroup_size=5))
    assert sentence == "第 39 组第 3 个值超出规格上限 74.035：74.036"


def test_values_below_and_on_both_sides_name_their_limits() -> None:
    below = wording.reason_text(_out_of_spec([0], ["73.9"], "lower"), _entry())
    both = wording.reason_text(_out_of_spec([0, 1], ["73.9", "74.1"], "both"), _entry())
    assert below == "第 1 个值低于规格下限 73.965：73.9"
    assert both == "第 1、2 个值超出规格 73.965…74.035：73.9、74.1"


def test_of_many_points_the_first_are_named_and_neighbours_are_drawn_together() -> None:
    assert wording.points_text([0, 1, 2, 5, 7, 8]) == "1–3、6、8、9"
    assert wording.points_text(range(0, 40, 2)) == "1、3、5、7、9、11 等"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.97, "CPK 0.97 < 1.33"), (1.3284, "CPK 1.328 < 1.33"), (1.329999, "CPK 1.329999 < 1.33")],
)
def test_an_index_just_below_its_limit_is_written_so_that_it_looks_smaller(value: float, text: str) -> None:
    assert wording.reason_short(_capability(value), _entry()) == text


def test_the_two_indices_are_called_by_their_own_names() -> None:
    assert "CPK（全部标准差，报告口径）" in wording.reason_text(_capability(1.0), _entry())
    assert "Cpk（组内标准差）" in wording.reason_text(_capability(1.0, "within"), _entry())


def test_a_point_beyond_its_limit_is_named_with_chart_value_and_limit() -> None:
    sentence = wording.reason_text(_rule(), _entry())
    assert sentence == "规则 1（一点超出控制限）：均值图第 37 组 74.0174 > UCL 74.0143"


def test_the_most_extreme_point_speaks_for_its_side() -> None:
    fields = {"points": [1, 2], "values": [73.98, 73.97], "limit": 73.988, "side": "lower"}
    sentence = wording.reason_text(_rule(**fields), _entry())
    assert sentence.endswith("第 2、3 组 73.9700 < LCL 73.9880")


def test_single_values_are_points_not_subgroups() -> None:
    assert "单值图第 37 点" in wording.reason_text(_rule(chart="i"), _entry())


def test_a_rule_of_another_tradition_has_words_and_an_unknown_one_a_number() -> None:
    assert "连续 8 点在中心线同一侧" in wording.reason_text(_rule("WE4"), _entry())
    assert wording.reason_text(_rule("X9"), _entry()) == "规则 X9：均值图第 37 组"


@pytest.mark.parametrize("preset", sorted(spc.PRESETS))
def test_the_words_of_every_preset_rule_tell_its_lengths(preset: str) -> None:
    for rule in spc.PRESETS[preset]:
        words = wording.rule_text(rule)
        assert rule.window == 1 or str(rule.window) in words
        assert rule.count in (0, 1) or str(rule.count) in words


def test_a_headline_tells_the_worst_first_and_not_more_than_two() -> None:
    reasons = [_rule(), _capability(0.97), _out_of_spec([3], ["74.036"])]
    verdict = wording.verdict(_entry(reasons=reasons))
    assert verdict.headline == "超差 · 74.036 > 74.035 · CPK 0.97 < 1.33"
    assert [sentence[:4] for sentence in verdict.sentences] == ["第 4 ", "CPK（", "规则 1"]
    assert (verdict.tone, verdict.symbol) == ("red", "▲")


def test_a_rule_makes_the_headline_only_where_nothing_harder_speaks() -> None:
    assert wording.verdict(_entry(reasons=[_rule()])).headline == "失控 · 规则 1：均值图第 37 组"
    both = wording.verdict(_entry(reasons=[_rule(), _capability(0.97)]))
    assert both.headline == "失控 · CPK 0.97 < 1.33"


def test_many_values_out_of_specification_are_counted_among_those_measured() -> None:
    entry = _entry(
        values=["74.001"] * 28 + [None, "74.040", "74.050"],
        reasons=[_out_of_spec([29, 30], ["74.040", "74.050"])],
    )
    assert wording.verdict(entry).headline == "超差 · 2/30 个值 > 74.035"


def test_values_on_both_sides_are_counted_against_both_limits() -> None:
    both = _out_of_spec([0, 1], ["73.9", "74.1"], "both")
    assert wording.reason_short(both, _entry()) == "2/30 个值超出 73.965…74.035"


def test_a_good_entry_shows_its_index_with_the_limit_it_keeps() -> None:
    entry = _entry(status=Status.NORMAL, statistics={"ppk": 1.624})
    assert wording.verdict(entry, cpk_limit=Decimal("1.33")).headline == "正常 · CPK 1.62 ≥ 1.33"
    assert wording.verdict(entry, cpk_limit=Decimal("1.67")).headline == "正常 · CPK 1.62"


@pytest.mark.parametrize(
    ("fields", "headline"),
    [
        ({"status": Status.NORMAL, "values": ["OK"] * 32}, "正常 · 32 件全部 OK"),
        ({"status": Status.NORMAL, "values": ["1"], "statistics": {"ppk": None}}, "正常 · 1 个值都在规格内"),
        ({"status": Status.PENDING}, "待判定"),
        ({"status": Status.ERROR, "reasons": [{"code": "no_values"}]}, "无法判定 · 没有测量值"),
        ({"status": Status.ERROR, "reasons": [{"code": "fault", "detail": "x"}]}, "无法判定 · 判定程序出错"),
        (
            {
                "values": ["OK", "NG", None, "OK"],
                "reasons": [{"code": "not_good", "points": [1]}],
            },
            "不合格 · 1/3 件 NG",
        ),
    ],
)
def test_every_kind_of_verdict_has_a_headline(fields: dict[str, Any], headline: str) -> None:
    assert wording.verdict(_entry(**fields)).headline == headline


def test_every_reason_code_has_a_sentence_and_a_short_form() -> None:
    examples = {
        ReasonCode.OUT_OF_SPEC: _out_of_spec([0], ["74.1"]),
        ReasonCode.NOT_GOOD: {"code": "not_good", "points": [0]},
        ReasonCode.CAPABILITY: _capability(1.0),
        ReasonCode.CONTROL_RULE: _rule(),
        ReasonCode.NO_VALUES: {"code": "no_values"},
        ReasonCode.FAULT: {"code": "fault", "detail": "lsl above usl"},
    }
    assert set(examples) == set(ReasonCode)
    for code, reason in examples.items():
        assert code.value not in wording.reason_text(reason, _entry())
        assert code.value not in wording.reason_short(reason, _entry())


def test_every_reason_for_a_missing_result_has_words() -> None:
    assert {code for code in Missing if wording.missing_text(code) == code} == set()


@pytest.mark.parametrize(("value", "text"), [(None, "—"), (-0.0001, "0.00"), (1.005, "1.00"), (0.0, "0.00")])
def test_a_number_is_written_with_its_digits_and_a_missing_one_as_a_dash(
    value: float | None, text: str
) -> None:
    assert wording.number_text(value, 2) == text


# --- warnings about the data ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "numbers", "sentence"),
    [
        ("too_few_values", {"n": 13, "least": 25}, "只有 13 个值（建议至少 25 个）：指标和控制限都很不确定"),
        ("constant", {"value": 74.0}, "所有值都是 74.000：量具可能太粗，或没有逐件测量"),
        (
            "few_distinct_values",
            {"distinct": 3, "least": 5},
            "只有 3 个不同的值（至少应有 5 个）：量具太粗，正态检验没有意义",
        ),
        (
            "resolution_chatter",
            {"step": 0.01, "ucl": 0.0253, "possible": 3, "least": 4},
            "分辨力 0.01 对波动太粗：极差控制限 0.0253 内只有 3 个可能的极差（至少应有 4 个），控制限不可靠",
        ),
        (
            "mixture_of_positions",
            {"p": 0.0},
            "组内各位置的均值有规律地不同（p < 0.001）：可能混有不同模穴或机台，组内标准差含位置差",
        ),
    ],
)
def test_a_warning_about_the_data_tells_the_numbers_behind_it(
    code: str, numbers: dict[str, float], sentence: str
) -> None:
    warning = spc.QualityWarning(spc.WarningCode(code), numbers)
    assert wording.warning_text(warning, _entry()) == sentence


def test_the_threshold_that_the_sentence_names_is_the_one_of_the_engine() -> None:
    sentence = wording.warning_text(spc.QualityWarning(spc.WarningCode.MIXTURE_OF_POSITIONS, {}), _entry())
    assert f"p < {MIXTURE_P}" in sentence
