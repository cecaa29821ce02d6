"""The pages of inspection through the client: addresses, permissions, contents, query counts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import SUPPLIER
from alarms.models import Alarm, AlarmStatus
from approvals.models import OutgoingApproval
from quality import selectors
from quality.choices import Origin, Status
from quality.kinds import IQC, OQC, Kind
from quality.models import Disposition
from quality.services.judgement import judge_report
from tests import builders
from tests.quality.dispositions import ask, asker, failed_report, form

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner looks at processes that no test here starts, and counts as queries when it does."""
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "")


BAD = [*["10.00", "10.01", "9.99", "10.02"] * 5, "10.30"]


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(builders.person("质量工程师", username="engineer", first_name="李工"))
    return client


def _signed_in(*roles: str) -> Client:
    client = Client()
    client.force_login(builders.person(*roles))
    return client


def _judged(kind: Kind = IQC, **fields: Any) -> Any:
    report = builders.report(kind, **fields)
    builders.entry(report, values=BAD, name="内径")
    builders.entry(report, name="厚度")
    judge_report(report)
    report.refresh_from_db()
    return report


def _queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


# --- addresses and permissions ---


@pytest.mark.parametrize("kind", [IQC, OQC], ids=lambda kind: kind.code)
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_exact_addresses_open_with_and_without_a_slash(client: Client, kind: Kind, slash: str) -> None:
    report = _judged(kind)
    entry = report.entries.first()
    assert report.get_absolute_url() == f"/{kind.code}/{report.pk}"
    assert entry.get_absolute_url() == f"/{kind.code}/{report.pk}/{entry.pk}"
    for url in (
        f"/{kind.code}/",
        f"{report.get_absolute_url()}{slash}",
        f"{entry.get_absolute_url()}{slash}",
    ):
        assert client.get(url).status_code == 200


@pytest.mark.parametrize(
    "path", ["/IQC/", "/IQC/12", "/IQC/12/345", "/OQC/12/345/", "/import/", "/", "/search/"]
)
def test_every_page_asks_for_a_login_and_keeps_its_address(path: str) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}")


def test_a_role_that_may_not_see_reports_is_told_so() -> None:
    report = _judged()
    for client in (_signed_in("通知管理员"), _signed_in(SUPPLIER)):
        for url in ("/IQC/", report.get_absolute_url(), report.entries.first().get_absolute_url()):
            answer = client.get(url)
            assert answer.status_code == 403
            assert "没有查看此页的权限" in answer.content.decode()


def test_a_suppliers_person_finds_no_report_even_with_another_role() -> None:
    report = _judged()
    client = _signed_in(SUPPLIER, "质量经理")
    assert client.get(report.get_absolute_url()).status_code == 404
    assert client.get(report.entries.first().get_absolute_url()).status_code == 404
    assert report.lot not in client.get("/IQC/").content.decode()


@pytest.mark.parametrize("tail", ["9", "9/1", "99999999999999999999", "1/99999999999999999999"])
def test_what_is_not_there_is_not_found(client: Client, tail: str) -> None:
    assert client.get(f"/IQC/{tail}").status_code == 404


# --- the list ---


def test_the_list_shows_and_filters_reports(client: Client) -> None:
    bad = _judged(lot="LOT-BAD")
    builders.report(IQC, lot="LOT-SELF", origin=Origin.SELF, status=Status.NORMAL)
    page = client.get("/IQC/").content.decode()
    assert "LOT-BAD" in page and "LOT-SELF" in page
    page = client.get("/IQC/?status=ABNORMAL&q=lot").content.decode()
    assert "LOT-BAD" in page and "LOT-SELF" not in page
    assert "LOT-SELF" in client.get("/IQC/?origin=SELF").content.decode()
    assert f'value="{bad.supplier_id}"' in page


@pytest.mark.parametrize(
    "query", ["status=no", "party=x", "since=yesterday", "page=99", "page=x", "origin=%00"]
)
def test_an_odd_filter_is_no_error(client: Client, query: str) -> None:
    report = _judged()
    assert report.lot in client.get(f"/IQC/?{query}").content.decode()


