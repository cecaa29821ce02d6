"""Through the whole system in a browser: from the file to the message, to the chart, to what people do.

One system of real processes serves all tests here; each walk brings its own files.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import expect

from tests.live import Browsing, LiveSystem

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PASSWORD = "walk-through-42"


@pytest.fixture(scope="module")
def system(live_system: LiveSystem) -> LiveSystem:
    """The running system with its people and one imported report of a supplier."""
    live_system.manage("demo_accounts", "--password", PASSWORD)
    live_system.manage("import_iqc", str(EXAMPLES / "iqc_piston_rings_supplier.xlsx"), "--origin", "supplier")
    return live_system


def _sign_in(page: Any, *, user: str = "engineer") -> None:
    page.get_by_label("用户名").fill(user)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()


def _message_link(page: Any, system: LiveSystem) -> Any:
    """Return the first link to an abnormal entry of the fixture's report in the feed, once it is there.

    Other tests import reports, too, and close their alarms; which message arrives first is open.
    """
    link = page.locator(f'.bubble a[href^="{system.url}/IQC/1/"]').first
    page.goto(system.sandbox_url)
    link.wait_for(timeout=60_000)
    return link


def _open_entry(page: Any, system: LiveSystem, *, user: str = "engineer") -> None:
    """Follow the link of the message to the page of the entry."""
    page.goto(_message_link(page, system).get_attribute("href"))
    _sign_in(page, user=user)
    page.wait_for_url(re.compile(r"/IQC/\d+/\d+$"))


def _variant(lot: str, *, changed: bool = False) -> bytes:
    """Return the supplier's file for another lot; or with one value far outside."""
    workbook = openpyxl.load_workbook(EXAMPLES / "iqc_piston_rings_supplier.xlsx")
    sheet = workbook.worksheets[0]
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell.value, str) and cell.value.startswith(("L24", "JH-Q")):
                cell.value = f"{cell.value[0]}{lot}"
    numbered = next(row for row in sheet.iter_rows() if row[0].value is None and row[6].value == 1)
    if changed:
        sheet.cell(numbered[6].row + 1, numbered[6].column).value = 74.2
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


# --- the line: file → message → login → chart → acknowledge -------------------------------------


def test_a_message_leads_through_the_login_to_the_chart_that_shows_the_violation(
    page: Any, system: LiveSystem
) -> None:
    link = _message_link(page, system)
    address = link.get_attribute("href")
    assert link.inner_text() == address  # as it is written in the message
    with page.context.expect_page() as opened:
        link.click()
    page = opened.value
    page.wait_for_url(re.compile(r"/login/\?next=/IQC/\d+/\d+$"))
    _sign_in(page)
    page.wait_for_url(address)
    assert re.match(r"▲ .+ · .+", page.locator(".verdict h1").inner_text())
    chart = page.locator(".chart").first.locator("svg:visible")
    expect(chart).to_have_count(1)
    expect(chart.locator(".ch-bad").first).to_be_visible()
    reason = page.locator(".verdict li").first.inner_text()
    expect(page.locator(".rules .is-alarm").first).to_contain_text(reason)


def test_the_chart_of_a_value_far_outside_marks_its_point_and_its_value(
    page: Any, system: LiveSystem, tmp_path: Path
) -> None:
    file = tmp_path / "far.xlsx"
    file.write_bytes(_variant("FAR", changed=True))
    system.manage("import_iqc", str(file), "--origin", "supplier")
    page.goto(f"{system.url}/search/?q=LFAR")
    _sign_in(page)
    page.wait_for_url(re.compile(r"/IQC/\d+$"))  # the only hit opens by itself
    page.get_by_role("link", name="内径 D1").click()
    expect(page.locator(".verdict h1")).to_have_text(re.compile("^▲ 超差 · 74.2"))
    chart = page.locator(".chart").first.locator("svg:visible")
    assert chart.locator(".ch-bad, .ch-warn").count() >= 1
    assert page.locator("li.is-bad").first.inner_text().endswith("74.200")
    assert "规则 1" in page.locator(".rules").inner_text()


def test_an_alarm_is_taken_on_explained_assigned_and_closed(
    browsing: Browsing, system: LiveSystem, tmp_path: Path
) -> None:
    file = tmp_path / "acts.xlsx"
    file.write_bytes(_variant("ACT", changed=True))
    system.manage("import_iqc", str(file), "--origin", "supplier")
    page = browsing.open(width=390, height=844, touch=True)
    page.goto(f"{system.url}/search/?q=LACT")
    _sign_in(page)
    page.get_by_role("link", name="内径 D1").click()
    page.wait_for_url(re.compile(r"/IQC/\d+/\d+$"))
    page.get_by_role("button", name="受理", exact=True).tap()
    expect(page.get_by_role("status")).to_have_text("已受理。")
    page.locator("a[href='#explain']").tap()
    page.get_by_label("原因", exact=True).fill("刀具磨损")
    page.get_by_label("措施").fill("换刀，加严抽检")
    page.get_by_role("button", name="保存", exact=True).tap()
    expect(page.locator(".taken")).to_contain_text("刀具磨损")
    page.locator("a[href='#assign']").tap()
    page.get_by_label("负责人").select_option(label="质检员")
    page.locator("#assign").get_by_role("button", name="指派").tap()
    expect(page.locator(".taken")).to_contain_text("质检员")
    page.locator("a[href='#resolve']").tap()
    page.locator("#resolve").get_by_role("button", name="关闭报警").tap()
    expect(page.locator(".taken")).to_contain_text("已关闭")
    story = page.locator(".timeline").first.inner_text()
    for event in ("导入报告", "判定：异常", "报警发生", "已通知 IQC 群", "报警受理", "报警指派", "报警关闭"):
        assert event in story


