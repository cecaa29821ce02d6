"""Templates in a real browser: what is typed shows at once, and goes its way to version and group.

The `browsing` fixture fails a test at whose end the console has an error: the content policy holds.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from notifications import defaults
from notifications.models import NotificationTemplate
from notifications.services import deliver_due, send_template_notification, templates
from tests import builders
from tests.live import Browsing
from wecom.sandbox import SandboxServer

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = {"width": 390, "height": 844, "touch": True}
SCREENS = {
    "desktop-light": {"width": 1440},
    "desktop-dark": {"width": 1440, "dark": True},
    "phone-light": PHONE,
    "phone-dark": {**PHONE, "dark": True},
}


@pytest.fixture
def site(live_server: Any) -> str:
    """The address of the running site, by number: names are other machines to `browsing`."""
    return live_server.url.replace("localhost", "127.0.0.1")


@pytest.fixture
def author() -> User:
    return builders.superuser("作者")


@pytest.fixture
def row(author: User) -> NotificationTemplate:
    """A shipped template that the plant has changed twice, beside the others."""
    NotificationTemplate.objects.all().delete()
    for shipped in defaults.TEMPLATES:
        templates.save_template(NotificationTemplate(**shipped))
    changed = NotificationTemplate.objects.get(template_name="iqc_summary", language="zh-hans")
    changed.content_template = "### IQC 异常汇总\n> 供应商：**{supplier}**\n{abnormal_items}"
    templates.save_template(changed, user=author, note="供应商放在最前")
    changed.content_template += '\n<font color="warning">共 {abnormal_count} 项</font> 批号 {lot}'
    return templates.save_template(changed, user=author, note="加上项数与批号")


def _open(browsing: Browsing, site: str, author: User, path: str, **screen: Any) -> Any:
    page = browsing.open(**screen)
    client = Client()
    client.force_login(author)
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
    page.goto(site + path)
    return page


def _url(row: NotificationTemplate, page: str = "change") -> str:
    return reverse(f"admin:notifications_notificationtemplate_{page}", args=[row.pk])


def test_a_template_is_edited_seen_saved_and_restored(
    browsing: Browsing, site: str, author: User, row: NotificationTemplate
) -> None:
    page = _open(browsing, site, author, _url(row))
    bubble = page.locator(".reading .bubble")
    expect(bubble).to_contain_text("苏州精密轴承有限公司")
    page.locator("#id_content_template").fill("**急** {supplier}\n{why}\n| a | b |")
    expect(page.locator(".reading .errornote")).to_have_text("第 2 行：{why} 不在变量表里")
    page.get_by_role("button", name="再加一行").click()
    name = page.locator('[name="variables-name"]').last
    expect(name).to_be_focused()
    name.fill("why")
    page.locator('[name="variables-sample"]').last.fill("尺寸超差")
    expect(bubble).to_contain_text("尺寸超差")
    expect(page.locator(".hints")).to_contain_text("第 3 行：企业微信不显示表格")
    page.get_by_label("渠道").last.select_option("wechat_bot.plain")
    expect(page.locator(".reading .sum")).to_contain_text("/ 2048 字节")
    expect(bubble.locator("strong")).to_have_count(0)
    page.get_by_label("这次改了什么").fill("写明原因")
    page.locator('[name="_continue"]').click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    expect(bubble).to_contain_text("尺寸超差")
    row.refresh_from_db()
    assert (row.version, row.variables["why"]["sample"]) == (4, "尺寸超差")
    page.locator(".historylink").click()
    newest = page.locator(".version").first
    expect(newest).to_contain_text("写明原因")
    expect(newest.locator("ins").first).to_have_text("**急** {supplier}")
    page.get_by_role("button", name="恢复这一版").first.click()
    expect(page.locator(".messagelist")).to_contain_text("已恢复第 3 版")
    page.get_by_role("button", name="恢复出厂文字").click()
    expect(page.locator(".messagelist")).to_contain_text("已恢复 1 个模板的出厂文字")
    row.refresh_from_db()
    assert not templates.differs_from_default(row)


def test_the_readers_screen_has_its_own_theme(
    browsing: Browsing, site: str, author: User, row: NotificationTemplate
) -> None:
    page = _open(browsing, site, author, _url(row))
    bubble = page.locator(".reading .bubble").first
    light = bubble.evaluate("one => getComputedStyle(one).backgroundColor")
    page.get_by_label("深色").check()
    expect(bubble).not_to_have_css("background-color", light)


def test_a_test_is_sent_from_the_page_and_its_way_is_watched(
    browsing: Browsing, site: str, author: User, row: NotificationTemplate, sandbox: SandboxServer
) -> None:
    page = _open(browsing, site, author, _url(row))
    page.get_by_role("button", name="试发").click()
    page.get_by_role("button", name="试发").click()
    expect(page.get_by_role("status")).to_contain_text("自动刷新")
    deliver_due()
    expect(page.locator(".tested .badge")).to_contain_text("已送达", timeout=10_000)
    expect(page.get_by_role("status")).to_have_text("试发已结束。")
    browsing.shoot(page, "template-test")
    [got] = sandbox.messages
    assert got.content.startswith("### 【测试】IQC 异常汇总")


@pytest.mark.parametrize("name", SCREENS)
def test_list_form_and_versions_fit_every_screen(
    browsing: Browsing, site: str, author: User, row: NotificationTemplate, name: str
) -> None:
    values = {name: one["sample"] for name, one in row.variables.items()}
    send_template_notification("iqc_summary", "IQC", values, subject="quality.IQC.report:12")
    screen: dict[str, Any] = SCREENS[name]
    addresses = {
        "list": reverse("admin:notifications_notificationtemplate_changelist"),
        "form": _url(row),
        "history": _url(row, "history"),
    }
    page = _open(browsing, site, author, addresses["list"], **screen)
    for what, address in addresses.items():
        page.goto(site + address)
        if what == "history":
            page.locator("summary").click()
        browsing.shoot(page, f"template-{what}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= screen["width"], what
    page.goto(site + addresses["form"])
    if screen["width"] == 1440:
        writing, reading = (page.locator(one).bounding_box() for one in (".writing", ".reading"))
        assert reading["x"] >= writing["x"] + writing["width"]