def test_a_full_width_search_is_read_as_typed_plainly(client: Client) -> None:
    _judged(lot="B2611")
    assert "B2611" in client.get("/IQC/?q=Ｂ２６１１").content.decode()


def test_an_empty_list_says_what_to_do(client: Client) -> None:
    assert "导入第一份报告" in client.get("/IQC/").content.decode()
    assert "没有符合条件的报告" in client.get("/IQC/?status=ABNORMAL").content.decode()


def test_the_list_costs_the_same_for_one_report_and_for_many(client: Client) -> None:
    builders.report(IQC)
    one = _queries(client, "/IQC/")
    for _each in range(7):
        builders.report(IQC)
    assert _queries(client, "/IQC/") == one


# --- one report ---


def test_a_report_counts_its_verdicts_and_lists_the_abnormal_first(client: Client) -> None:
    report = _judged(inspector="王芳")
    builders.entry(report, values=[None], name="材质")
    judge_report(report)
    page = client.get(report.get_absolute_url()).content.decode()
    assert "1 / 3 项异常" in page
    assert page.index("内径</a>") < page.index("材质</a>") < page.index("厚度</a>")
    assert "10.30 &gt; 10.1" in page
    assert "王芳" in page
    only = client.get(f"{report.get_absolute_url()}?status=ERROR").content.decode()
    assert "材质</a>" in only and "厚度</a>" not in only


def test_a_report_of_many_entries_is_shown_by_the_hundred(client: Client) -> None:
    report = builders.report(IQC)
    shared = builders.characteristic(report.part)
    rows = [
        report.entries.model(
            report=report,
            position=number,
            name=f"尺寸{number:03}",
            characteristic=shared,
            values=["10.0", "10.1"],
        )
        for number in range(130)
    ]
    report.entries.model.objects.bulk_create(rows)
    url = report.get_absolute_url()
    first, second = client.get(url).content.decode(), client.get(f"{url}?page=2").content.decode()
    assert first.count('class="link"') == 100
    assert second.count('class="link"') == 30
    assert "第 1 / 2 页，共 130 条" in first
    few = _queries(client, f"{url}?page=2")
    assert _queries(client, url) == few


def test_a_report_that_waits_for_its_verdict_refreshes_itself_until_it_has_one(client: Client) -> None:
    report = builders.report(IQC, entries=1)
    waiting = client.get(report.get_absolute_url()).content.decode()
    assert "正在判定" in waiting and "data-poll" in waiting
    judge_report(report)
    assert "data-poll" not in client.get(report.get_absolute_url()).content.decode()


