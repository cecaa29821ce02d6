"""The page of figures: what it shows of a period, for whom, at which cost."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications.admin.statistics import periods, words
from notifications.choices import State
from notifications.models import Channel, HourlyFigure, Notification, Trouble
from spc_site import clock
from tests import builders

pytestmark = pytest.mark.django_db

URL = "admin:notifications_hourlyfigure_changelist"
NOW = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)  # 16:30 in the plant


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def figure(*, hours_ago: int = 0, channel: str = "wechat_bot", **fields: object) -> HourlyFigure:
    hour = NOW.replace(minute=0) - timedelta(hours=hours_ago)
    return HourlyFigure.objects.create(channel=channel, hour=hour, **fields)


def tile(text: str, label: str) -> str:
    found = re.search(
        rf'tile-label">{label}</span>\s*<strong class="tile-value">(.*?)</strong>', text, re.DOTALL
    )
    assert found, f"no tile {label}"
    return found[1]


def test_the_last_day_is_summed_over_all_channels_or_one(keeper: Client) -> None:
    figure(sent=90, dead=5, requests=100, failed=8)
    figure(channel="email", hours_ago=3, sent=5, requests=5)
    figure(hours_ago=24, sent=1000)  # an hour before the day that is shown
    everything = keeper.get(reverse(URL)).text
    assert tile(everything, "成功率") == "95.0 %"
    assert tile(everything, "失败的请求") == "8"
    email = keeper.get(reverse(URL), {"channel": "email"}).text
    assert tile(email, "成功率") == "100 %"


def test_longer_periods_reach_further_back(keeper: Client) -> None:
    figure(sent=1)
    figure(hours_ago=6 * 24, sent=10)
    figure(hours_ago=29 * 24, sent=100)
    assert [
        re.search(r"送达 (\d+) ·", keeper.get(reverse(URL), {"period": period}).text)[1]  # type: ignore[index]
        for period in ("24h", "7d", "30d", "nonsense")
    ] == ["1", "11", "111", "1"]


def test_steps_begin_where_the_clock_of_the_plant_says() -> None:
    day, week, month = periods.PERIODS
    assert [moment.isoformat() for moment in day.window(NOW)] == [
        "2026-11-19T17:00:00+08:00",
        "2026-11-20T17:00:00+08:00",
    ]
    assert week.window(NOW)[1].isoformat() == "2026-11-20T18:00:00+08:00"
    assert month.window(NOW)[1].isoformat() == "2026-11-21T00:00:00+08:00"
    assert all(start + one.length == end for one in periods.PERIODS for start, end in [one.window(NOW)])


def test_each_step_tells_its_figures_and_a_period_without_any_says_so(keeper: Client) -> None:
    figure(sent=7, dead=2)
    text = keeper.get(reverse(URL)).text
    assert "11-20 16:00–17:00\n送达 7，死信 2" in text
    HourlyFigure.objects.all().delete()
    assert "这段时间没有数据" in keeper.get(reverse(URL)).text


def test_failures_are_ranked_by_cause_with_what_to_do(keeper: Client) -> None:
    figure(requests=9, failed=4, causes={"rate": 1, "network": 3})
    text = keeper.get(reverse(URL)).text
    assert text.index("连不上对方") < text.index("超过对方的频率上限")
    assert "请检查本机的网络" in text


def test_the_queue_of_now_stands_beside_the_figures(keeper: Client) -> None:
    row = builders.notification(State.PENDING)
    Notification.objects.filter(pk=row.pk).update(created_at=NOW - timedelta(minutes=20))
    unsure = builders.notification(State.UNCERTAIN)
    Notification.objects.filter(pk=unsure.pk).update(created_at=NOW - timedelta(days=3))
    text = keeper.get(reverse(URL)).text
    assert tile(text, "现在的队列") == "1"
    assert "最久 20 分钟" in text


def test_a_channel_that_fails_is_red_in_the_table(keeper: Client) -> None:
    Channel.objects.filter(code="wechat_bot").update(consecutive_failures=4)
    assert "连续失败 4 次" in keeper.get(reverse(URL)).text


def test_the_page_costs_the_same_for_a_day_and_for_a_month(keeper: Client) -> None:
    for hours in range(200):
        figure(hours_ago=hours, sent=1)
    keeper.get(reverse(URL))

    def queries(period: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert keeper.get(reverse(URL), {"period": period}).status_code == 200
        return len(captured)

    assert queries("24h") == queries("30d")


def test_the_figures_are_for_those_who_see_messages(client: Client) -> None:
    client.force_login(builders.person("质检员"))
    assert client.get(reverse(URL)).status_code == 403
    client.force_login(builders.person("质量经理"))
    assert client.get(reverse(URL)).status_code == 200


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "—"), (0.34, "0.3 秒"), (42.0, "42 秒"), (150.0, "2 分钟"), (9000.0, "2.5 小时")],
)
def test_a_duration_is_written_in_the_unit_that_a_person_would_use(value: float | None, text: str) -> None:
    assert words.seconds(value) == text


def test_just_below_all_is_not_shown_as_all() -> None:
    assert [words.percent(share) for share in (None, 0.0, 0.9994, 1.0)] == ["—", "0.0 %", "99.9 %", "100 %"]


# --- the first page -----------------------------------------------------------------------------


def test_the_first_page_tells_how_delivery_does_and_what_is_wrong(keeper: Client) -> None:
    figure(sent=99, dead=1, requests=100)
    row = builders.notification(State.HELD)
    Notification.objects.filter(pk=row.pk).update(created_at=NOW - timedelta(hours=2))
    index = reverse("admin:index")
    assert "发送异常" not in re.sub(r"<nav.*", "", keeper.get(index).text.partition("content-main")[0])
    one = Trouble.objects.create(
        key="failing:email", severity="critical", title="邮件连续失败", seen_at=NOW, told_at=NOW
    )
    text = keeper.get(index).text
    assert tile(text, "24 小时成功率") == "99.0 %"
    assert tile(text, "最久等待") == "2.0 小时"
    assert tile(text, "发送异常") == "1"
    assert reverse("admin:notifications_trouble_change", args=[one.pk]) in text
