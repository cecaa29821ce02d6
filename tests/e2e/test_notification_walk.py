"""The day of a notification administrator, in a browser on the running system.

From the words of a template to its test, through a refused robot, the warning that comes another way
and the messages that wait, to the dead letter that arrives after its template was put right. The group
is ENERGY, so that the walks of the reports, which share the system, never meet the broken robot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests import services
from tests.live import KEY_OF_GROUP, LiveSystem

GROUP = "ENERGY"
USER, PASSWORD = "notifier", "walk-through-42"
LOG = "/admin/notifications/notification/"
TEMPLATES = "/admin/notifications/notificationtemplate/"
CHANNELS = "/admin/notifications/channel/"

_PEOPLE = f"""
from django.contrib.auth.models import Group, User
from accounts.models import Profile
from accounts.services import issue_token
user = User.objects.create_user("{USER}", password="{PASSWORD}", first_name="通知管理员", is_staff=True)
user.groups.add(Group.objects.get(name="通知管理员"))
Profile.objects.create(user=user, wecom_userid="{USER}")
print("token:", issue_token(user, name="walk")[1])
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """The administrator at work: a browser that is signed in, and a program's token."""

    page: Any
    system: LiveSystem
    token: str

    def go(self, path: str) -> None:
        self.page.goto(self.system.url + path)

    def remind(self, title: str, **expected: str) -> str:
        """Ask for a reminder of a meeting as a program does; return its message id."""
        answer = self.page.request.post(
            f"{self.system.url}/api/v1/notifications/from-template",
            headers={"Authorization": f"Bearer {self.token}"},
            data={
                "template_name": "meeting_reminder",
                "target": GROUP,
                "variables": {"meeting_title": title, "meeting_time": "09:00", "location": "二楼"},
            },
        )
        assert answer.status == 202, answer.text()
        accepted: dict[str, str] = answer.json()
        assert {**accepted, **expected} == accepted
        return accepted["message_id"]

    def wait_in_log(self, titles: list[str], *, state: str) -> None:
        """Look into the log until just these messages to the group have the state."""
        self._wait(lambda: sorted(self._contents_of(state)) == sorted(titles), what=f"{titles} are {state}")

    def wait_for_feed(self, group: str, *texts: str) -> list[str]:
        """Wait until all texts have arrived and stand in the group; return what it was shown, in order."""

        def has_all() -> bool:
            arrived = "\n".join(self._arrived(group))
            return all(text in arrived for text in texts)

        self._wait(has_all, what=f"{texts} arrive in {group}")
        self.page.goto(f"{self.system.sandbox_url}/?group={group}")
        for text in texts:
            expect(self.page.locator(".bubble", has_text=text).last).to_be_visible()
        return self._arrived(group)

    def _arrived(self, group: str) -> list[str]:
        answer = self.page.request.get(f"{self.system.sandbox_url}/messages.json?group={group}")
        return [row["content"] for row in answer.json()["messages"] if row["shown"]]

    def control(self, **what: Any) -> None:
        """Tell the sandbox to fail, or to stop failing."""
        answer = self.page.request.post(f"{self.system.sandbox_url}/control", data=what)
        assert answer.ok, answer.text()

    def _contents_of(self, state: str) -> list[str]:
        answer = self.page.request.get(
            f"{self.system.url}/api/v1/notifications?target={GROUP}&status={state}",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        return [re.search(r"会议：\**([^*\n]+)", row["content"])[1] for row in answer.json()["items"]]  # type: ignore[index]

    def _wait(self, condition: Any, *, what: str) -> None:
        services.wait_until(condition, seconds=20, what=what)


@pytest.fixture
def desk(page: Any, live_system: LiveSystem) -> Desk:
    token = live_system.manage("shell", "-c", _PEOPLE).partition("token:")[2].strip()
    page.goto(f"{live_system.url}/admin/")
    page.get_by_label("用户名").fill(USER)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"{live_system.url}/admin/")
    return Desk(page, live_system, token)


def test_a_notification_administrator_keeps_the_messages_going(desk: Desk) -> None:
    _words_are_changed_and_tried(desk)
    _a_refused_robot_is_told_another_way_and_mended(desk)
    _a_dead_letter_arrives_once_its_template_is_mended(desk)


# --- the parts of the walk ------------------------------------------------------------------------


