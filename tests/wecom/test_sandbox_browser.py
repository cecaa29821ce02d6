"""The feed in a browser: live, on a phone, in the dark, without script."""

from __future__ import annotations

from typing import Any

from tests.wecom.servers import KEY
from wecom.robot import Robot, markdown, text
from wecom.sandbox import SandboxServer

ALERT = (
    "### IQC 异常汇总\n- **供应商**: 苏州精密轴承有限公司\n- **品名**: 活塞环\n"
    "- **异常项**: 内径 [{0}]({0})\n<@lin.qc> 请处理"
)


def test_a_message_appears_without_a_reload_and_its_link_opens(
    page: Any, sandbox: SandboxServer, robot: Robot
) -> None:
    page.goto(sandbox.base_url)
    page.get_by_text("还没有消息").wait_for()
    page.locator("#live.on").wait_for()
    robot.send(markdown(ALERT.format(f"{sandbox.base_url}/counts.json")))
    message = page.locator("article.msg")
    message.wait_for()
    assert page.get_by_text("还没有消息").count() == 0
    with page.expect_popup() as popup:
        message.get_by_role("link").click()
    popup.value.wait_for_load_state()
    assert popup.value.url == f"{sandbox.base_url}/counts.json"


def test_new_messages_leave_a_reader_of_old_ones_in_place(
    page: Any, sandbox: SandboxServer, robot: Robot
) -> None:
    for number in range(18):
        robot.send(markdown(f"### 第 {number} 条\n" + "内容\n" * 4))
    page.goto(sandbox.base_url)
    page.locator("#m18").wait_for()
    assert page.locator("#m18").is_visible()  # the newest stands at the lower edge from the start
    page.locator("#m5").scroll_into_view_if_needed()
    before = page.locator("#m5").bounding_box()["y"]
    Robot(sandbox.webhook_base_url, "second-robot-0000").send(markdown("新"))
    page.locator("#m19").wait_for(state="attached")
    assert abs(page.locator("#m5").bounding_box()["y"] - before) < 2


def test_a_drill_is_started_and_mended_with_the_form(page: Any, sandbox: SandboxServer, robot: Robot) -> None:
    page.goto(sandbox.base_url)
    page.get_by_label("方式").select_option(label="-1 系统繁忙")
    page.get_by_role("button", name="开始").click()
    page.get_by_text("错误码 -1").wait_for()
    assert robot.send(markdown("x")).errcode == -1
    page.locator("article.refused").wait_for()
    robot.send(markdown("x"))
    assert page.locator("#faults li").count() == 0  # it was for one time, and the page saw it end


def test_the_phone_shows_everything_within_its_width_in_light_and_dark(
    browsing: Any, sandbox: SandboxServer, robot: Robot
) -> None:
    robot.send(markdown(ALERT.format("http://127.0.0.1:8000/IQC/12/345")))
    robot.send(text("很长的一行" * 40, ["@all"]))
    sandbox.fail("errcode", errcode=45009, times=1)
    robot.send(markdown("x" * 300))
    for dark in (False, True):
        page = browsing.open(width=390, height=844, dark=dark, touch=True)
        for query in ("", "?view=panel", "?lang=en"):
            page.goto(f"{sandbox.base_url}/{query}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.goto(sandbox.base_url)
        assert page.locator("#m3").is_visible()
        heights = page.evaluate(
            "[...document.querySelectorAll('.group, .bar a')].filter(e => e.offsetParent)"
            ".map(e => e.getBoundingClientRect().height)"
        )
        assert min(heights) >= 36


def test_the_keyboard_reaches_groups_feed_and_form(page: Any, sandbox: SandboxServer, robot: Robot) -> None:
    robot.send(markdown("x"))
    page.goto(sandbox.base_url)
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"group", "feed", "main"} <= reached


def test_the_page_is_complete_without_script(chromium: Any, sandbox: SandboxServer, robot: Robot) -> None:
    robot.send(markdown("### 无脚本"))
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(sandbox.base_url)
    assert page.locator("article.msg").inner_text().count("无脚本")
    assert page.locator("meta[http-equiv=refresh]").count() == 1
    context.close()


def test_the_key_is_nowhere_on_the_page(page: Any, sandbox: SandboxServer, robot: Robot) -> None:
    robot.send(markdown("x"))
    page.goto(sandbox.base_url)
    assert KEY not in page.content()
