"""Dashboard, search, frame and error pages."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template.loader import render_to_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils import timezone, translation

from quality.choices import Status
from quality.kinds import IQC, OQC
from quality.selectors import Day
from quality.services.judgement import judge_report
from spc_site.pages.context import ITEMS
from spc_site.pages.dashboard import first_pass
from spc_site.templatetags.pages import age, span, when
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner looks at processes that no test here starts, and counts as queries when it does."""
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "")


BAD = [*["10.00", "10.01", "9.99", "10.02"] * 5, "10.30"]


@pytest.fixture
def engineer() -> User:
    return builders.person("质量工程师", first_name="李工")


@pytest.fixture
def client(engineer: User) -> Client:
    client = Client()
    client.force_login(engineer)
    return client


def _judged(**fields: Any) -> Any:
    report = builders.report(IQC, **fields)
    builders.entry(report, values=BAD, name="内径")
    judge_report(report)
    return report


# --- dashboard ---


def test_a_fresh_system_says_what_to_do_first(client: Client) -> None:
    page = client.get("/").content.decode()
    assert "还没有检验报告" in page and 'href="/import/"' in page and "import_iqc" in page


def test_who_may_not_import_is_not_told_to() -> None:
    client = Client()
    client.force_login(builders.person("质量经理"))
    page = client.get("/").content.decode()
    assert "质检员导入第一份报告后" in page and "/import/" not in page


def test_who_may_see_nothing_is_told_whom_to_ask() -> None:
    client = Client()
    client.force_login(builders.person())
    _judged()
    assert "联系管理员为您分配角色" in client.get("/").content.decode()


def test_the_dashboard_shows_the_day(client: Client) -> None:
    report = _judged(lot="B-77", supplier=builders.party(IQC, "供应商甲"))
    builders.report(OQC, status=Status.NORMAL, entries=1)
    context = client.get("/").context
    assert (context["today"].reports, context["today"].abnormal_entries) == (2, 1)
    assert context["response"].active_count == 1
    (row,) = context["matrix"]
    (cell,) = row.cells
    cpk = report.entries.get().statistics["ppk"]
    assert (row.name, cell.text, cell.tone, cell.is_abnormal) == ("供应商甲", f"{cpk:.2f}", "red", True)
    assert (cell.url, len(row.blanks)) == (report.get_absolute_url(), 11)
    assert [(bar.name, bar.count, bar.width) for bar in context["pareto"]] == [("内径", 1, 100)]
    page = client.get("/").content.decode()
    assert "B-77" in page and "供应商甲 · B-77" in page


def test_the_days_are_counted_from_zero_in_whole_items(client: Client) -> None:
    _judged()
    trend = str(client.get("/").context["trend"])
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", trend)
    assert {"0", "1"} <= set(texts)
    assert not any("." in text for text in texts)


def test_the_dashboard_costs_the_same_for_little_and_for_much(client: Client) -> None:
    def cost() -> int:
        client.get("/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/").status_code == 200
        return len(queries)

    _judged()
    oqc = builders.report(OQC)
    builders.entry(oqc, values=BAD)
    judge_report(oqc)
    one = cost()
    for _each in range(6):
        _judged()
    assert cost() == one <= 24


def test_the_first_pass_rate_compares_two_weeks() -> None:
    start = timezone.localdate() - timedelta(days=29)
    days = [Day(start + timedelta(days=number)) for number in range(30)]
    for day in days[-7:]:
        day.judged, day.passed_first = 10, 9
    for day in days[-14:-7]:
        day.judged, day.passed_first = 10, 8
    rate = first_pass(days)
    assert (rate.percent, rate.change_text, rate.tone) == (pytest.approx(90), "+10.0", "green")


def test_without_judged_reports_there_is_no_rate() -> None:
    days = [Day(timezone.localdate()) for _each in range(30)]
    rate = first_pass(days)
    assert (rate.percent, rate.change) == (None, None)


# --- search ---


def test_a_single_hit_opens_at_once(client: Client) -> None:
    report = _judged(lot="ONLY-1")
    _judged(lot="OTHER")
    assert client.get("/search/?q=only-1")["Location"] == report.get_absolute_url()