def _words_are_changed_and_tried(desk: Desk) -> None:
    page = desk.page
    _open_template(desk)
    seen = page.locator(".reading .bubble")
    expect(seen).to_contain_text("二楼会议室")
    _write(page, "会议：**{meeting_title}**\n时间：{meeting_time}\n地点：{location}\n请准时")
    expect(seen).to_contain_text("请准时")
    expect(seen.locator("strong")).to_have_text("质量周会")
    _save(page)
    page.get_by_role("button", name="试发").click()
    page.get_by_label("目标").fill(GROUP)
    page.get_by_role("button", name="试发").click()
    tried = page.locator(".tested")
    expect(tried.locator(".badge")).to_contain_text("已送达", timeout=15_000)
    expect(tried.locator("p.help", has_text="#1 · ")).to_contain_text(re.compile(r"\d+ 毫秒"))
    page.get_by_role("link", name="打开发送记录").click()
    expect(page.locator(".story")).to_contain_text("送达")
    [arrived] = [text for text in desk.wait_for_feed(GROUP, "请准时") if "请准时" in text]
    assert "【测试】" in arrived


def _a_refused_robot_is_told_another_way_and_mended(desk: Desk) -> None:
    page = desk.page
    desk.control(drill="mode_93000", key=KEY_OF_GROUP[GROUP])
    desk.remind("早会")
    desk.wait_in_log(["早会"], state="held")
    desk.system.hurry("notifications.watch")
    [warning] = [text for text in desk.wait_for_feed(USER, "凭据失效") if "凭据失效" in text]
    assert GROUP in warning and "请在群里重新添加机器人" in warning
    desk.remind("午会")
    desk.remind("晚会")
    desk.wait_in_log(["早会", "午会", "晚会"], state="held")
    desk.go(f"{LOG}?status__exact=held")
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    _open_channel(desk)
    expect(page.locator(".pool li", has_text=GROUP)).to_contain_text("失效")

    desk.control(action="mend")
    page.get_by_role("button", name="已修复").click()
    expect(page.locator(".messagelist .success")).to_contain_text("恢复了 1 个凭据")
    _open_channel(desk)
    expect(page.locator(".pool li", has_text=GROUP)).to_contain_text("可用")
    desk.wait_in_log([], state="held")
    shown = "\n".join(desk.wait_for_feed(GROUP, "早会", "午会", "晚会"))
    assert [shown.count(title) for title in ("早会", "午会", "晚会")] == [1, 1, 1]


def _a_dead_letter_arrives_once_its_template_is_mended(desk: Desk) -> None:
    page = desk.page
    _open_template(desk)
    text = page.locator("#id_content_template").input_value()
    _write(page, text + "\n班次：{shift}")
    page.get_by_role("button", name="再加一行").click()
    page.locator('[name="variables-name"]').last.fill("shift")
    page.locator('[name="variables-sample"]').last.fill("早班")
    expect(page.locator(".reading .bubble")).to_contain_text("班次：早班")
    _save(page)  # its samples fill it; what the program knows does not

    message_id = desk.remind("夜会", status="dead", reason="bad_template")
    desk.go(f"{LOG}dead/")
    letter = page.locator(".dead", has_text="模板有误")
    expect(letter).to_contain_text("shift")
    letter.get_by_role("link", name="改模板").click()
    page.get_by_role("link", name="会议提醒").click()
    _write(page, text)
    _save(page)

    desk.go(f"{LOG}dead/")
    letter.get_by_role("link", name="全部重发").click()
    expect(page.locator(".question")).to_contain_text("将重发 1 条")
    page.locator("input[type=submit][value=重发]").click()
    [arrived] = [text for text in desk.wait_for_feed(GROUP, "夜会") if "夜会" in text]
    assert "班次" not in arrived
    desk.go(f"{LOG}?q={message_id}")
    page.locator("#result_list tbody th a").first.click()
    expect(page.locator(".story")).to_contain_text("重发")


def _open_template(desk: Desk) -> None:
    desk.go(f"{TEMPLATES}?q=meeting_reminder&language__exact=zh-hans")
    desk.page.get_by_role("link", name="会议提醒").click()


def _open_channel(desk: Desk) -> None:
    desk.go(CHANNELS)
    desk.page.locator("#result_list").get_by_role("link", name="群机器人").click()


def _write(page: Any, text: str) -> None:
    page.locator("#id_content_template").fill(text)


def _save(page: Any) -> None:
    page.locator('[name="_continue"]').click()
    expect(page.locator(".messagelist .success")).to_be_visible()
