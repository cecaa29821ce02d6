"""Inspection in the admin: values edited as text, settings, deleting with care."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alarms.models import Alarm
from notifications.models import Notification
from quality.choices import Status
from quality.importing.canonical import CANONICAL
from quality.kinds import IQC, OQC
from quality.models import Characteristic, ImportProfile, IQCReport, IQCReportEntry, JudgementDefaults
from quality.services.judgement import judge_due
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
    monkeypatch.setattr("quality.admin.reports.EntryForm.clean", lambda form: form.cleaned_data)
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


def test_an_inspector_deletes_nothing(inspector: Client) -> None:
    report = builders.report()
    assert inspector.post(reverse("admin:quality_iqcreport_delete", args=[report.pk])).status_code == 403


def test_alarm_rules_are_boxes_to_tick(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    row = builders.characteristic(alarm_rules=[2])
    url = reverse("admin:quality_characteristic_change", args=[row.pk])
    page = client.get(url).text
    assert page.count('name="alarm_rules"') == 8
    assert "连续 9 点在中心线同一侧" in page
    data = {
        "part": row.part_id,
        "name": row.name,
        "occurrence": 1,
        "chart": "auto",
        "alarm_rules": ["1", "8"],
    }
    assert client.post(url, data).status_code == 302
    assert Characteristic.objects.get().alarm_rules == [1, 8]
    assert client.post(url, {**data, "alarm_rules": ["9"]}).status_code == 200
    assert Characteristic.objects.get().alarm_rules == [1, 8]


def test_changed_settings_are_applied_to_old_reports_after_asking(client: Client) -> None:
    client.force_login(builders.person("质量工程师"))
    report = builders.report(IQC)
    entry = builders.entry(report)
    judge_due()
    data = {"action": "rejudge", "index": "0", "_selected_action": entry.characteristic_id}
    url = reverse("admin:quality_characteristic_changelist")
    assert "将重新判定 1 个报告项目" in client.post(url, data).text
    assert _fresh(entry).status == Status.NORMAL
    client.post(url, data | {"confirmed": "yes"})
    assert _fresh(entry).status == Status.PENDING


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
    import json

    good = json.dumps(CANONICAL.to_json())
    assert client.post(url, data | {"layout": good}).status_code == 302
    assert ImportProfile.objects.filter(name="乙方版式").exists()


def test_oqc_entries_are_edited_by_the_same_page(inspector: Client) -> None:
    entry = builders.entry(builders.report(OQC))
    assert _change(inspector, entry, BAD_TEXT).status_code == 302
    assert _fresh(entry).status == Status.ABNORMAL