def test_several_hits_are_listed_by_kind(client: Client) -> None:
    part = builders.part("PN-9")
    builders.report(IQC, part=part, lot="IN-1")
    builders.report(OQC, part=part, lot="OUT-1")
    page = client.get("/search/?q=ＰＮ-9").content.decode()  # full width, as scanners type
    assert "IN-1" in page and "OUT-1" in page and "来料检验" in page and "出货检验" in page


def test_nothing_found_and_nothing_asked_say_how_to_search(client: Client) -> None:
    assert "没有找到" in client.get("/search/?q=zzz").content.decode()
    assert "请在上方输入" in client.get("/search/").content.decode()


# --- frame ---


def test_the_navigation_shows_what_the_role_allows_and_where_one_is(client: Client) -> None:
    links = client.get("/IQC/").context["navigation"]
    assert [link.url for link in links] == ["/", "/IQC/", "/OQC/", "/alarms/", "/import/"]
    assert [link.url for link in links if link.is_current] == ["/IQC/"]
    manager = Client()
    manager.force_login(builders.person("质量经理"))
    assert "/import/" not in [link.url for link in manager.get("/IQC/").context["navigation"]]


def test_every_navigation_entry_leads_somewhere() -> None:
    client = Client()
    client.force_login(builders.superuser())
    assert [client.get(item.url).status_code for item in ITEMS] == [200] * len(ITEMS)


def test_the_number_of_unacknowledged_alarms_stands_in_the_navigation(client: Client) -> None:
    _judged()
    badges = {link.url: link.badge for link in client.get("/IQC/").context["navigation"]}
    assert badges == {"/": 0, "/IQC/": 0, "/OQC/": 0, "/alarms/": 1, "/import/": 0}


def test_a_strict_content_policy_is_sent(client: Client) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_page_that_is_not_there_is_said_so_kindly(client: Client) -> None:
    answer = client.get("/nothing/here")
    assert (answer.status_code, "没有这个页面" in answer.content.decode()) == (404, True)
    assert Client().get("/nothing/here").status_code == 404


def _broken(request: Any) -> None:
    raise RuntimeError("broken on purpose")


urlpatterns = [path("broken", _broken)]


@pytest.mark.urls(__name__)
def test_a_fault_shows_a_page_that_needs_nothing(client: Client) -> None:
    client.raise_request_exception = False
    answer = client.get("/broken")
    assert (answer.status_code, "系统出错了" in answer.content.decode()) == (500, True)
    assert "broken on purpose" not in answer.content.decode()


def test_a_stale_form_is_explained(engineer: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(engineer)
    answer = client.post("/language/", {"language": "en"})
    assert (answer.status_code, "页面已过期" in answer.content.decode()) == (403, True)


def test_a_degraded_system_says_so_on_every_page_but_not_to_strangers(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "后台处理没有运行")
    for url in ("/", "/IQC/", "/alarms/", "/nothing/here"):
        assert "后台处理没有运行" in client.get(url).content.decode()
    assert "后台处理没有运行" not in Client().get("/login/").content.decode()


# --- small words ---


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(seconds=-5), "不到 1 分钟"),
        (timedelta(seconds=59), "不到 1 分钟"),
        (timedelta(minutes=42), "42 分钟"),
        (timedelta(hours=1, minutes=5), "1 时 05 分"),
        (timedelta(days=2, hours=20), "2 天"),
    ],
)
def test_a_duration_is_told_in_two_units_at_most(duration: timedelta, words: str) -> None:
    assert span(duration) == words


def test_a_moment_is_as_short_as_it_stays_clear() -> None:
    now = timezone.localtime()
    long_ago = now.replace(year=now.year - 1, month=6, day=15)
    assert f">{now:%H:%M}</time>" in when(now)
    assert f">{long_ago:%Y-%m-%d %H:%M}</time>" in when(long_ago)
    assert when(None) == ""
    assert age(now - timedelta(minutes=3)) == "3 分钟"


def test_error_pages_speak_both_languages() -> None:
    with translation.override("zh-hans"):
        assert "系统出错了" in render_to_string("500.html")
