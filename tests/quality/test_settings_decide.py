"""Every setting of a characteristic decides: for new reports, and after a recalculation for those there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from quality import spc
from quality.choices import Status
from quality.models import Characteristic, JudgementDefaults
from quality.services.judgement import judge_due
from quality.services.recalculation import recalculate_due, start_recalculation
from tests import builders

pytestmark = pytest.mark.django_db

RNG = np.random.default_rng(3)
# Four pieces of a shot differ by their cavity; the shots drift and the last one jumps.
_SHOTS = (
    10 + np.array([0.0, 0.01, 0.02, 0.03]) + np.linspace(0, 0.02, 20)[:, None] + RNG.normal(0, 0.002, (20, 4))
)
_SHOTS[-1] += 0.03
VALUES = [f"{value:.4f}" for value in _SHOTS.ravel()]
NUMBERS = [float(value) for value in VALUES]
LIMITS = {"lsl": 9.9, "usl": 10.1}


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "", "OQC": "", "ENERGY": ""}


def _entry(**settings: Any) -> Any:
    report = builders.report()
    one = builders.characteristic(report.part, name="外径", **settings)
    builders.entry(report, values=VALUES, characteristic=one, name="外径", subgroup_size=4)
    judge_due()
    return report.entries.get()


def _cpk(**arguments: Any) -> float:
    return spc.capability(NUMBERS, **LIMITS, **arguments).cpk


def _rules(entry: Any) -> list[tuple[Any, str]]:
    return [(reason["rule"], reason["chart"]) for reason in entry.reasons if reason["code"] == "control_rule"]


SETTINGS: dict[str, tuple[dict[str, Any], Callable[[Any], Any], Any, Any]] = {
    # name: (what is set, what is looked at, before, after)
    "chart": (
        {"chart": "xbar_s"},
        lambda entry: entry.statistics["cpk"],
        lambda: _cpk(subgroup_size=4, estimator="rbar"),
        lambda: _cpk(subgroup_size=4, estimator="sbar"),
    ),
    "chart of single values": (
        {"chart": "i_mr"},
        lambda entry: entry.statistics["cpk"],
        lambda: _cpk(subgroup_size=4),
        lambda: _cpk(subgroup_size=1),
    ),
    "subgroup size": (
        {"subgroup_size": 8},
        lambda entry: entry.statistics["cpk"],
        lambda: _cpk(subgroup_size=4),
        lambda: _cpk(subgroup_size=8),
    ),
    "estimator": (
        {"estimator": "pooled"},
        lambda entry: entry.statistics["cpk"],
        lambda: _cpk(subgroup_size=4),
        lambda: _cpk(subgroup_size=4, estimator="pooled"),
    ),
    "distribution": (
        {"distribution": "lognormal"},
        lambda entry: entry.statistics["ppk"],
        lambda: spc.capability(NUMBERS, **LIMITS).ppk,
        lambda: spc.percentile_capability(NUMBERS, **LIMITS, model="lognormal").ppk,
    ),
    "bound": (
        {"lower_is_bound": True},
        lambda entry: entry.statistics["missing"].get("pp"),
        lambda: None,
        lambda: "lower_bound",
    ),
    "limit of the index": (
        {"cpk_limit": "9"},
        lambda entry: [reason["limit"] for reason in entry.reasons],
        list,
        lambda: ["9.00"],
    ),
    "index": (
        {"cpk_limit": "9", "judged_index": "within"},
        lambda entry: [reason["index"] for reason in entry.reasons],
        list,
        lambda: ["within"],
    ),
    "alarm rules": (
        {"alarm_rules": [1], "cpk_limit": "0.1"},
        _rules,
        list,
        lambda: [(1, "xbar")],
    ),
    "preset": (
        {"alarm_rules": ["WE1"], "rule_preset": "western_electric", "cpk_limit": "0.1"},
        _rules,
        list,
        lambda: [("WE1", "xbar")],
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_decides_at_once_and_after_a_recalculation(name: str, admin_user: Any) -> None:
    settings, look, before, after = SETTINGS[name]
    entry = _entry()
    assert _same(look(entry), before())
    Characteristic.objects.update(**settings)
    judge_due()  # nothing is due: what was judged stays as it was
    entry.refresh_from_db()
    assert _same(look(entry), before())
    start_recalculation(user=admin_user)
    recalculate_due()
    entry.refresh_from_db()
    assert _same(look(entry), after())
    fresh = builders.entry(
        builders.report(part=entry.report.part),
        values=VALUES,
        characteristic=entry.characteristic,
        subgroup_size=4,
    )
    judge_due()
    fresh.refresh_from_db()
    assert look(fresh) == look(entry)


def _same(found: Any, expected: Any) -> bool:
    return (
        bool(found == pytest.approx(expected, rel=1e-12))
        if isinstance(expected, float)
        else found == expected
    )


def test_a_setting_that_is_taken_back_leaves_the_size_of_the_report(admin_user: Any) -> None:
    entry = _entry(subgroup_size=8)
    assert entry.statistics["subgroup_size"] == 8
    Characteristic.objects.update(subgroup_size=None)
    start_recalculation(user=admin_user)
    recalculate_due()
    entry.refresh_from_db()
    assert entry.statistics["subgroup_size"] == 4
    assert entry.statistics["cpk"] == pytest.approx(_cpk(subgroup_size=4), rel=1e-12)


def test_parameters_of_a_rule_decide() -> None:
    size_of_run = {"2": {"length": 30}}
    usual = _entry(alarm_rules=[2], cpk_limit="0.1")
    longer = _entry(alarm_rules=[2], cpk_limit="0.1", rule_parameters=size_of_run)
    assert {rule for rule, _chart in _rules(usual)} == {2}
    assert _rules(longer) == []
    assert (usual.status, longer.status) == (Status.ABNORMAL, Status.NORMAL)


def test_defaults_decide_where_a_characteristic_says_nothing() -> None:
    JudgementDefaults.objects.create(pk=1, cpk_limit="0.1", judged_index="within", alarm_rules=[1])
    entry = _entry()
    assert _rules(entry) == [(1, "xbar")]
    JudgementDefaults.objects.update(cpk_limit="9")
    (reason, *_more) = [one for one in _entry().reasons if one["code"] == "capability"]
    assert (reason["index"], reason["limit"]) == ("within", "9.00")
    own = _entry(cpk_limit="8", judged_index="overall", alarm_rules=[3])
    (reason, *_more) = [one for one in own.reasons if one["code"] == "capability"]
    assert (reason["index"], reason["limit"]) == ("overall", "8.00")
    assert (1, "xbar") not in _rules(own)
