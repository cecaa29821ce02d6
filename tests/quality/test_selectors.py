"""What the selectors return, who may see it, and how many queries each costs."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.roles import SUPPLIER
from quality import messages, selectors
from quality.choices import Origin, Status
from quality.kinds import IQC, OQC
from quality.models import JudgementDefaults
from quality.selectors import ReportFilter
from quality.services.judgement import judge_report
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture
def engineer() -> Any:
    person = builders.person("质量工程师")
    person.get_all_permissions()  # loaded once per request; not what is counted here
    selectors.visible_reports(person, IQC)
    return person


def _at(report: Any, days_ago: int) -> Any:
    type(report).objects.filter(pk=report.pk).update(created_at=timezone.now() - timedelta(days=days_ago))
    report.refresh_from_db()
    return report


# --- who sees what ---


def test_staff_see_every_report_of_the_kinds_their_role_allows(engineer: Any) -> None:
    mine = builders.report(IQC)
    assert list(selectors.visible_reports(engineer, IQC)) == [mine]
    assert [kind.code for kind in selectors.visible_kinds(engineer)] == ["IQC", "OQC"]


def test_without_permission_nothing_is_visible() -> None:
    builders.report(IQC)
    nobody = builders.person()
    assert not selectors.visible_reports(nobody, IQC).exists()
    assert selectors.visible_kinds(nobody) == []


def test_a_person_of_a_supplier_sees_nothing_whatever_other_role_it_has() -> None:
    report = builders.report(IQC, entries=1)
    supplier = builders.person(SUPPLIER, "质量经理")
    assert not selectors.visible_reports(supplier, IQC).exists()
    assert not selectors.parties(supplier, IQC).exists()
    assert selectors.find_report(supplier, IQC, report.pk) is None
    assert selectors.find_entry(supplier, IQC, report.pk, report.entries.get().pk) is None
    assert selectors.search(supplier, IQC, report.lot, limit=5) == []


def test_a_superuser_is_not_narrowed_by_a_group() -> None:
    report = builders.report(IQC)
    root = builders.superuser()
    root.groups.add(builders.Group.objects.get(name=SUPPLIER))
    assert list(selectors.visible_reports(root, IQC)) == [report]


# --- lists ---


def test_reports_come_newest_first_with_origin_and_file_in_one_query(
    engineer: Any, django_assert_num_queries: Any
) -> None:
    reports = [builders.report(IQC), builders.report(IQC, origin=Origin.SELF)]
    with django_assert_num_queries(1):
        found = [
            (row.pk, row.origin, row.party.name, row.part.name, row.file_name)
            for row in selectors.report_list(engineer, IQC, ReportFilter())
        ]
    assert [row[:2] for row in found] == [(reports[1].pk, "SELF"), (reports[0].pk, "SUPPLIER")]


def test_the_origin_is_that_of_the_current_revision(engineer: Any) -> None:
    report = builders.report(IQC)
    report.revision = 2
    report.save()
    builders.import_log(report, origin=Origin.SELF)
    assert [row.origin for row in selectors.report_list(engineer, IQC, ReportFilter())] == ["SELF"]


def test_a_report_without_a_file_is_listed_too(engineer: Any) -> None:
    report = builders.report(IQC)
    report.import_logs.all().delete()
    assert [row.origin for row in selectors.report_list(engineer, IQC, ReportFilter())] == [None]


def test_each_filter_narrows_the_list(engineer: Any) -> None:
    old = _at(builders.report(IQC, lot="B-OLD", report_no="R-77", status=Status.NORMAL), 3)
    new = builders.report(IQC, lot="B-NEW", status=Status.ABNORMAL, origin=Origin.SELF)
    today = timezone.localdate()

    def found(**fields: Any) -> list[int]:
        return [row.pk for row in selectors.report_list(engineer, IQC, ReportFilter(**fields))]

    assert found(status=Status.ABNORMAL) == [new.pk]
    assert found(party=old.supplier_id) == [old.pk]
    assert found(origin=Origin.SELF) == [new.pk]
    assert found(since=today) == [new.pk]
    assert found(until=today - timedelta(days=1)) == [old.pk]
    assert found(since=today - timedelta(days=3), until=today) == [new.pk, old.pk]
    assert found(text="r-77") == [old.pk]
    assert found(text=new.part.number) == [new.pk]


def test_days_are_local_days(engineer: Any, settings: Any) -> None:
    """02:00 in Shanghai is still yesterday in UTC."""
    report = builders.report(IQC)
    moment = datetime(2026, 3, 10, 2, 0, tzinfo=timezone.get_default_timezone())
    type(report).objects.filter(pk=report.pk).update(created_at=moment)
    the_tenth = ReportFilter(since=date(2026, 3, 10), until=date(2026, 3, 10))
    assert [row.pk for row in selectors.report_list(engineer, IQC, the_tenth)] == [report.pk]
    days = selectors.days(engineer, since=date(2026, 3, 9), until=date(2026, 3, 11))
    assert [day.reports for day in days] == [0, 1, 0]


def test_search_looks_in_lot_number_part_and_company(engineer: Any, django_assert_num_queries: Any) -> None:
    report = builders.report(
        IQC,
        lot="LOT-1",
        report_no="NO-2",
        part=builders.part("PN-3", "扩散膜"),
        supplier=builders.party(IQC, "深圳锐光"),
    )
    builders.report(IQC)
    for text in ("lot-1", "no-2", "pn-3", "扩散", "锐光"):
        with django_assert_num_queries(1):
            assert selectors.search(engineer, IQC, text, limit=5) == [report]
    with django_assert_num_queries(0):
        assert selectors.search(engineer, IQC, "", limit=5) == []


# --- one report ---


def test_entries_come_abnormal_first_then_as_printed(engineer: Any, django_assert_num_queries: Any) -> None:
    report = builders.report(IQC)
    order = [Status.NORMAL, Status.ABNORMAL, Status.PENDING, Status.ERROR, Status.ABNORMAL]
    entries = [builders.entry(report, status=status) for status in order]
    with django_assert_num_queries(1):
        found = [entry.pk for entry in selectors.report_entries(report) if entry.characteristic.name]
    assert found == [entries[place].pk for place in (1, 4, 3, 2, 0)]
    with django_assert_num_queries(1):
        assert selectors.status_counts(report) == {"PENDING": 1, "NORMAL": 1, "ABNORMAL": 2, "ERROR": 1}
    assert [entry.pk for entry in selectors.report_entries(report, status="ERROR")] == [entries[3].pk]
    assert [entry.pk for entry in selectors.report_entries(report, text=entries[0].name)] == [entries[0].pk]


def test_only_the_current_revision_is_listed_and_counted(engineer: Any) -> None:
    report = builders.report(IQC, entries=2)
    report.revision = 2
    report.save()
    current = builders.entry(report, characteristic=report.entries.first().characteristic)
    assert [entry.pk for entry in selectors.report_entries(report)] == [current.pk]
    assert sum(selectors.status_counts(report).values()) == 1
    old = report.entries.filter(revision=1).order_by("position").first()
    assert selectors.current_entry(old) == current


# --- one entry ---


def test_an_entry_comes_with_all_its_page_needs_in_one_query(
    engineer: Any, django_assert_num_queries: Any
) -> None:
    report = builders.report(IQC)
    entry = builders.abnormal_entry(report)
    with django_assert_num_queries(1):
        found = selectors.find_entry(engineer, IQC, report.pk, entry.pk)
        assert found is not None
        assert all((found.report.party.name, found.report.part.name, found.characteristic.name))
        assert (found.limits, found.edited_by) == (None, None)


def test_an_entry_is_found_only_in_its_own_report_and_kind(engineer: Any) -> None:
    report, other = builders.report(IQC), builders.report(IQC)
    entry = builders.entry(report)
    assert selectors.find_entry(engineer, IQC, other.pk, entry.pk) is None
    assert selectors.find_entry(engineer, OQC, report.pk, entry.pk) is None


def test_abnormal_neighbours_are_those_of_the_same_revision(django_assert_num_queries: Any) -> None:
    report = builders.report(IQC)
    first, second = builders.abnormal_entry(report), builders.abnormal_entry(report)
    builders.entry(report)
    builders.abnormal_entry(builders.report(IQC))
    report.revision = 2
    builders.abnormal_entry(report)
    with django_assert_num_queries(1):
        assert selectors.abnormal_entries(first) == [(first.pk, first.name), (second.pk, second.name)]


def test_messages_are_found_by_their_subject_or_by_the_link_in_a_summary(
    django_assert_num_queries: Any,
) -> None:
    report = builders.report(IQC)
    entry = builders.abnormal_entry(report)
    of_entry, of_report = messages.subject(entry), messages.subject(report)
    link = f"https://spc.example.com{entry.get_absolute_url()}"
    own = builders.notification(subject=of_entry)
    summary = builders.notification(subject=of_report, payload=f"- **异常项**: 内径 [{link}]({link})")
    builders.notification(subject=of_report, payload=f"[{link}7]({link}7)")  # entry 17 is not entry 1
    builders.notification(subject="quality.IQC.entry:0", payload=f"[{link}]({link})")
    with django_assert_num_queries(1):
        found = selectors.messages_about(entry, subjects=(of_entry, of_report))
    assert found == [own, summary]


def test_the_summary_that_a_judgement_sends_is_found_from_its_entry(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "key", "OQC": "", "ENERGY": ""}
    report = builders.report(IQC)
    builders.entry(report, values=["10.5", "10.0"])
    judge_report(report)
    entry = report.entries.get()
    subjects = (messages.subject(entry), messages.subject(report))
    assert len(selectors.messages_about(entry, subjects=subjects)) == 1


def test_the_limit_is_the_characteristics_own_or_the_default() -> None:
    defaults = JudgementDefaults(cpk_limit=Decimal("1.50"))
    report = builders.report(IQC)
    strict = builders.entry(report, characteristic=builders.characteristic(cpk_limit=Decimal("1.67")))
    usual = builders.entry(report)
    assert selectors.cpk_limit_of(strict, defaults) == Decimal("1.67")
    assert selectors.cpk_limit_of(usual, defaults) == Decimal("1.50")


# --- the dashboard ---


def test_days_add_up_all_kinds_in_one_query_each(engineer: Any, django_assert_num_queries: Any) -> None:
    builders.report(IQC, status=Status.NORMAL)
    builders.report(IQC, status=Status.NORMAL, revision=2)
    builders.report(OQC, status=Status.ABNORMAL, abnormal_count=3)
    builders.report(IQC, status=Status.PENDING)
    _at(builders.report(IQC, status=Status.ABNORMAL, abnormal_count=9), 40)
    today = timezone.localdate()
    with django_assert_num_queries(2):
        days = selectors.days(engineer, since=today - timedelta(days=6), until=today)
    assert len(days) == 7
    assert days[-1] == selectors.Day(
        today, reports=4, abnormal_reports=1, abnormal_entries=3, judged=3, passed_first=1
    )
    assert all(day.reports == 0 for day in days[:-1])


def _with_cpk(report: Any, *values: float | None) -> Any:
    for value in values:
        builders.entry(report, status=Status.NORMAL, statistics={"ppk": value, "missing": {}})
    builders.entry(report, status=Status.NORMAL, statistics={"n": 3, "not_good": 0, "missing": {}})
    return report


def test_the_matrix_shows_the_lowest_cpk_of_each_lot_the_worst_supplier_first(
    engineer: Any, django_assert_num_queries: Any
) -> None:
    good, weak = builders.party(IQC, "甲"), builders.party(IQC, "乙")
    _with_cpk(builders.report(IQC, supplier=good, lot="G1"), 1.8, 1.7)
    _at(_with_cpk(builders.report(IQC, supplier=weak, lot="W1"), 2.0, 0.9), 2)
    _at(_with_cpk(builders.report(IQC, supplier=weak, lot="W2"), 1.4), 1)
    with django_assert_num_queries(2):
        matrix = selectors.capability_matrix(
            engineer, suppliers=5, lots=12, since=timezone.localdate() - timedelta(days=30)
        )
    assert [(row.name, [(lot.lot, lot.lowest) for lot in row.lots]) for row in matrix] == [
        ("乙", [("W1", 0.9), ("W2", 1.4)]),
        ("甲", [("G1", 1.7)]),
    ]


def test_a_missing_cpk_is_missing_and_not_zero(engineer: Any) -> None:
    """SQLite hands out a JSON null as the text "null", which a cast makes 0."""
    _with_cpk(builders.report(IQC, lot="N"), None)
    matrix = selectors.capability_matrix(engineer, suppliers=5, lots=12, since=timezone.localdate())
    assert [lot.lowest for row in matrix for lot in row.lots] == [None]


def test_the_matrix_keeps_the_last_lots_of_the_last_suppliers(engineer: Any) -> None:
    busy = builders.party(IQC, "忙")
    for age in (3, 2, 1):
        _at(_with_cpk(builders.report(IQC, supplier=busy, lot=f"L{age}"), 1.5), age)
    _at(_with_cpk(builders.report(IQC, lot="OLD"), 1.5), 9)
    matrix = selectors.capability_matrix(
        engineer, suppliers=1, lots=2, since=timezone.localdate() - timedelta(days=30)
    )
    assert [(row.name, [lot.lot for lot in row.lots]) for row in matrix] == [("忙", ["L2", "L1"])]


def test_abnormal_characteristics_are_ranked_with_a_link_to_their_last_case(
    engineer: Any, django_assert_num_queries: Any
) -> None:
    part = builders.part(name="活塞环")
    often, once = builders.characteristic(part, "内径"), builders.characteristic(part, "厚度")
    first, second = builders.report(IQC, part=part), builders.report(IQC, part=part)
    # The younger report is corrected later than the older one is: newest entry, older report.
    builders.abnormal_entry(second, characteristic=often)
    last = builders.abnormal_entry(first, characteristic=often)
    builders.abnormal_entry(second, characteristic=once)
    long_ago = builders.abnormal_entry(second, characteristic=once)
    type(long_ago).objects.filter(pk=long_ago.pk).update(judged_at=timezone.now() - timedelta(days=60))
    builders.abnormal_entry(builders.report(OQC), characteristic=builders.characteristic(part, "平面度"))
    since = timezone.now() - timedelta(days=30)
    with django_assert_num_queries(4):
        ranked = selectors.abnormal_characteristics(engineer, since=since, limit=5)
    assert (ranked[0].report_id, ranked[0].entry_id) == (first.pk, last.pk)
    assert [(row.name, row.part_name, row.count) for row in ranked] == [
        ("内径", "活塞环", 2),
        ("厚度", "活塞环", 1),
        ("平面度", "活塞环", 1),
    ]


def test_the_latest_reports_mix_the_kinds_by_time(engineer: Any, django_assert_num_queries: Any) -> None:
    first, second, third = builders.report(IQC), builders.report(OQC), builders.report(IQC)
    with django_assert_num_queries(2):
        assert selectors.latest_reports(engineer, limit=2) == [third, second]
    assert first.pk
