"""The distribution of a characteristic: set by a person, it decides indices, reasons, page and picture."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from scipy import stats

from quality import spc, wording
from quality.choices import Chart, Distribution, RulePreset, Status
from quality.judgement import Task, Verdict, judge
from quality.models import Characteristic, JudgementDefaults
from quality.presenters.entry import entry_page
from quality.presenters.shapes import shape_of
from quality.services.judgement import judge_due
from tests import builders

# Flatness: skewed, bounded at 0. By mean ± 3 sigma it looks incapable, by its own quantiles it is capable.
FLATNESS = [f"{value:.5f}" for value in stats.weibull_min(1.5, scale=0.02).ppf((np.arange(80) + 0.5) / 80)]
USL = "0.09"


def _judge(distribution: str, values: list[str] = FLATNESS, **fields: Any) -> Verdict:
    defaults: dict[str, Any] = {"usl": USL, "lsl": "0", "lower_is_bound": True}
    return judge([Task(values=values, distribution=distribution, **(defaults | fields))])[0]


def _fitted_ppk() -> float:
    """The index from scipy's own fit with the start of the family at 0."""
    shape, _, scale = stats.weibull_min.fit([float(value) for value in FLATNESS], floc=0)
    model = stats.weibull_min(shape, scale=scale)
    median, top = model.ppf(0.5), model.ppf(0.99865)
    return float((float(USL) - median) / (top - median))


def test_the_index_is_that_of_the_fitted_distribution() -> None:
    found = _judge("weibull").statistics
    assert found["ppk"] == pytest.approx(_fitted_ppk(), rel=1e-4)
    assert found["distribution"] == "weibull"


def test_the_setting_decides_the_status() -> None:
    limit = f"{(_fitted_ppk() + _judge('normal').statistics['ppk']) / 2:.3f}"
    normal, weibull = _judge("normal", cpk_limit=limit), _judge("weibull", cpk_limit=limit)
    assert {normal.status, weibull.status} == {Status.NORMAL, Status.ABNORMAL}
    reason = (weibull if weibull.reasons else normal).reasons[0]
    assert reason["code"] == "capability"


def test_a_normal_characteristic_is_stored_as_before() -> None:
    found = _judge("normal").statistics
    assert "distribution" not in found and "ppk_normal" not in found
    assert found["cpk"] is not None


def test_within_indices_are_missing_with_their_reason_and_the_overall_one_is_judged() -> None:
    verdict = _judge("weibull", index="within", cpk_limit="9")
    assert verdict.statistics["cpk"] is None and verdict.statistics["cp"] is None
    assert verdict.statistics["missing"]["cpk"] == "not_normal"
    (reason,) = verdict.reasons
    assert (reason["index"], reason["distribution"]) == ("overall", "weibull")
    assert reason["value"] == verdict.statistics["ppk"]
    assert verdict.statistics["ppk_normal"] == _judge("normal").statistics["ppk"]


@pytest.mark.parametrize("distribution", Distribution.values)
def test_every_choice_is_a_model_of_the_engine(distribution: str) -> None:
    verdict = _judge(distribution)
    assert verdict.status != Status.ERROR
    assert verdict.statistics["ppk"] is not None
    json.dumps(verdict.statistics, allow_nan=False)


def test_the_engine_has_no_family_that_cannot_be_chosen() -> None:
    assert set(Distribution.values) == {*spc.FAMILIES, "box_cox", "empirical"}
    assert {*spc.CHARTS} - set(Chart.values) == {"three_way"}  # the chart of the history over lots
    assert {*spc.PRESETS} - set(RulePreset.values) == {"gb_t_4091"}  # Nelson's by another name
    assert tuple(spc.PRESETS["gb_t_4091"]) == tuple(spc.PRESETS["nelson"])


def test_box_cox_is_that_of_the_transformed_values() -> None:
    found = _judge("box_cox", lsl="", lower_is_bound=False).statistics
    values = np.array([float(value) for value in FLATNESS])
    z, lam = stats.boxcox(values)
    mean, sd = z.mean(), z.std(ddof=1)
    median, top = ((lam * (mean + q * sd) + 1) ** (1 / lam) for q in (0.0, stats.norm.ppf(0.99865)))
    assert found["ppk"] == pytest.approx((float(USL) - median) / (top - median), rel=1e-5)


@pytest.mark.parametrize(
    ("values", "distribution", "why"),
    [
        (["0", "0.01", "0.02"], "lognormal", "not_positive"),
        (["-1", "0.02", "0.03"], "box_cox", "not_positive"),
        (["0.01"], "weibull", "one_value"),
        (["0.01"] * 9, "gamma", "zero_variance"),
    ],
)
def test_without_a_fit_there_is_no_index_and_a_reason(values: list[str], distribution: str, why: str) -> None:
    verdict = _judge(distribution, values, lsl="", lower_is_bound=False)
    assert verdict.statistics["ppk"] is None
    assert verdict.statistics["missing"]["ppk"] == why
    assert verdict.status == Status.NORMAL


