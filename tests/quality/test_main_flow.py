"""From stored values to verdict, alarm and message: each row of the two tables of the design."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import F

from accounts.models import Profile
from alarms import services as alarms
from alarms.models import Alarm, AlarmStatus
from notifications.choices import State
from notifications.models import Notification
from quality.choices import Origin, Status
from quality.kinds import IQC, KINDS, OQC, Kind
from quality.models import Characteristic, Part
from quality.models.reports import Report, ReportEntry
from quality.services import judgement
from quality.services.entries import change_values
from spc_site.errors import AppError, Conflict

pytestmark = pytest.mark.django_db

GOOD = ["10.00", "10.01", "9.99", "10.00", "10.01", "9.99", "10.00", "10.00"]
BAD = [*GOOD[:-1], "10.20"]


@pytest.fixture(autouse=True)
def _site(settings) -> None:  # type: ignore[no-untyped-def]
    settings.FRONTEND_URL = "https://spc.example.com"
    settings.WEBHOOK_KEYS = {"IQC": "iqc-key", "OQC": "oqc-key", "ENERGY": ""}


def _entries(kind: Kind, report: Report, rows: Iterable[tuple[str, list[str]]], revision: int = 1) -> None:
    kind.entry_model.objects.bulk_create(
        kind.entry_model(
            report=report,
            revision=revision,
            position=position,
            name=name,
            lsl="9.9",
            usl="10.1",
            values=values,
            characteristic=Characteristic.objects.get_or_create(part=report.part, name=name)[0],
        )
        for position, (name, values) in enumerate(rows, start=1)
    )


def _report(kind: Kind = IQC, origin: str | None = Origin.SUPPLIER, **rows: list[str]) -> Report:
    party = kind.party_model.objects.create(name="供应商甲 <@all>")
    part = Part.objects.create(number="P-1", name="活塞环")
    report = kind.report_model.objects.create(**{kind.party_field: party}, part=part, lot="L1")
    if origin is not None:
        kind.log_model.objects.create(
            report=report, revision=1, origin=origin, file_name="a.xlsx", content_hash="h"
        )
    _entries(kind, report, (rows or {"内径": BAD, "外径": GOOD, "厚度": BAD}).items())
    report.save()
    return report


def _current(report: Report, name: str) -> ReportEntry:
    model = KINDS[report.KIND].entry_model
    return model.objects.get(report=report, name=name, revision=F("report__revision"))


def _revise(report: Report, origin: str = Origin.SUPPLIER, **rows: list[str]) -> None:
    kind = KINDS[report.KIND]
    report.refresh_from_db()
    report.revision += 1
    kind.log_model.objects.create(
        report=report, revision=report.revision, origin=origin, file_name="b.xlsx", content_hash="h2"
    )
    _entries(kind, report, rows.items(), revision=report.revision)
    report.status = Status.PENDING
    report.save()


# --- who is told ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "origin", "told"),
    [
        (OQC, Origin.SELF, True),
        (OQC, Origin.SUPPLIER, True),
        (OQC, None, True),
        (IQC, Origin.SUPPLIER, True),
        (IQC, Origin.SELF, False),
        (IQC, None, False),
    ],
)
def test_the_source_decides_whether_people_are_told(kind: Kind, origin: str | None, told: bool) -> None:
    report = _report(kind, origin)
    judgement.judge_due()
    report.refresh_from_db()
    assert (report.status, report.abnormal_count, report.entry_count) == (Status.ABNORMAL, 2, 3)
    assert Notification.objects.exists() is told
    assert Alarm.objects.exists() is told


def test_the_latest_import_log_counts() -> None:
    report = _report(origin=Origin.SUPPLIER)
    judgement.judge_due()
    assert Alarm.objects.open().count() == 2
    _revise(report, Origin.SELF, 内径=BAD)
    judgement.judge_due()
    assert Notification.objects.count() == 1
    assert Alarm.objects.open().count() == 0


# --- what is said ---------------------------------------------------------------------------


def test_a_batch_is_told_in_one_summary_with_every_link() -> None:
    report = _report()
    judgement.judge_due()
    row = Notification.objects.get()
    urls = [
        f"https://spc.example.com/IQC/{report.pk}/{_current(report, name).pk}" for name in ("内径", "厚度")
    ]
    assert row.title == "IQC 异常汇总"
    supplier, rest = row.content.split("\n")[1], row.content.split("\n")[2:]
    assert row.content.startswith("### IQC 异常汇总\n- **供应商**: 供应商甲")
    assert "<@all>" not in supplier
    assert rest == [
        "- **品名**: 活塞环",
        f"- **异常项**: 内径 [{urls[0]}]({urls[0]})",
        f"- **异常项**: 厚度 [{urls[1]}]({urls[1]})",
    ]
    assert (row.target, row.channel, row.status) == ("IQC", "wechat_bot", State.PENDING)


def test_oqc_names_the_customer() -> None:
    report = _report(OQC, None, 厚度=BAD)
    judgement.judge_due()
    url = f"https://spc.example.com/OQC/{report.pk}/{_current(report, '厚度').pk}"
    lines = Notification.objects.get().content.split("\n")
    assert lines[0] == "### OQC 异常汇总"
    assert lines[1].startswith("- **客户**: 供应商甲")
    assert lines[2:] == ["- **品名**: 活塞环", f"- **异常项**: 厚度 [{url}]({url})"]


def test_nothing_abnormal_is_nothing_said() -> None:
    report = _report(内径=GOOD)
    judgement.judge_due()
    report.refresh_from_db()
    assert report.status == Status.NORMAL
    assert not Notification.objects.exists()
    assert not Alarm.objects.exists()


# --- the two triggers -----------------------------------------------------------------------


def test_a_hand_edit_is_judged_at_once_and_told_once(
    admin_user: User, django_capture_on_commit_callbacks
) -> None:  # type: ignore[no-untyped-def]
    report = _report(内径=GOOD)
    judgement.judge_due()
    entry = _current(report, "内径")
    with django_capture_on_commit_callbacks(execute=True):
        judged = change_values(entry, text="10.00 10.20 9.99", user=admin_user)
    assert (judged.status, judged.judged_version, judged.version) == (Status.ABNORMAL, 2, 2)
    assert judgement.judge_due() == 0
    assert [(old["version"], old["values"]) for old in judged.history] == [(1, GOOD)]
    row = Notification.objects.get()
    assert row.content.startswith("### IQC 异常\n- **供应商**: ")
    assert row.content.endswith(f"https://spc.example.com/IQC/{report.pk}/{entry.pk})")
    assert Alarm.objects.open().count() == 1


def test_who_has_taken_the_alarm_on_is_called_when_it_is_still_abnormal(
    admin_user: User, django_assert_num_queries: Any
) -> None:
    report = _report(内径=BAD)
    judgement.judge_due()
    Profile.objects.create(user=admin_user, wecom_userid="lin.qc")
    alarms.acknowledge(Alarm.objects.get(), user=admin_user)
    change_values(_current(report, "内径"), text="\t".join([*BAD[:-1], "10.30"]), user=admin_user)
    first, second = Notification.objects.order_by("pk")
    assert "<@lin.qc>" not in first.content
    assert second.content.endswith("<@lin.qc>")
    with django_assert_num_queries(0):
        assert alarms.owners_called([Alarm()]) == ()


def test_the_same_text_again_changes_nothing(admin_user: User) -> None:
    report = _report(内径=GOOD)
    judgement.judge_due()
    entry = change_values(_current(report, "内径"), text="\t".join(GOOD), user=admin_user)
    assert entry.version == 1


def test_a_corrected_value_closes_its_alarm_without_a_message(admin_user: User) -> None:
    report = _report(内径=BAD, 厚度=BAD)
    judgement.judge_due()
    change_values(_current(report, "内径"), text=" ".join(GOOD), user=admin_user)
    assert Notification.objects.count() == 1
    closed = Alarm.objects.get(status=AlarmStatus.RESOLVED)
    assert "内径" in closed.title
    assert Alarm.objects.open().count() == 1


def test_a_stale_edit_is_refused(admin_user: User) -> None:
    report = _report(内径=GOOD)
    judgement.judge_due()
    entry = _current(report, "内径")
    change_values(entry, text="10", user=admin_user, expected_version=1)
    with pytest.raises(Conflict):
        change_values(entry, text="11", user=admin_user, expected_version=1)


def test_an_old_revision_cannot_be_edited(admin_user: User) -> None:
    report = _report(内径=GOOD)
    old = _current(report, "内径")
    _revise(report, 内径=GOOD)
    with pytest.raises(Conflict):
        change_values(old, text="10", user=admin_user)


def test_bad_text_is_refused_with_every_place_named(admin_user: User) -> None:
    report = _report(内径=GOOD)
    with pytest.raises(AppError) as caught:
        change_values(_current(report, "内径"), text="10 a 10,5 OK", user=admin_user)
    assert "第 2 个值“a”" in caught.value.message
    assert "第 3 个值“10,5”" in caught.value.message


# --- again, late, beside itself -------------------------------------------------------------


def test_judging_twice_tells_once() -> None:
    report = _report()
    assert judgement.judge_due() == 3
    assert judgement.judge_due() == 0
    assert judgement.judge_report(report) == 0
    assert Notification.objects.count() == 1


def test_two_that_computed_the_same_report_write_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _report()
    original = judgement.judgement.judge

    def overtaken(tasks):  # type: ignore[no-untyped-def]
        monkeypatch.setattr(judgement.judgement, "judge", original)
        assert judgement.judge_report(report) == 3  # the other process is done first
        return original(tasks)

    monkeypatch.setattr(judgement.judgement, "judge", overtaken)
    assert judgement.judge_report(report) == 0
    assert Notification.objects.count() == 1
    assert set(Alarm.objects.values_list("occurrences", flat=True)) == {1}


def test_what_changed_while_it_was_computed_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    report = _report(内径=BAD)
    original = judgement.judgement.judge

    def edited_meanwhile(tasks):  # type: ignore[no-untyped-def]
        entry = _current(report, "内径")
        type(entry).objects.filter(pk=entry.pk).update(values=GOOD, version=2)
        return original(tasks)

    monkeypatch.setattr(judgement.judgement, "judge", edited_meanwhile)
    assert judgement.judge_report(report) == 0
    monkeypatch.setattr(judgement.judgement, "judge", original)
    assert judgement.judge_due() == 1
    assert _current(report, "内径").status == Status.NORMAL
    assert not Notification.objects.exists()


def test_a_revision_is_a_new_batch_and_its_cured_entries_close() -> None:
    report = _report(内径=BAD, 厚度=BAD, 高度=BAD)
    judgement.judge_due()
    old = _current(report, "内径")
    _revise(report, 内径=BAD, 厚度=GOOD)
    judgement.judge_due()
    second = Notification.objects.order_by("pk").last()
    assert second is not None
    assert second.content.count("异常项") == 1
    assert f"/{_current(report, '内径').pk})" in second.content
    # 厚度 is in order now, 高度 is gone from the corrected workbook: both close.
    alarm = Alarm.objects.open().get()
    assert alarm.link == _current(report, "内径").get_absolute_url()
    assert alarm.occurrences == 2
    old.refresh_from_db()
    assert (old.status, old.values) == (Status.ABNORMAL, BAD)


def test_judging_again_after_a_change_of_settings_tells_only_news() -> None:
    report = _report(内径=BAD, 厚度=GOOD)
    judgement.judge_due()
    Characteristic.objects.update(cpk_limit="99")
    assert judgement.request_rejudgement(IQC.entry_model.objects.filter(report=report)) == 2
    judgement.judge_due()
    second = Notification.objects.order_by("pk").last()
    assert second is not None
    assert "厚度" in second.content
    assert "内径" not in second.content


def test_an_error_is_no_alarm_but_stays_visible() -> None:
    report = _report(内径=[])
    judgement.judge_due()
    report.refresh_from_db()
    assert report.status == Status.ERROR
    assert not Notification.objects.exists()


def test_without_a_robot_the_import_goes_on_and_the_message_is_kept(settings) -> None:  # type: ignore[no-untyped-def]
    settings.WEBHOOK_KEYS = {"IQC": "", "OQC": "", "ENERGY": ""}
    settings.WECHAT_BOT_WEBHOOK = ""
    _report()
    judgement.judge_due()
    row = Notification.objects.get()
    assert (row.status, row.reason) == (State.SUPPRESSED, "no_robot")
    assert Alarm.objects.open().count() == 2


@pytest.mark.parametrize("count", [1, 60])
def test_a_report_of_any_size_is_judged_in_few_queries(count: int, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    report = _report(**{f"项目{number}": GOOD for number in range(count)})
    with django_assert_max_num_queries(14):
        judgement.judge_report(report)
