"""What the templates get: words, rows and pictures out of stored values."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest

from alarms import services as alarms
from notifications.choices import State
from quality import presenters, spc
from quality.choices import Chart, Estimator, Status
from quality.kinds import IQC
from quality.models import JudgementDefaults
from quality.presenters.numbers import tone_of_cpk
from quality.presenters.tables import ESTIMATORS
from quality.services.judgement import judge_report
from quality.services.limits import lock_given_limits
from tests import builders

pytestmark = pytest.mark.django_db

DEFAULTS = JudgementDefaults()
# 8 subgroups of 5; the last subgroup is far above the others and above the upper limit.
SHIFTED = [f"10.{value:02d}" for value in [1, 3, 2, 0, 4] * 7] + ["10.19", "10.20", "10.21", "10.22", "10.18"]


def _judged(values: list[str | None], **fields: Any) -> Any:
    report = builders.report(IQC)
    entry = builders.entry(report, values=values, **fields)
    judge_report(report)
    return _fresh(entry)


def _fresh(entry: Any) -> Any:
    related = ("report__part", "report__supplier", "characteristic", "limits__author", "edited_by")
    return type(entry).objects.select_related(*related).get(pk=entry.pk)


def _svgs(html: str) -> list[ElementTree.Element]:
    found = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    return [ElementTree.fromstring(svg) for svg in found]  # noqa: S314 - our own text


def test_the_page_of_a_shifted_entry_tells_verdict_chart_and_numbers() -> None:
    entry = _judged(
        SHIFTED, subgroup_size=5, characteristic=builders.characteristic(name="内径", alarm_rules=[1])
    )
    shown = presenters.entry_page(entry, DEFAULTS)
    assert shown.verdict.headline.startswith("超差 · 5/40 个值 > 10.1 · CPK ")
    assert shown.what.startswith("活塞环 内径")
    assert shown.what.endswith("10±0.1 mm")
    assert shown.control is not None
    assert shown.control.title == "均值–极差控制图 n=5"
    assert shown.control.remark == "控制限由本报告 8 组算出"
    alarming = [note for note in shown.control.notes if note.is_alarm]
    assert [note.number for note in alarming] == ["1"]
    assert alarming[0].text.startswith("规则 1（一点超出控制限）：均值图第 8 组 10.200 > UCL ")


def test_pictures_are_drawn_for_phone_and_desktop_and_mark_the_violation() -> None:
    entry = _judged(
        SHIFTED, subgroup_size=5, characteristic=builders.characteristic(name="内径", alarm_rules=[1])
    )
    shown = presenters.entry_page(entry, DEFAULTS)
    assert shown.control is not None
    narrow, wide = _svgs(shown.control.svg)
    for svg in (narrow, wide):
        titles = [title.text or "" for title in svg.iter("{http://www.w3.org/2000/svg}title")]
        assert any("均值图第 8 组" in title for title in titles)
        assert svg.findall(".//*[@class='ch-bad']")
    assert len(_svgs(shown.histogram)) == 2
    assert "style=" not in shown.control.svg + shown.histogram


def test_a_rule_that_does_not_alarm_is_drawn_in_amber_and_said_so() -> None:
    shown = presenters.entry_page(_judged(SHIFTED, subgroup_size=5), DEFAULTS)
    assert shown.control is not None
    assert [note.is_alarm for note in shown.control.notes if note.number == "1"] == [False]
    for svg in _svgs(shown.control.svg):
        assert svg.findall(".//*[@class='ch-warn']")
        assert not svg.findall(".//*[@class='ch-bad']")


def test_single_values_outside_the_specification_are_marked_with_the_limit_they_pass() -> None:
    entry = _judged([*["10.00", "10.01", "9.99", "10.02"] * 5, "10.12", "9.80"])
    shown = presenters.entry_page(entry, DEFAULTS)
    assert shown.control is not None
    assert (shown.control.notes[0].number, shown.control.notes[0].is_alarm) == ("LSL USL", True)
    for svg in _svgs(shown.control.svg):
        titles = "\n".join(title.text or "" for title in svg.iter("{http://www.w3.org/2000/svg}title"))
        assert "第 21 个值超出规格上限 10.1：10.12" in titles
        assert "第 22 个值低于规格下限 9.9：9.80" in titles


@pytest.mark.parametrize("estimator", [one for one in Estimator if one != Estimator.AUTO])
def test_every_estimator_has_a_name_for_the_table(estimator: str) -> None:
    assert estimator in ESTIMATORS


def test_indices_stand_under_their_proper_names_with_intervals() -> None:
    entry = _judged(SHIFTED, subgroup_size=5)
    rows = {row.name: row for row in presenters.entry_page(entry, DEFAULTS).capability}
    overall, within = rows["CPK（全部标准差，报告口径）"], rows["Cpk（组内 R̄/d₂）"]
    assert overall.value == f"{entry.statistics['ppk']:.2f}"
    assert within.value == f"{entry.statistics['cpk']:.2f}"
    assert overall.tone == "red"
    assert within.tone == ""  # only the judged index is coloured
    low, high = map(float, overall.interval.split("–"))
    assert low <= entry.statistics["ppk"] <= high
    assert rows["超差"].value == "5 / 40"


def test_a_one_sided_specification_has_cpk_and_a_reason_for_no_cp() -> None:
    entry = _judged(
        [f"0.{value:03d}" for value in (5, 7, 6, 9, 8, 4, 6, 7)], lsl="", usl="0.02", spec="≤0.02"
    )
    rows = {row.name: row for row in presenters.entry_page(entry, DEFAULTS).capability}
    assert rows["CPK（全部标准差，报告口径）"].value != "—"
    assert (rows["Cp（组内）"].value, rows["Cp（组内）"].why) == ("—", "单侧规格无此指标")


@pytest.mark.parametrize(
    ("values", "why"),
    [(["10.00"] * 6, "所有值相同，没有离散"), (["10.00"], "只有一个值，算不出离散程度")],
)
def test_a_missing_index_is_a_dash_with_its_reason(values: list[str | None], why: str) -> None:
    shown = presenters.entry_page(_judged(values), DEFAULTS)
    assert (shown.capability[0].value, shown.capability[0].why) == ("—", why)
    assert shown.control is not None
    assert shown.control.remark.startswith("没有控制限：")


def test_an_entry_without_values_has_no_pictures_but_a_verdict() -> None:
    shown = presenters.entry_page(_judged([None, None]), DEFAULTS)
    assert (shown.control, str(shown.histogram), list(shown.capability)) == (None, "", [])
    assert shown.verdict.headline == "无法判定 · 没有测量值"


def test_settings_that_cannot_be_charted_leave_the_page_standing() -> None:
    """The lower limit above the upper one: judgement says so, the page shows the values."""
    shown = presenters.entry_page(_judged(["10.0", "10.1", "9.9"], lsl="11", usl="10"), DEFAULTS)
    assert shown.verdict.status == Status.ERROR
    assert shown.control is None
    assert [cell.text for row in shown.values.all for cell in row.cells] == ["10.0", "10.1", "9.9"]


# 13 shots of two cavities that lie 0.02 apart in every shot.
CAVITIES = [f"10.0{value}" for value in (1, 3, 2, 4, 1, 3, 2, 4) * 3] + ["10.02", "10.04"]


@pytest.mark.parametrize(
    ("values", "fields", "codes"),
    [
        ([f"10.0{value % 9}" for value in range(25)], {}, []),
        ([f"10.0{value % 9}" for value in range(24)], {}, ["too_few_values"]),
        (["10.0"] * 25, {}, ["constant"]),
        (["10.0", "10.0", "10.1"] * 10, {}, ["few_distinct_values", "resolution_chatter"]),
        (CAVITIES, {"subgroup_size": 2}, ["few_distinct_values", "mixture_of_positions"]),
        ([None, "10.0", None], {}, ["too_few_values"]),
        ([None, None], {}, []),
        (["OK"] * 3, {"lsl": "", "usl": "", "spec": ""}, []),
        (["10.0", "10.1"], {"subgroup_size": 0}, []),
    ],
)
def test_data_that_say_little_are_told_by_name(
    values: list[str | None], fields: dict[str, Any], codes: list[str]
) -> None:
    entry = _fresh(builders.entry(builders.report(), values=values, **fields))
    warnings = presenters.data_warnings(entry)
    assert [warning.code for warning in warnings] == codes
    assert list(presenters.entry_page(entry, DEFAULTS).warnings) == list(warnings)


def test_warnings_look_at_the_values_in_the_subgroups_that_are_charted() -> None:
    """A chart of single values knows of no cavities, whatever the report says."""
    entry = _fresh(
        builders.entry(
            builders.report(),
            values=CAVITIES,
            subgroup_size=2,
            characteristic=builders.characteristic(chart=Chart.I_MR),
        )
    )
    assert "mixture_of_positions" not in [warning.code for warning in presenters.data_warnings(entry)]


def test_a_warning_about_the_data_judges_nothing() -> None:
    entry = _judged(["10.0"] * 25)
    assert [warning.code for warning in presenters.data_warnings(entry)] == ["constant"]
    assert (entry.status, entry.reasons) == (Status.NORMAL, [])


def test_pieces_that_are_not_good_are_counted_and_marked() -> None:
    shown = presenters.entry_page(_judged(["OK", "NG", None, "OK"], lsl="", usl=""), DEFAULTS)
    assert shown.is_attribute
    assert [(row.name, row.value) for row in shown.capability] == [
        ("检查件数", "3"),
        ("NG 件数", "1"),
        ("不合格率", "33.3 %"),
    ]
    cells = [cell for row in shown.values.all for cell in row.cells]
    assert [(cell.text, cell.is_bad) for cell in cells] == [
        ("OK", False),
        ("NG", True),
        ("—", False),
        ("OK", False),
    ]


def test_locked_limits_are_drawn_and_named() -> None:
    engineer = builders.person("质量工程师", first_name="李工")
    report = builders.report(IQC)
    characteristic = builders.characteristic(report.part, "内径")
    limits = spc.Limits(centre=10.0, sigma=0.02)
    lock_given_limits(characteristic, limits=limits, reason="首批稳定", user=engineer)
    entry = builders.entry(report, values=["10.00", "10.05", "9.95", "10.01"], characteristic=characteristic)
    judge_report(report)
    shown = presenters.entry_page(_fresh(entry), DEFAULTS)
    assert shown.control is not None
    assert re.fullmatch(r"控制限 v1 已锁定（\d{4}-\d\d-\d\d 李工）", shown.control.remark)
    assert "UCL 10.06" in shown.control.svg


def test_values_stand_in_their_subgroups_with_the_marked_ones_first() -> None:
    values = presenters.entry_page(
        _judged(
            ["10.00", "10.02", "10.01"] * 20 + ["10.5", "10.0", "10.0"] + ["10.01"] * 27, subgroup_size=3
        ),
        DEFAULTS,
    ).values
    assert (values.columns, len(values.all), values.is_folded) == (3, 30, True)
    labels = [row.label for row in values.shown]
    assert "21" in labels
    assert len(labels) == 8
    bad = next(row for row in values.all if row.label == "21")
    assert [(cell.text, cell.is_bad) for cell in bad.cells] == [
        ("10.50", True),
        ("10.00", False),
        ("10.00", False),
    ]
    assert bad.tone == "amber"  # the rule is drawn, it does not alarm
    assert values.title == f"测量值 第 {labels[0]}–{labels[-1]} 组"


def test_single_values_stand_five_in_a_row() -> None:
    values = presenters.entry_page(_judged(["10.00", "10.01"] * 6), DEFAULTS).values
    assert [row.label for row in values.all] == ["1", "6", "11"]
    assert [len(row.cells) for row in values.all] == [5, 5, 2]
    assert not values.is_folded


@pytest.mark.parametrize(
    ("printed", "is_told"),
    [
        ("1.40", True),
        ("0.36", False),
        ("0.37", False),
        ("0.39", True),
        ("", False),
        ("合格", False),
        ("9e99", True),
    ],
)
def test_a_printed_cpk_that_its_values_do_not_give_is_told(printed: str, is_told: bool) -> None:
    entry = builders.abnormal_entry(builders.report(IQC), printed={"cpk": printed})
    told = presenters.entry_page(_fresh(entry), DEFAULTS).mismatches
    assert bool(told) is is_told
    if printed == "1.40":
        assert told == ["报告所印 CPK 1.40，按所列数值算得 0.36"]


def test_a_chart_setting_wins_over_the_subgroups_of_the_report() -> None:
    entry = _judged(
        SHIFTED, subgroup_size=5, characteristic=builders.characteristic(name="内径", chart=Chart.I_MR)
    )
    shown = presenters.entry_page(entry, DEFAULTS)
    assert shown.control is not None
    assert shown.control.title == "单值–移动极差控制图"
    assert "USL 10.1" in shown.control.svg  # specification belongs on single values only


# --- what happened ---


def test_the_timeline_runs_from_import_to_closing() -> None:
    engineer = builders.person("质量工程师", first_name="李工")
    report = builders.report(IQC)
    entry = builders.abnormal_entry(report)
    alarm = alarms.raise_alarm(alarms.AlarmRequest(key="k", source="quality.IQC", title="t")).alarm
    alarm = alarms.acknowledge(alarm, user=engineer)
    alarm = alarms.explain(alarm, user=engineer, cause="刀具磨损", action="换刀")
    alarms.resolve(alarm, user=engineer)
    told = builders.notification(status=State.SENT)
    type(told).objects.filter(pk=told.pk).update(sent_at=told.created_at + timedelta(seconds=1.4))
    told.refresh_from_db()
    events = presenters.timeline(entry, logs=list(report.import_logs.all()), alarm=alarm, messages=[told])
    texts = [event.text for event in events]
    assert texts[:2] == ["导入报告（供应商）", "判定：异常"]
    assert set(texts[2:]) == {"报警发生", "报警受理", "报警填写原因与措施", "报警关闭", "已通知 IQC 群"}
    notes = {event.text: event.note for event in events}
    assert notes["报警填写原因与措施"] == "李工 · 刀具磨损 → 换刀"
    assert notes["已通知 IQC 群"] == "1.4 秒送达"
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_a_message_that_was_not_sent_says_why() -> None:
    entry = builders.abnormal_entry(builders.report(IQC))
    held = builders.notification(status=State.SUPPRESSED, reason="no_robot")
    (event,) = (
        e for e in presenters.timeline(entry, logs=[], alarm=None, messages=[held]) if "通知" in e.text
    )
    assert event.text == "通知 IQC 群：未发送"
    assert "机器人" in event.note


def test_the_timeline_of_a_revision_knows_only_its_own_file() -> None:
    report = builders.report(IQC)
    entry = builders.abnormal_entry(report)
    report.revision = 2
    builders.import_log(report)
    events = presenters.timeline(entry, logs=list(report.import_logs.all()), alarm=None, messages=[])
    assert [event.text for event in events] == ["导入报告（供应商）", "判定：异常"]


# --- around ---


def test_neighbours_are_the_abnormal_ones_before_and_after() -> None:
    report = builders.report(IQC)
    first, good, last = (
        builders.abnormal_entry(report),
        builders.entry(report),
        builders.abnormal_entry(report),
    )
    abnormal = [(first.pk, first.name), (last.pk, last.name)]
    at_first = presenters.siblings(first, abnormal)
    assert (at_first.place, at_first.count, at_first.previous) == (1, 2, "")
    assert (at_first.next, at_first.next_name) == (last.get_absolute_url(), last.name)
    at_last = presenters.siblings(last, abnormal)
    assert (at_last.place, at_last.previous, at_last.next) == (2, first.get_absolute_url(), "")
    at_good = presenters.siblings(good, abnormal)
    assert (at_good.place, at_good.previous, at_good.next) == (None, "", first.get_absolute_url())


def test_a_row_of_the_list_draws_bad_values_where_they_are() -> None:
    report = builders.report(IQC)
    entry = builders.abnormal_entry(report)
    (row,) = presenters.entry_rows([entry], DEFAULTS)
    (svg,) = _svgs(row.spark)
    assert len(svg.findall(".//*[@class='ch-bad']")) == 1
    assert (row.cpk, row.cpk_tone, row.reasons) == ("0.36", "red", "10.30 > 10.1")


def test_a_long_row_is_drawn_with_few_points_and_keeps_its_bad_ones() -> None:
    values = ["10.00", "10.01"] * 500
    values[777] = "10.50"
    entry = _judged(values)
    (row,) = presenters.entry_rows([entry], DEFAULTS)
    (svg,) = _svgs(row.spark)
    assert len(svg.findall(".//*[@class='ch-bad']")) == 1
    assert len(row.spark) < 2000


def test_rows_without_numbers_have_no_picture() -> None:
    report = builders.report(IQC)
    entries = [builders.entry(report, values=["OK", "NG"]), builders.entry(report, values=[None])]
    assert [str(row.spark) for row in presenters.entry_rows(entries, DEFAULTS)] == ["", ""]


@pytest.mark.parametrize(
    ("cpk", "tone"), [(None, "grey"), (1.33, "green"), (1.3299, "amber"), (1.0, "amber"), (0.99, "red")]
)
def test_the_tone_of_an_index_follows_its_limit(cpk: float | None, tone: str) -> None:
    assert tone_of_cpk(cpk, Decimal("1.33")) == tone


def test_the_header_of_a_report_leaves_out_what_was_not_printed() -> None:
    report = builders.report(IQC, quantity="3000", sample_size="32", inspector="王芳")
    facts = {
        fact.label: fact.text for fact in presenters.report_facts(report, list(report.import_logs.all()))
    }
    assert facts["供应商"] == report.supplier.name
    assert facts["数量"] == "3000（抽样 32）"
    assert facts["来源"] == "供应商"
    assert "检验日期" not in facts
    assert "修订" not in facts