def test_one_of_many_has_its_own_distribution() -> None:
    tasks = [Task(values=FLATNESS, usl=USL, distribution=one) for one in ("normal", "weibull", "normal")]
    together = judge(tasks)
    assert together == [judge([task])[0] for task in tasks]
    assert together[0].statistics["ppk"] != together[1].statistics["ppk"]


# --- words and page ---------------------------------------------------------------------------


def _entry(distribution: str, **fields: Any) -> Any:
    report = builders.report()
    one = builders.characteristic(
        report.part, name="平面度", distribution=distribution, lower_is_bound=True, cpk_limit="9"
    )
    fields = {"name": "平面度", "spec": "0.09 max", "lsl": "0", "usl": USL} | fields
    row = builders.entry(report, values=FLATNESS, characteristic=one, **fields)
    judge_due()
    return type(row).objects.select_related("characteristic", "report__part", "limits").get(pk=row.pk)


@pytest.mark.django_db
def test_the_page_names_the_distribution_its_test_and_its_percentiles() -> None:
    entry = _entry("weibull")
    page = entry_page(entry, JudgementDefaults())
    (sentence,) = page.verdict.sentences
    assert sentence.startswith("CPK（Weibull，百分位法）") and sentence.endswith("低于下限 9.00")
    rows = {row.name: row for row in page.capability}
    assert rows["CPK（Weibull，百分位法）"].value == f"{_fitted_ppk():.2f}"
    assert rows["CPK（Weibull，百分位法）"].tone == "amber"
    assert rows["Cp、Cpk（组内）"].value == wording.DASH
    assert rows["Cp、Cpk（组内）"].why == "分布不是正态，没有组内指标"
    fit = spc.fit_distribution([float(value) for value in FLATNESS], "weibull")
    assert fit.ad is not None
    assert rows["拟合检验（Anderson–Darling）"].value == f"A² {fit.ad:.3f}，p = {fit.ad_p:.3f}"
    low, median, top = rows["0.135 % / 50 % / 99.865 % 分位"].value.split(" / ")
    assert 0 < float(low) < float(median) < float(top)
    assert page.confidence == ""


@pytest.mark.django_db
def test_a_normal_page_is_as_before() -> None:
    page = entry_page(_entry("normal"), JudgementDefaults())
    assert page.capability[0].name == "CPK（全部标准差，报告口径）"
    assert page.confidence


@pytest.mark.django_db
def test_the_picture_draws_the_density_of_the_distribution() -> None:
    entry = _entry("weibull")
    measured = [float(value) for value in FLATNESS]
    shape = shape_of(entry, measured)
    assert shape is not None
    c, _, scale = stats.weibull_min.fit(measured, floc=0)
    x, y = zip(*shape.density, strict=True)
    np.testing.assert_allclose(y, stats.weibull_min(c, scale=scale).pdf(x), rtol=1e-3)
    assert x[0] < measured[0] and x[-1] > measured[-1]
    normal = entry_page(_entry("normal"), JudgementDefaults()).histogram
    assert entry_page(entry, JudgementDefaults()).histogram != normal


@pytest.mark.django_db
def test_few_values_are_told() -> None:
    shape = shape_of(_entry("empirical"), [float(value) for value in FLATNESS[:20]])
    assert shape is not None and shape.density == ()
    assert [text for name, text in shape.facts] == [
        "不足 50 个值，难以分辨分布",
        "值太少，两端分位取自最小值与最大值，指标偏高",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("distribution", ["box_cox", "empirical", "lognormal"])
def test_every_kind_of_model_has_a_page(distribution: str) -> None:
    page = entry_page(_entry(distribution), JudgementDefaults())
    name = wording.distribution_text(distribution)
    assert page.capability[0].name == f"CPK（{name}，百分位法）"
    assert page.capability[0].value != wording.DASH


@pytest.mark.django_db
def test_a_printed_cpk_is_compared_with_the_usual_one() -> None:
    values = [float(value) for value in FLATNESS]
    usual = (float(USL) - np.mean(values)) / (3 * np.std(values, ddof=1))
    assert not entry_page(_entry("weibull", printed={"cpk": f"{usual:.2f}"}), JudgementDefaults()).mismatches
    wrong = f"{_fitted_ppk():.2f}"
    assert entry_page(_entry("weibull", printed={"cpk": wrong}), JudgementDefaults()).mismatches
    assert not math.isclose(usual, _fitted_ppk(), rel_tol=0.02)


@pytest.mark.django_db
def test_the_form_refuses_an_index_that_the_distribution_does_not_have(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    one = builders.characteristic(name="平面度")
    url = reverse("admin:quality_characteristic_change", args=[one.pk])
    fields = client.get(url).context["adminform"].form.initial
    data = {name: value for name, value in fields.items() if value not in (None, False)}
    data |= {"rule_parameters": "{}", "alarm_rules": [], "distribution": "weibull", "judged_index": "within"}
    assert "非正态分布只有总体指标" in client.post(url, data).text
    assert client.post(url, data | {"judged_index": "overall"}).status_code == 302
    assert Characteristic.objects.get().distribution == "weibull"
