"""An alarm on a phone, on the running system: escalated, silenced, told again, taken on, worked off.

The source is one of its own, so that the walks of the reports, which share the system, meet none of it.
"""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests import services
from tests.live import Browsing, LiveSystem

USER, PASSWORD = "walker", "walk-through-43"
TITLE = "走查 三号线停机"

_ROWS = f"""
from datetime import timedelta
from django.contrib.auth.models import Group, User
from django.utils import timezone
from alarms.models import EscalationPolicy, SourceRule
from alarms.services import AlarmRequest, raise_alarm
user = User.objects.create_user("{USER}", password="{PASSWORD}", first_name="走工")
user.groups.add(Group.objects.get(name="质检员"))
policy = EscalationPolicy.objects.create(name="走查")
policy.steps.create(after_minutes=60, channel="wechat_bot", target="OQC")
SourceRule.objects.create(source="walk", group="OQC", policy=policy)
request = AlarmRequest(key="walk.3", source="walk", title="{TITLE}", severity="critical", is_told=True)
print("alarm:", raise_alarm(request, at=timezone.now() - timedelta(minutes=61)).alarm.pk)
"""


def _wait_for_feed(page: Any, system: LiveSystem, text: str, *, times: int = 1) -> None:
    """Wait until the group was shown so many messages with this text."""

    def has_arrived() -> bool:
        answer = page.request.get(f"{system.sandbox_url}/messages.json?group=OQC")
        shown = [row["content"] for row in answer.json()["messages"] if row["shown"]]
        return sum(text in content for content in shown) == times

    services.wait_until(has_arrived, seconds=20, what=f"{times} × {text} in the group")


@pytest.fixture
def phone(browsing: Browsing, live_system: LiveSystem) -> Any:
    page = browsing.open(width=390, height=844, touch=True)
    page.goto(f"{live_system.url}/alarms/")
    return page


def test_an_alarm_is_escalated_silenced_acknowledged_and_worked_off(
    phone: Any, live_system: LiveSystem
) -> None:
    pk = int(live_system.manage("shell", "-c", _ROWS).partition("alarm:")[2])
    phone.get_by_label("用户名").fill(USER)
    phone.get_by_label("密码").fill(PASSWORD)
    phone.get_by_role("button", name="登录").click()
    expect(phone.locator(".list li", has_text=TITLE)).to_contain_text("严重")
    _wait_for_feed(phone, live_system, f"### 报警: {TITLE}")
    live_system.hurry("alarms.follow_up")
    _wait_for_feed(phone, live_system, f"### 报警无人受理: {TITLE}")

    phone.get_by_role("link", name=TITLE).click()
    expect(phone.locator(".timeline")).to_contain_text("无人受理，第 1 级")
    phone.get_by_role("button", name="静默 2 小时").tap()
    expect(phone.locator(".flash")).to_contain_text("已静默 2 小时")
    expect(phone.locator(".hush")).to_contain_text("走工")
    phone.goto(f"{live_system.url}/alarms/?which=silenced")
    expect(phone.locator(".list li", has_text=TITLE)).to_contain_text("已静默")
    phone.goto(f"{live_system.url}/alarms/silences/")
    phone.locator("li", has_text=TITLE).get_by_role("button", name="结束").tap()
    expect(phone.locator(".flash")).to_contain_text("静默已结束")
    _wait_for_feed(phone, live_system, f"### 报警: {TITLE}", times=2)

    phone.goto(f"{live_system.url}/alarms/{pk}")
    phone.get_by_role("button", name="受理").tap()
    expect(phone.locator(".taken")).to_contain_text("走工")
    phone.get_by_role("link", name="开工单").tap()
    phone.get_by_label("步骤（每行一条）").fill("停机\n复位")
    phone.get_by_role("button", name="开工单").tap()
    for step in ("停机", "复位"):
        phone.get_by_role("button", name=f"完成：{step}").tap()
        expect(phone.get_by_role("button", name=f"取消完成：{step}")).to_be_visible()
    phone.get_by_label("做了什么、结果如何").fill("已复位")
    phone.get_by_role("button", name="完成工单").tap()
    expect(phone.locator(".page")).to_contain_text("待确认")
    phone.goto(f"{live_system.url}/alarms/{pk}")
    expect(phone.locator(".timeline")).to_contain_text("已复位")
