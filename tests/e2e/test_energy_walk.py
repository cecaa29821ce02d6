"""A quota on a phone, on the running system: from the board to its page, taken on there."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.live import Browsing, LiveSystem

USER, PASSWORD = "energywalker", "walk-through-44"
NAME = "走查 一号车间用电"

_ROWS = f"""
from datetime import date, timedelta
from decimal import Decimal
from django.contrib.auth.models import Group, User
from django.utils import timezone
from energy.models import Attachment, Device, DeviceGroup, EnergyDailySummary, EnergyQuota, EnergyType
from energy.periods import period_of
from energy.services import quotas
user = User.objects.create_user("{USER}", password="{PASSWORD}", first_name="能工")
user.groups.add(Group.objects.get(name="能源管理员"))
electricity = EnergyType.objects.get(code="electricity")
group = DeviceGroup.objects.create(code="walk", name="走查车间")
today = timezone.localdate()
for number in (1, 2, 3):
    meter = Device.objects.create(code=f"walk{{number}}", name=f"{{number}} 号压机", energy_type=electricity)
    Attachment.objects.create(device=meter, group=group, start=date(2020, 1, 1))
    for back in range(40):
        EnergyDailySummary.objects.create(
            date=today - timedelta(days=back), energy_type=electricity, device=meter, amount=100_000 * number,
            total_consumption=100 * number, covered_s=86400, length_s=86400, end_at=0, end_count=0,
            computed_at=timezone.now())
spent = 600 * ((today - period_of(today, "monthly").first).days + 1)
quota = EnergyQuota(name="{NAME}", energy_type=electricity, group=group, quota_value=Decimal(spent - 1))
quotas.create_quota(quota, author=user, reason="走查")
quotas.evaluate(wait_s=10)
"""


@pytest.fixture
def phone(browsing: Browsing, live_system: LiveSystem) -> Any:
    page = browsing.open(width=390, height=844, touch=True)
    page.goto(f"{live_system.url}/energy/")
    return page


def test_a_quota_is_found_on_the_board_and_taken_on(phone: Any, live_system: LiveSystem) -> None:
    live_system.manage("shell", "-c", _ROWS)
    phone.get_by_label("用户名").fill(USER)
    phone.get_by_label("密码").fill(PASSWORD)
    phone.get_by_role("button", name="登录").click()
    expect(phone.locator(".quota-verdict")).to_contain_text("个超额")
    row = phone.locator("tr", has_text=NAME)
    expect(row).to_contain_text("超额")
    row.get_by_role("link", name=NAME).click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("超额 100.")
    expect(phone.locator("figure, .chart, svg").first).to_be_attached()
    expect(phone.locator(".ranking li").first).to_contain_text("3 号压机")
    phone.get_by_role("button", name="受理").click()
    expect(phone.locator(".taken")).to_contain_text("已受理")
    expect(phone.locator(".taken")).to_contain_text("能工")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        "nothing sticks out of a phone"
    )