def test_a_verdict_that_comes_while_the_page_is_made_is_waited_for_all_the_same(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = builders.report()
    builders.entry(report, values=BAD)
    count = selectors.status_counts

    def judged_meanwhile(found: Any) -> Any:
        judge_report(report)
        return count(found)

    monkeypatch.setattr(selectors, "status_counts", judged_meanwhile)
    page = client.get(report.get_absolute_url()).content.decode()
    assert "正在判定" in page and "data-poll" in page


# --- one entry ---


def test_an_entry_page_opens_with_the_verdict_and_its_number(client: Client) -> None:
    report = _judged(inspector="王芳", quantity="3000")
    page = client.get(report.entries.get(name="内径").get_absolute_url()).content.decode()
    text = re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", " ", page, flags=re.DOTALL))
    assert "▲ 超差 · 10.30 &gt; 10.1 · CPK" in text
    for words in (
        "第 21 个值超出规格上限 10.1：10.30",
        "单值–移动极差控制图",
        "过程能力",
        "分布与规格",
        "测量值",
        "经过",
    ):
        assert words in text
    for fact in (report.supplier.name, report.lot, "王芳", "3000", "report"):
        assert fact in text
    assert re.search(r'class="is-bad"[^>]*>.*?10\.30', page)


def test_an_open_alarm_can_be_taken_on_from_the_page_of_its_entry(client: Client) -> None:
    entry = _judged().entries.get(name="内径")
    url = entry.get_absolute_url()
    page = client.get(url).content.decode()
    alarm = Alarm.objects.get()
    assert f'action="/alarms/{alarm.pk}/acknowledge"' in page
    answer = client.post(f"/alarms/{alarm.pk}/acknowledge", {"next": url}, follow=True)
    assert answer.redirect_chain == [(url, 302)]
    page = answer.content.decode()
    assert "已受理" in page
    assert f'action="/alarms/{alarm.pk}/acknowledge"' not in page
    assert Alarm.objects.get().status == AlarmStatus.ACKNOWLEDGED


def test_a_good_entry_and_our_own_measurement_offer_no_alarm(client: Client) -> None:
    good = _judged().entries.get(name="厚度")
    own = _judged(origin=Origin.SELF).entries.get(name="内径")
    for entry in (good, own):
        assert "/acknowledge" not in client.get(entry.get_absolute_url()).content.decode()


def test_who_may_only_look_sees_the_state_but_no_buttons() -> None:
    entry = _judged().entries.get(name="内径")
    viewer = builders.person("质量经理")
    viewer.user_permissions.clear()
    change = builders.Group.objects.get(name="质量经理").permissions.get(codename="change_alarm")
    builders.Group.objects.get(name="质量经理").permissions.remove(change)
    client = Client()
    client.force_login(viewer)
    page = client.get(entry.get_absolute_url()).content.decode()
    assert "未受理" in page and "/acknowledge" not in page


def test_an_older_revision_says_so_and_leads_to_the_current_one(client: Client) -> None:
    report = _judged()
    old = report.entries.get(name="内径")
    report.revision = 2
    report.save()
    builders.import_log(report)
    new = builders.entry(report, name="内径", characteristic=old.characteristic)
    page = client.get(old.get_absolute_url()).content.decode()
    assert "报告已更正为修订 2" in page
    assert f'href="{new.get_absolute_url()}"' in page
    assert "修改数值" not in page
    first, second = (log.file_name for log in report.import_logs.order_by("revision"))
    assert first in page and second not in page
    assert "报告已更正" not in client.get(new.get_absolute_url()).content.decode()


def test_an_item_that_the_correction_dropped_leads_to_the_report(client: Client) -> None:
    report = _judged()
    old = report.entries.get(name="内径")
    report.revision = 2
    report.save()
    page = client.get(old.get_absolute_url()).content.decode()
    assert "打开当前修订</a>" in page


@pytest.mark.parametrize(
    "fields",
    [
        {"values": ["OK", "NG"], "lsl": "", "usl": "", "spec": "无划伤"},
        {"values": ["OK"] * 3, "lsl": "", "usl": "", "spec": ""},
        {"values": [None, None]},
        {"values": ["10.0"]},
        {"values": ["10.0"] * 5},
        {"values": ["10.0", "10.1", "9.9"], "lsl": ""},
        {"values": ["10.0", "10.1", "9.9"], "usl": "", "lsl": ""},
        {"values": ["10.0", "10.1", "9.9"], "lsl": "11", "usl": "10"},
        {"values": ["10.0", None, "9.9"] * 4, "subgroup_size": 3},
        {"values": ["10.0", "10.1"] * 100, "subgroup_size": 20},
    ],
)
def test_a_page_opens_whatever_was_measured(client: Client, fields: dict[str, Any]) -> None:
    report = builders.report(IQC)
    entry = builders.entry(report, **fields)
    assert client.get(entry.get_absolute_url()).status_code == 200
    judge_report(report)
    for url in (entry.get_absolute_url(), report.get_absolute_url(), "/"):
        assert client.get(url).status_code == 200


def test_an_entry_page_says_below_the_indices_what_makes_them_mean_little(client: Client) -> None:
    report = builders.report(IQC)
    coarse = builders.entry(report, values=["10.0", "10.1"] * 15)
    fine = builders.entry(report, values=[f"10.0{value % 9}" for value in range(30)])
    page = client.get(coarse.get_absolute_url()).content.decode()
    remarks = page[page.index('class="remarks"') :]
    assert page.index('class="indices"') < page.index('class="remarks"')
    assert "数据质量" in remarks
    assert "只有 2 个不同的值" in remarks
    assert 'class="remarks"' not in client.get(fine.get_absolute_url()).content.decode()


def test_text_from_outside_stays_text(client: Client) -> None:
    evil = "<script>alert(1)</script>"
    report = builders.report(
        IQC,
        lot=evil,
        inspector=evil,
        report_no=evil,
        part=builders.part(name=evil),
        supplier=builders.party(IQC, evil),
    )
    entry = builders.entry(report, values=BAD, name=evil, spec=evil, unit="<u>", gauge=evil)
    judge_report(report)
    for url in (
        "/",
        "/IQC/",
        report.get_absolute_url(),
        entry.get_absolute_url(),
        "/alarms/",
        f"/search/?q={evil}",
    ):
        page = client.get(url, follow=True).content.decode()
        assert "<script>alert" not in page
        assert "<u>" not in page


def test_no_page_carries_inline_style_or_script(client: Client) -> None:
    report = _judged()
    urls = (
        "/",
        "/IQC/",
        report.get_absolute_url(),
        report.entries.first().get_absolute_url(),
        "/import/",
        "/alarms/",
    )
    for url in urls:
        page = client.get(url).content.decode()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", page), url
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page), url


