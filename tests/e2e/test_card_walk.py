"""An alarm as a card, on the running system: pressed in WeCom, taken on here, and the card says by whom."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.live import Browsing, LiveSystem

USER, PASSWORD, USERID = "card.walker", "walk-through-44", "lin.qc"
TITLE = "走查 主轴过热"

_ROWS = f"""
from django.contrib.auth.models import Group, User
from accounts.models import Profile
from alarms.services import AlarmRequest, raise_alarm
from notifications.models import Channel, Route, RouteStep
user = User.objects.create_user("{USER}", password="{PASSWORD}", first_name="林工")
user.groups.add(Group.objects.get(name="质检员"))
Profile.objects.update_or_create(user=user, defaults={{"wecom_userid": "{USERID}"}})
Channel.objects.filter(code="wechat_api").update(style="card")
route = Route.objects.create(name="卡片走查", event="alarms.*", source="cardwalk")
RouteStep.objects.create(route=route, channel="wechat_api", target="{USERID}|stranger")
request = AlarmRequest(
    key="cardwalk.1", source="cardwalk", title="{TITLE}", severity="critical", is_told=True, group="OPS",
    value="98 ℃", threshold="80 ℃", description="三号线\\n已停 3 分钟",
)
print("alarm:", raise_alarm(request).alarm.pk)
"""


@pytest.fixture
def wecom(browsing: Browsing, live_system: LiveSystem) -> Any:
    page = browsing.open()
    page.goto(live_system.sandbox_url)
    return page


def test_a_card_is_pressed_in_wecom_and_its_alarm_is_taken_on(
    wecom: Any, browsing: Browsing, live_system: LiveSystem
) -> None:
    pk = int(live_system.manage("shell", "-c", _ROWS).partition("alarm:")[2])
    card = wecom.locator(".bubble.template_card", has_text=TITLE)
    expect(card.get_by_role("link", name=TITLE)).to_have_attribute(
        "href", f"{live_system.url}/alarms/{pk}", timeout=20_000
    )
    expect(card).to_contain_text("98 ℃")
    browsing.shoot(wecom, "card-open-1440")

    # Somebody whom the plant does not know: told so, and nobody else is.
    card.get_by_label("以谁的身份按").select_option("stranger")
    card.get_by_role("button", name="受理").click()
    expect(card.locator(".card-notice")).to_contain_text("您没有受理报警的权限", timeout=20_000)

    card.get_by_role("button", name="受理").click()
    expect(card.locator(".card-notice")).to_contain_text("已由 林工 受理", timeout=20_000)
    expect(card.get_by_role("button")).to_have_count(0)
    browsing.shoot(wecom, "card-taken-1440")

    phone = browsing.open(width=390, height=844, touch=True)
    phone.goto(f"{live_system.url}/alarms/{pk}")
    phone.get_by_label("用户名").fill(USER)
    phone.get_by_label("密码").fill(PASSWORD)
    phone.get_by_role("button", name="登录").click()
    expect(phone.locator(".taken")).to_contain_text("林工")
