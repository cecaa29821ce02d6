"""The admin in a real browser: the content policy holds, phones get cards, buttons work.

The `browsing` fixture fails a test at whose end the console has an error: every refusal of the
content policy is one.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alarms.services import AlarmRequest, raise_alarm
from notifications.choices import State
from notifications.models import Channel, DeliveryAttempt, Notification, NotificationTemplate
from quality.models import IQCReportEntry, JudgementDefaults
from tests import builders
from tests.live import Browsing

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844, "touch": True}


@pytest.fixture
def site(live_server: Any) -> str:
    """The address of the running site, by number: names are other machines to `browsing`."""
    return live_server.url.replace("localhost", "127.0.0.1")


def _sign_in(page: Any, site: str) -> None:
    client = Client()
    client.force_login(builders.superuser("root"))
    cookie = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": site}])


@pytest.fixture
def rows() -> list[Any]:
    """One row of each kind of page."""
    report = builders.report(entries=1, lot="一个没有空格的很长很长的批号B2611-077-VERY-LONG-LOT-NUMBER-0001")
    message = builders.notification(State.SENT)
    DeliveryAttempt.objects.create(
        notification=message, number=1, started_at=timezone.now(), outcome="sent", answer='{"errcode":0}'
    )
    template = NotificationTemplate.objects.create(
        template_name="stop", title_template="停线", content_template="{line}", variables={"line": "三号线"}
    )
    return [
        report,
        builders.abnormal_entry(report),
        report.import_logs.get(),
        report.part,
        builders.characteristic(report.part),
        JudgementDefaults.objects.get_or_create(pk=1)[0],
        raise_alarm(AlarmRequest(key="k", source="quality.IQC", title="内径 超差")).alarm,
        message,
        template,
        Channel.objects.get_or_create(code="wechat_bot")[0],
        builders.person("质检员"),
    ]


def _pages(rows: list[Any]) -> list[str]:
    lists = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]
    forms = [
        reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]) for row in rows
    ]
    added = [reverse("admin:accounts_apitoken_add"), reverse("admin:quality_characteristic_add")]
    return ["/admin/", *lists, *forms, *added, "/admin/password_change/", "/api/v1/"]


@pytest.mark.parametrize(
    ("width", "screen"),
    [(390, {**PHONE, "dark": True}), (1440, {"width": 1440})],
    ids=["phone, dark", "desktop, light"],
)
def test_every_page_keeps_the_content_policy_and_fits_the_screen(
    browsing: Browsing, site: str, rows: list[Any], width: int, screen: dict[str, Any]
) -> None:
    page = browsing.open(**screen)
    _sign_in(page, site)
    too_wide = []
    for url in _pages(rows):
        assert page.goto(site + url).status == 200, url
        if page.evaluate("document.documentElement.scrollWidth") > width:
            too_wide.append(url)
    assert not too_wide


def test_a_phone_shows_rows_as_cards_with_their_titles(
    browsing: Browsing, site: str, rows: list[Any]
) -> None:
    page = browsing.open(**PHONE)
    _sign_in(page, site)
    page.goto(site + reverse("admin:quality_iqcreport_changelist"))
    card = page.locator("#result_list tbody tr").first
    assert card.evaluate("row => getComputedStyle(row).display") == "grid"
    assert page.locator("#result_list thead").is_hidden()
    cell = card.locator("td.field-part")
    assert cell.evaluate("cell => getComputedStyle(cell, '::before').content") == '"料号"'
    button = page.locator(".action-rejudge")
    assert button.bounding_box()["height"] >= 44
    assert page.locator("#changelist-filter").is_hidden()
    page.locator(".filter-fold").tap()
    assert page.locator("#changelist-filter").is_visible()


def test_the_theme_toggle_wins_over_the_system(browsing: Browsing, site: str) -> None:
    page = browsing.open(dark=True)
    _sign_in(page, site)
    page.goto(site + "/admin/")

    def ground() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert ground() == "rgb(15, 20, 26)"
    seen = set()
    for _press in range(3):
        page.locator(".theme-toggle").first.click()
        seen.add((page.evaluate("document.documentElement.dataset.theme"), ground()))
    assert seen == {
        ("light", "rgb(244, 245, 247)"),
        ("dark", "rgb(15, 20, 26)"),
        ("auto", "rgb(15, 20, 26)"),
    }


def test_a_chosen_row_and_a_button_do_what_the_button_says(browsing: Browsing, site: str) -> None:
    pending, other = builders.notification(), builders.notification()
    page = browsing.open()
    _sign_in(page, site)
    page.goto(site + reverse("admin:notifications_notification_changelist"))
    page.locator(f'.action-select[value="{pending.pk}"]').check()
    assert "1" in page.locator(".action-counter").inner_text()
    page.get_by_role("button", name="取消发送").click()
    page.get_by_role("button", name="取消发送").click()
    assert "已取消 1 条消息" in page.locator(".messagelist").inner_text()
    states = dict(Notification.objects.values_list("pk", "status"))
    assert states == {pending.pk: State.CANCELLED, other.pk: State.PENDING}


def test_pasted_values_are_judged_from_the_page(browsing: Browsing, site: str) -> None:
    entry = builders.entry(builders.report())
    page = browsing.open(**PHONE)
    _sign_in(page, site)
    page.goto(site + reverse("admin:quality_iqcreportentry_change", args=[entry.pk]))
    page.locator("#id_values_text").fill("10.00\t10.01\t10.30")
    page.locator('[name="_continue"]').click()
    assert "异常" in page.locator(".field-status_badge .badge").inner_text()
    assert "10.30" in page.locator(".field-reason_list").inner_text()
    assert IQCReportEntry.objects.get().values == ["10.00", "10.01", "10.30"]


def test_the_preview_of_a_template_follows_the_typing(browsing: Browsing, site: str, rows: list[Any]) -> None:
    template = next(row for row in rows if isinstance(row, NotificationTemplate))
    page = browsing.open()
    _sign_in(page, site)
    url = reverse("admin:notifications_notificationtemplate_change", args=[template.pk])
    page.goto(site + url)
    assert "三号线" in page.locator(".bubble").inner_text()
    page.locator("#id_content_template").fill("**急** {line} 停了")
    page.locator(".bubble strong", has_text="急").wait_for()
    assert page.locator(".bubble").inner_text() == "停线\n急 三号线 停了"
    page.locator("#id_content_template").fill("{nobody}")
    page.locator(".panel .errornote", has_text="{nobody} 不在变量表里").wait_for()


def test_the_text_of_a_new_token_can_be_taken_with_one_tap(browsing: Browsing, site: str) -> None:
    page = browsing.open()
    _sign_in(page, site)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site)
    page.goto(site + reverse("admin:accounts_apitoken_add"))
    page.locator("#id_name").fill("MES")
    page.locator('[name="_save"]').click()
    page.wait_for_load_state()  # the script has come
    page.locator("[data-copy]").click()
    page.locator("[data-copy]", has_text="已复制").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#token-text").inner_text()
    assert len(copied) > 40