def test_an_entry_page_is_light_and_costs_a_fixed_number_of_queries(client: Client) -> None:
    report = builders.report(IQC)
    first = builders.entry(report, values=["10.0", "10.01", "9.99", "10.02", "9.98"] * 25, subgroup_size=5)
    judge_report(report)
    alone = _queries(client, first.get_absolute_url())
    for _each in range(5):
        builders.entry(report, values=BAD)
    judge_report(report)
    assert _queries(client, first.get_absolute_url()) == alone
    assert len(client.get(first.get_absolute_url()).content) < 60_000


# --- correcting values ---


def test_pasted_values_are_stored_judged_and_shown(client: Client) -> None:
    entry = _judged().entries.get(name="内径")
    url = entry.get_absolute_url()
    good = "10.00\t10.01\t9.99\t10.02\n10.00\t10.01\t9.99\t9.98"
    answer = client.post(f"{url}/values", {"values": good, "version": entry.version}, follow=True)
    assert answer.redirect_chain == [(url, 302)]
    assert "数值已修改并重新判定" in answer.content.decode()
    entry.refresh_from_db()
    assert (entry.status, entry.values[:2]) == (Status.NORMAL, ["10.00", "10.01"])
    assert "数值已修改" in client.get(url).content.decode()


def test_refused_values_come_back_as_typed_with_what_is_wrong(client: Client) -> None:
    entry = _judged().entries.get(name="内径")
    before = entry.values
    answer = client.post(
        f"{entry.get_absolute_url()}/values", {"values": "10.0 abc", "version": entry.version}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "10.0 abc</textarea>" in page and "不是数字" in page
    entry.refresh_from_db()
    assert entry.values == before


def test_values_that_somebody_else_changed_meanwhile_are_not_overwritten(client: Client) -> None:
    entry = _judged().entries.get(name="内径")
    answer = client.post(
        f"{entry.get_absolute_url()}/values", {"values": "1 2", "version": entry.version - 1}
    )
    assert (answer.status_code, "别人刚刚修改" in answer.content.decode()) == (422, True)


def test_who_may_not_change_entries_cannot(client: Client) -> None:
    entry = _judged().entries.get(name="内径")
    viewer = _signed_in("质量经理")
    assert "修改数值" not in viewer.get(entry.get_absolute_url()).content.decode()
    assert viewer.post(f"{entry.get_absolute_url()}/values", {"values": "1"}).status_code == 403
    assert client.get(f"{entry.get_absolute_url()}/values").status_code == 405


# --- dispositions ---


def test_a_disposition_is_proposed_decided_and_shown(client: Client) -> None:
    report = failed_report()
    url = report.get_absolute_url()
    inspector = Client()
    inspector.force_login(asker())
    page = inspector.get(url).content.decode()
    assert 'value="5000"' in page
    assert 'value="pcs"' in page
    (entry,) = report.entries.filter(status=Status.ABNORMAL)
    typed = {
        "proposal-decision": "rework",
        "proposal-quantity": "5000",
        "proposal-unit": "pcs",
        "proposal-characteristics": [entry.characteristic_id],
        "proposal-reason": "返工后复检",
        "proposal-revision": 1,
    }
    refused = inspector.post(f"{url}/dispositions", typed | {"proposal-reason": ""})
    assert refused.status_code == 422
    assert 'propose" open' in refused.content.decode()
    assert inspector.post(f"{url}/dispositions", typed).status_code == 302
    row = Disposition.objects.get()
    acts = f"{url}/dispositions/{row.pk}"
    assert inspector.post(f"{acts}/grant").status_code == 403
    assert "返工 待批准" in client.get("/IQC/?handled=open").content.decode()
    assert row.report.lot not in client.get("/IQC/?handled=not_yet").content.decode()
    again = inspector.post(f"{url}/dispositions", typed)
    assert again.status_code == 422
    assert "已有一个处置" in again.content.decode()
    page = client.post(f"{acts}/refuse", {"note": ""}, follow=True).content.decode()
    assert "驳回时请填写理由" in page
    page = client.post(f"{acts}/grant", {"note": "同意"}, follow=True).content.decode()
    assert "已批准" in page
    assert "李工 · 同意" in page
    assert row.report.lot in client.get("/IQC/?handled=granted").content.decode()
    assert row.report.lot not in client.get("/IQC/?handled=concession").content.decode()
    assert client.post(f"{url}/dispositions/{row.pk + 1}/grant").status_code == 404
    viewer = Client()
    person = builders.person()
    person.user_permissions.set(builders.permissions("view_iqcreport"))
    viewer.force_login(person)
    assert 'id="dispositions"' not in viewer.get(url).content.decode()
    assert viewer.post(f"{url}/dispositions", typed).status_code == 403


def test_a_failed_start_is_told_on_the_page_and_tried_again_from_it(client: Client) -> None:
    form()
    row = ask(failed_report(), asker())
    url = row.report.get_absolute_url()
    assert "data-poll" in client.get(url).content.decode()
    OutgoingApproval.objects.update(state="dead", next_at=None, error="301056 应用已停用")
    page = client.get(url).content.decode()
    assert "301056 应用已停用" in page
    assert "data-poll" not in page
    assert "让步接收 审批提交失败" in client.get("/IQC/").content.decode()
    client.post(f"{url}/dispositions/{row.pk}/retry")
    assert OutgoingApproval.objects.get().state == "waiting"
    client.post(f"{url}/dispositions/{row.pk}/withdraw")
    assert Disposition.objects.get().state == "withdrawn"


def test_the_list_asks_for_all_its_dispositions_at_once(client: Client) -> None:
    for number in range(3):
        ask(failed_report(), asker("质量工程师", userid=f"user{number}"), decision="scrap")
    many = _queries(client, "/IQC/")
    Disposition.objects.exclude(pk=Disposition.objects.latest("pk").pk).delete()
    assert _queries(client, "/IQC/") == many


def test_the_way_to_a_disposition_stands_with_what_is_done_about_the_alarm(client: Client) -> None:
    report = failed_report()
    entry = report.entries.order_by("position").first()
    good = report.entries.order_by("position").last()
    link = f'href="{report.get_absolute_url()}#dispositions"'

    def acts(of: Any = entry) -> str:
        found = re.search(
            r'<section class="acts".*?</section>', client.get(of.get_absolute_url()).content.decode(), re.S
        )
        return found.group() if found else ""

    client.force_login(builders.person("质量工程师"))
    assert acts().count(link) == 1 and "原因与措施" in acts()
    assert link not in acts(good)
    Alarm.objects.all().delete()
    assert acts().count(link) == 1
    viewer = builders.person()
    viewer.user_permissions.set(builders.permissions("view_iqcreport"))
    client.force_login(viewer)
    assert acts() == ""
