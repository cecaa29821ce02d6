"""Inspection in the admin: values edited as text, settings, deleting with care."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alarms.models import Alarm
from notifications.models import Notification
from quality import plans
from quality.choices import Status
from quality.importing.canonical import CANONICAL
from quality.kinds import IQC, OQC
from quality.models import (
    Characteristic,
    ControlLimits,
    ImportProfile,
    IQCReport,
    IQCReportEntry,
    JudgementDefaults,
    Recalculation,
)
from quality.services.judgement import judge_due
from quality.services.recalculation import recalculate_due
from tests import builders
from tests.builders import GOOD

pytestmark = pytest.mark.django_db

GOOD_TEXT = " ".join(GOOD)
BAD_TEXT = GOOD_TEXT.replace("10.02", "10.30")


@pytest.fixture(autouse=True)
def _robots(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "oqc-key", "ENERGY": ""}


@pytest.fixture
def inspector(client: Client) -> Client:
    client.force_login(builders.person("质检员", first_name="王芳"))
    return client


def _change(client: Client, entry: Any, text: str, **fields: Any) -> Any:
    url = reverse(f"admin:quality_{entry._meta.model_name}_change", args=[entry.pk])
    return client.post(url, {"values_text": text, "version": entry.version, "_save": "1"} | fields)


def _fresh(entry: Any) -> Any:
    return type(entry).objects.get(pk=entry.pk)


def test_pasted_values_are_judged_at_once_and_told_once(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    response = _change(inspector, entry, BAD_TEXT.replace(" ", "\t"))
    assert response.status_code == 302
    entry = _fresh(entry)
    assert entry.status == Status.ABNORMAL
    assert entry.edited_by.first_name == "王芳"
    assert Notification.objects.count() == 1
    assert Alarm.objects.count() == 1
    shown = inspector.get(reverse("admin:quality_iqcreportentry_change", args=[entry.pk])).text
    assert "超出规格上限 10.1" in shown


def test_saving_without_a_change_judges_and_tells_nothing(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    page = inspector.get(reverse("admin:quality_iqcreportentry_change", args=[entry.pk]))
    text = page.context["adminform"].form["values_text"].value()
    assert _change(inspector, entry, text.replace("\n", "\r\n")).status_code == 302
    assert _fresh(entry).version == entry.version
    assert not Notification.objects.exists()


def test_every_value_that_cannot_be_read_is_named_by_its_position(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    response = _change(inspector, entry, "10.01 abc 10.02 <3")
    assert response.status_code == 200
    assert "第 2 个值“abc”：不是数字" in response.text
    assert "第 4 个值“&lt;3”" in response.text
    assert _fresh(entry).values == GOOD


def test_a_change_that_came_between_is_not_overwritten(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    _change(inspector, entry, BAD_TEXT)
    response = _change(inspector, entry, GOOD_TEXT)
    assert "别人刚刚修改了这一项" in response.text
    assert "10.30" in _fresh(entry).values


def test_a_change_between_check_and_write_is_told_too(
    inspector: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = builders.entry(builders.report())
    monkeypatch.setattr("quality.admin.entries.EntryForm.clean", lambda form: form.cleaned_data)
    IQCReportEntry.objects.update(version=7)
    response = _change(inspector, entry, BAD_TEXT)
    assert response.status_code == 302
    page = inspector.get(response.headers["Location"]).text
    assert "别人刚刚修改了这一项" in page
    assert _fresh(entry).values == GOOD


def test_superseded_values_are_read_only(inspector: Client) -> None:
    report = builders.report()
    entry = builders.entry(report)
    IQCReport.objects.update(revision=2)
    page = inspector.get(reverse("admin:quality_iqcreportentry_change", args=[entry.pk])).text
    assert "<textarea" not in page
    assert GOOD[0] in page
    assert _change(inspector, entry, BAD_TEXT).status_code == 403


def test_a_manager_sees_values_but_cannot_change_them(client: Client) -> None:
    entry = builders.entry(builders.report())
    client.force_login(builders.person("质量经理"))
    page = client.get(reverse("admin:quality_iqcreportentry_change", args=[entry.pk])).text
    assert "<textarea" not in page
    assert "action-rejudge" not in page
    assert _change(client, entry, BAD_TEXT).status_code == 403


def test_a_supplier_sees_no_report(client: Client) -> None:
    report = builders.report(entries=1)
    client.force_login(builders.person("供应商", "质检员"))
    assert "共 0 条" in client.get(reverse("admin:quality_iqcreport_changelist")).text
    change = client.get(reverse("admin:quality_iqcreport_change", args=[report.pk]))
    assert change.status_code == 302, "as if it did not exist"
    assert "共 0 条" in client.get(reverse("admin:quality_iqcreportentry_changelist")).text
    assert "共 0 条" in client.get(reverse("admin:quality_iqcreportimportlog_changelist")).text


def test_entries_of_a_report_stand_with_the_abnormal_first(inspector: Client) -> None:
    report = builders.report(entries=2)
    bad = builders.abnormal_entry(report)
    builders.entry(builders.report(), name="别的报告")
    url = reverse("admin:quality_iqcreportentry_changelist")
    listed = inspector.get(url, {"report__id__exact": report.pk}).context["cl"].result_list
    assert listed[0].pk == bad.pk
    assert len(listed) == 3


def test_old_revisions_are_listed_on_request_only(inspector: Client) -> None:
    report = builders.report(entries=1)
    IQCReport.objects.update(revision=2)
    report.refresh_from_db()
    current = builders.entry(report)
    url = reverse("admin:quality_iqcreportentry_changelist")
    assert [row.pk for row in inspector.get(url).context["cl"].result_list] == [current.pk]
    assert len(inspector.get(url, {"revisions": "all"}).context["cl"].result_list) == 2


def test_reports_are_filtered_by_who_measured(inspector: Client) -> None:
    builders.report(origin="SUPPLIER", lot="ours")
    builders.report(origin="SELF", lot="theirs")
    listed = inspector.get(reverse("admin:quality_iqcreport_changelist"), {"origin": "SELF"})
    assert [row.lot for row in listed.context["cl"].result_list] == ["theirs"]


def test_a_report_is_judged_again_by_who_may_change_entries(inspector: Client, client: Client) -> None:
    report = builders.report(entries=2)
    judge_due()
    empty = builders.report()
    data = {"action": "rejudge", "index": "0", "_selected_action": [report.pk, empty.pk]}
    url = reverse("admin:quality_iqcreport_changelist")
    page = inspector.post(url, data, follow=True).text
    assert "已请求重新判定 1 份报告" in page
    assert "跳过 1 条" in page
    assert IQCReportEntry.objects.filter(status=Status.PENDING).count() == 2
    judge_due()
    client.force_login(builders.person("质量经理"))
    client.post(url, data, follow=True)
    assert not IQCReportEntry.objects.filter(status=Status.PENDING).exists()


def test_a_report_with_an_open_alarm_cannot_be_deleted(client: Client) -> None:
    client.force_login(builders.superuser())
    report = builders.report()
    entry = builders.entry(report, values=BAD_TEXT.split())
    judge_due()
    url = reverse("admin:quality_iqcreport_delete", args=[report.pk])
    assert "请先关闭" in client.get(url).text
    client.post(url, {"post": "yes"})
    assert IQCReport.objects.exists()
    _change(client, _fresh(entry), GOOD_TEXT)
    client.post(url, {"post": "yes"})
    assert not IQCReport.objects.exists()


def test_deleting_says_how_many_entries_go_along_without_listing_them(client: Client) -> None:
    client.force_login(builders.superuser())
    report = builders.report(entries=30)
    page = client.get(reverse("admin:quality_iqcreport_delete", args=[report.pk])).text
    assert "IQC 报告项目: 30" in page
    assert "内径" not in page


def test_chosen_reports_are_deleted_together_with_what_is_theirs(client: Client) -> None:
    client.force_login(builders.superuser())
    gone, kept = [builders.report(entries=2) for _each in range(2)], builders.report(entries=1)
    data = {"action": "delete_selected", "index": "0", "_selected_action": [row.pk for row in gone]}
    url = reverse("admin:quality_iqcreport_changelist")
    assert "IQC 报告项目: 4" in client.post(url, data).text
    client.post(url, data | {"post": "yes"})
    assert list(IQCReport.objects.all()) == [kept]
    assert IQCReportEntry.objects.count() == 1


def test_the_first_page_counts_abnormal_and_waiting_reports(inspector: Client) -> None:
    builders.report(status=Status.ABNORMAL)
    builders.report(status=Status.PENDING)
    tiles = {tile.label: tile for tile in inspector.get(reverse("admin:index")).context["tiles"]}
    assert (tiles["IQC 异常报告"].value, tiles["IQC 异常报告"].note) == (1, "1 份待判定")
    assert (tiles["OQC 异常报告"].value, tiles["OQC 异常报告"].note) == (0, "全部已判定")


def test_an_inspector_deletes_nothing(inspector: Client) -> None:
    report = builders.report()
    assert inspector.post(reverse("admin:quality_iqcreport_delete", args=[report.pk])).status_code == 403


def _settings(row: Characteristic, **fields: Any) -> dict[str, Any]:
    return {
        "part": row.part_id,
        "name": row.name,
        "occurrence": 1,
        "chart": "auto",
        "estimator": "auto",
        "rule_preset": "nelson",
        "distribution": "normal",
        "rule_parameters": "",
    } | fields


def test_alarm_rules_are_boxes_to_tick(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    row = builders.characteristic(alarm_rules=[2])
    url = reverse("admin:quality_characteristic_change", args=[row.pk])
    page = client.get(url).text
    assert page.count('name="alarm_rules"') == 12, "eight of Nelson, four of Western Electric"
    assert "连续 9 点在中心线同一侧" in page
    assert client.post(url, _settings(row, alarm_rules=["1", "8"])).status_code == 302
    assert Characteristic.objects.get().alarm_rules == [1, 8]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"alarm_rules": ["9"]}, "9"),
        ({"alarm_rules": ["WE2"]}, "所选规则组没有规则 WE2"),
        ({"rule_preset": "western_electric", "alarm_rules": ["1"]}, "所选规则组没有规则 1"),
        ({"rule_parameters": '{"2": {"size": 8}}'}, "规则参数有误"),
        ({"rule_parameters": '{"77": {"length": 8}}'}, "规则参数有误"),
        ({"rule_parameters": "[1]"}, "规则参数有误"),
    ],
)
def test_settings_that_no_judgement_could_use_are_refused(
    client: Client, fields: dict[str, Any], complaint: str
) -> None:
    client.force_login(builders.superuser())
    row = builders.characteristic()
    url = reverse("admin:quality_characteristic_change", args=[row.pk])
    page = client.post(url, _settings(row, **fields))
    assert page.status_code == 200
    assert complaint in page.context["adminform"].form.errors.as_text()


def test_changed_rules_are_stored_as_the_engine_takes_them(client: Client) -> None:
    client.force_login(builders.superuser())
    row = builders.characteristic()
    url = reverse("admin:quality_characteristic_change", args=[row.pk])
    fields = {"rule_preset": "western_electric", "rule_parameters": '{"WE4": {"length": 7}}'}
    assert client.post(url, _settings(row, alarm_rules=["WE4"], **fields)).status_code == 302
    row.refresh_from_db()
    assert row.alarm_rules == ["WE4"]
    assert plans.alarm_rules_of(row, ()).rule("WE4").length == 7


def test_changed_settings_are_applied_to_old_reports_after_asking(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    entry = builders.entry(builders.report(IQC))
    judge_due()
    data = {"action": "rejudge", "index": "0", "_selected_action": entry.characteristic_id}
    url = reverse("admin:quality_characteristic_changelist")
    assert "重新判定 1 个检测项目" in client.post(url, data).text
    assert not Recalculation.objects.exists()
    client.post(url, data | {"confirmed": "yes"})
    assert Recalculation.objects.get().characteristic == entry.characteristic
    before = _fresh(entry).version
    recalculate_due()
    assert _fresh(entry).version == before + 1


def test_all_data_are_judged_again_and_the_run_can_be_stopped(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    builders.report(entries=2)
    JudgementDefaults.objects.get_or_create(pk=1)
    data = {"action": "rejudge", "index": "0", "_selected_action": 1}
    url = reverse("admin:quality_judgementdefaults_changelist")
    assert "全部报告" in client.post(url, data).text
    page = client.post(url, data | {"confirmed": "yes"}, follow=True).text
    assert "0 / 2" in page
    run = Recalculation.objects.get()
    stop = {"action": "stop", "index": "0", "_selected_action": run.pk}
    url = reverse("admin:quality_recalculation_changelist")
    assert "已停止 1 次" in client.post(url, stop, follow=True).text
    assert "跳过 1 条" in client.post(url, stop, follow=True).text
    run.refresh_from_db()
    assert run.state == Recalculation.State.CANCELLED


def test_limits_are_locked_from_chosen_entries_with_a_reason_and_withdrawn(client: Client) -> None:
    client.force_login(builders.person("质量工程师", username="engineer"))
    shared = builders.characteristic(name="内径")
    entries = [
        builders.entry(builders.report(part=shared.part), name="内径", characteristic=shared)
        for _each in "ab"
    ]
    url = reverse("admin:quality_iqcreportentry_changelist")
    data = {"action": "lock_limits", "index": "0", "_selected_action": [entry.pk for entry in entries]}
    assert "2 份数据" in client.post(url, data).text
    assert client.post(url, data | {"confirmed": "yes", "reason": " "}).status_code == 200
    assert not ControlLimits.objects.exists()
    client.post(url, data | {"confirmed": "yes", "reason": "首批稳定"})
    limits = ControlLimits.objects.get()
    assert (limits.version, limits.reason, limits.author.username) == (1, "首批稳定", "engineer")
    assert len(limits.baseline) == 2
    shown = client.get(reverse("admin:quality_characteristic_change", args=[shared.pk])).text
    assert "v1 首批稳定" in shown
    withdraw = {"action": "withdraw", "index": "0", "_selected_action": limits.pk}
    url = reverse("admin:quality_controllimits_changelist")
    assert "停用" in client.post(url, withdraw).text
    client.post(url, withdraw | {"confirmed": "yes"})
    limits.refresh_from_db()
    assert limits.valid_to is not None
    again = client.post(url, withdraw | {"confirmed": "yes"}, follow=True).text
    assert "跳过 1 条" in again


def test_limits_cannot_be_locked_over_different_characteristics(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    report = builders.report(entries=2)
    data = {
        "action": "lock_limits",
        "index": "0",
        "_selected_action": list(report.entries.values_list("pk", flat=True)),
        "confirmed": "yes",
        "reason": "x",
    }
    page = client.post(reverse("admin:quality_iqcreportentry_changelist"), data, follow=True).text
    assert "基线必须是此项目的报告数据" in page
    assert not ControlLimits.objects.exists()


def test_replaced_values_stay_readable(inspector: Client) -> None:
    entry = builders.entry(builders.report())
    _change(inspector, entry, BAD_TEXT)
    page = inspector.get(reverse("admin:quality_iqcreportentry_change", args=[entry.pk]))
    replaced = page.text.split("被替换的数值")[1]
    assert "王芳" in replaced
    assert "10.30" not in replaced.split("</ul>")[0]


def test_the_defaults_are_one_row_and_its_list_leads_there(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    response = client.get(reverse("admin:quality_judgementdefaults_changelist"), follow=True)
    assert response.redirect_chain[-1][0].endswith("/1/change/")
    data = {"cpk_limit": "1.67", "judged_index": "within", "alarm_rules": ["1"]}
    client.post(response.redirect_chain[-1][0], data)
    assert JudgementDefaults.objects.get().alarm_rules == [1]
    assert str(JudgementDefaults.objects.get().cpk_limit) == "1.67"
    assert client.get(reverse("admin:quality_judgementdefaults_add")).status_code == 403


def test_a_layout_that_the_importer_cannot_read_is_refused(client: Client) -> None:
    client.force_login(builders.superuser())
    url = reverse("admin:quality_importprofile_add")
    data = {"name": "乙方版式", "kind": "IQC", "order": "50", "is_active": "on"}
    assert "version: must be 1" in client.post(url, data | {"layout": '{"fields": []}'}).text
    assert not ImportProfile.objects.filter(name="乙方版式").exists()
    good = json.dumps(CANONICAL.to_json())
    assert client.post(url, data | {"layout": good}).status_code == 302
    assert ImportProfile.objects.filter(name="乙方版式").exists()


def test_oqc_entries_are_edited_by_the_same_page(inspector: Client) -> None:
    entry = builders.entry(builders.report(OQC))
    assert _change(inspector, entry, BAD_TEXT).status_code == 302
    assert _fresh(entry).status == Status.ABNORMAL