# --- the import page ------------------------------------------------------------------------------


def test_an_inspector_imports_in_the_browser_and_sees_the_verdict_come(page: Any, system: LiveSystem) -> None:
    page.goto(f"{system.url}/import/")
    _sign_in(page, user="inspector")
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    page.locator("input[type=file]").set_input_files(
        {"name": "批次WEB.xlsx", "mimeType": xlsx, "buffer": _variant("WEB")}
    )
    page.get_by_role("button", name="检查文件").click()
    expect(page.locator(".planned")).to_contain_text("新报告")
    page.get_by_role("button", name="确认导入").click()
    page.wait_for_url(re.compile(r"/IQC/\d+$"))
    # No reload by hand: the page asks again until the verdict is there.
    page.locator(".verdict.red h1").wait_for(timeout=120_000)
    assert "项异常" in page.locator(".verdict h1").inner_text()
    assert page.locator("main[data-poll]").count() == 0


# --- every size, dark, keyboard, without script ----------------------------------------------------

PAGES = ("/", "/IQC/", "/OQC/", "/alarms/", "/import/", "/search/?q=L")


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_page_is_wider_than_its_screen(browsing: Browsing, system: LiveSystem, width: int) -> None:
    page = browsing.open(width=width, height=844)
    _open_entry(page, system)
    addresses = [*(f"{system.url}{path}" for path in PAGES), page.url, page.url.rsplit("/", 1)[0]]
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address


def test_the_longer_words_of_english_fit_a_phone(browsing: Browsing, system: LiveSystem) -> None:
    page = browsing.open(width=390, height=844)
    _open_entry(page, system)
    page.context.add_cookies([{"name": "django_language", "value": "en", "url": system.url}])
    for address in [*(f"{system.url}{path}" for path in PAGES), page.url]:
        page.goto(address)
        expect(page.locator("html")).to_have_attribute("lang", "en")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address


def test_on_a_phone_the_first_screen_decides(browsing: Browsing, system: LiveSystem) -> None:
    page = browsing.open(width=390, height=844, touch=True)
    _open_entry(page, system)
    fold = page.locator(".rooms").bounding_box()["y"]
    verdict, chart = page.locator(".verdict"), page.locator(".chart").first
    assert verdict.bounding_box()["y"] < 150
    assert chart.bounding_box()["y"] + 200 < fold  # the mean chart is seen without scrolling
    for button in page.locator(".acts > .button, .acts > form > .button, .rooms a").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44, button.inner_text()


def test_in_the_dark_paper_is_dark_and_text_is_light(browsing: Browsing, system: LiveSystem) -> None:
    def brightness(page: Any, selector: str, what: str) -> float:
        colour = page.evaluate("([s, p]) => getComputedStyle(document.querySelector(s))[p]", [selector, what])
        red, green, blue = map(float, re.findall(r"[\d.]+", colour)[:3])
        return (0.299 * red + 0.587 * green + 0.114 * blue) / 255

    for dark in (False, True):
        page = browsing.open(width=390, height=844, dark=dark)
        _open_entry(page, system)
        for selector in ("body", ".card", ".bar"):
            assert (brightness(page, selector, "backgroundColor") < 0.3) is dark
            assert (brightness(page, selector, "color") > 0.7) is dark
        axis = page.locator(".chart svg:visible .ch-text-ink").first
        fill = axis.evaluate("node => getComputedStyle(node).fill")
        assert (sum(map(float, re.findall(r"[\d.]+", fill)[:3])) > 3 * 128) is dark


def test_the_keyboard_alone_is_enough(page: Any, system: LiveSystem) -> None:
    _open_entry(page, system)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "q"
    page.keyboard.type("no such lot")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/search/"))
    page.go_back()
    explain = page.get_by_role("button", name="原因与措施")
    for _each in range(60):
        page.keyboard.press("Tab")
        if explain.evaluate("node => node === document.activeElement"):
            break
    else:
        pytest.fail("the button is not reached by Tab")
    outline = explain.evaluate("node => getComputedStyle(node).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    page.get_by_label("原因", exact=True).wait_for()


def test_every_page_works_without_script(chromium: Any, system: LiveSystem) -> None:
    context = chromium.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    _open_entry(page, system)
    assert page.locator(".chart svg:visible").count() == 2
    page.get_by_role("button", name="原因与措施").click()
    assert page.get_by_label("原因", exact=True).is_visible()
    for path in PAGES:
        assert page.goto(f"{system.url}{path}").status == 200
    context.close()


def test_the_language_is_switched_where_one_is(page: Any, system: LiveSystem) -> None:
    page.goto(f"{system.url}/alarms/?which=resolved")
    _sign_in(page, user="manager")
    page.get_by_role("button", name="EN").click()
    page.wait_for_url(f"{system.url}/alarms/?which=resolved")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-hans")


def test_an_entry_page_is_few_requests_and_few_bytes(browsing: Browsing, system: LiveSystem) -> None:
    page = browsing.open(width=390, height=844, touch=True)
    _open_entry(page, system)
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: len(answer.body())}))
    page.goto(page.url)
    page.wait_for_load_state("networkidle")
    assert len(sizes) <= 7, sorted(sizes)
    assert sum(sizes.values()) < 180_000, sizes


def test_pages_print_without_their_frame(page: Any, system: LiveSystem) -> None:
    _open_entry(page, system)
    page.emulate_media(media="print")
    assert page.locator(".verdict").is_visible()
    assert page.locator(".chart svg:visible").count() == 2
    for hidden in (".bar", ".acts", ".siblings"):
        assert not page.locator(hidden).first.is_visible()
