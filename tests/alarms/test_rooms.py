"""The rooms beside the list: silences, work orders, on call, statistics; and the filters of the list."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alarms import metrics, selectors, services
from alarms.models import Alarm, Rota, Silence, WorkOrder
from alarms.services import AlarmRequest
from notifications.models import Recipient
from tests import builders

pytestmark = pytest.mark.django_db

ROOMS = ("/alarms/", "/alarms/work-orders/", "/alarms/silences/", "/alarms/on-call/", "/alarms/statistics/")


@pytest.fixture
def engineer() -> User:
    return builders.person("质量工程师", username="engineer", first_name="李工")


@pytest.fixture
def client(engineer: User) -> Client:
    client = Client()
    client.force_login(engineer)
    return client


def _alarm(key: str = "k1", *, at: datetime | None = None, **fields: Any) -> Alarm:
    fields = {"source": "quality.IQC", "title": f"内径 {key}", **fields}
    return services.raise_alarm(AlarmRequest(key=key, **fields), at=at).alarm


# --- the list and the alarm ---


def test_the_list_is_narrowed_by_what_the_address_asks(client: Client, engineer: User) -> None:
    _alarm("a", severity="critical")
    _alarm("b", source="energy", group_key="g:1")
    services.recover([_alarm("c", source="energy", group_key="g:1").key])
    services.silence_alarm(_alarm("d"), hours=2, user=engineer)

    def keys(query: str) -> set[str]:
        return {alarm.key for alarm in client.get(f"/alarms/?{query}").context["page"].object_list}

    assert keys("source=energy") == {"b"}
    assert keys("severity=critical") == {"a"}
    assert keys("which=silenced") == {"d"}
    assert keys("group_key=g:1") == {"b", "c"}, "the link of a digest shows them however they stand"
    assert keys("key=c") == {"c"}
    assert keys("group_key=g:1&which=open") == {"b"}
    page = client.get("/alarms/?which=silenced").text
    assert "已静默" in page


def test_one_touch_silences_two_hours_and_one_more_ends_it(client: Client, engineer: User) -> None:
    alarm = _alarm()
    page = client.post(f"/alarms/{alarm.pk}/silence", {"hours": "2"}, follow=True).text
    assert "已静默 2 小时" in page
    silence = Silence.objects.get()
    assert (silence.matchers, silence.author) == (f"key={alarm.key}", engineer)
    assert timedelta(hours=1.9) < silence.ends_at - timezone.now() <= timedelta(hours=2)
    assert "静默至" in page and "结束静默" in page and "在报警页静默 2 小时" in page
    page = client.post(
        f"/alarms/silences/{silence.pk}/end", {"next": alarm.get_absolute_url()}, follow=True
    ).text
    assert "静默已结束" in page and "静默至" not in page
    assert client.get(f"/alarms/{alarm.pk}/silence").status_code == 405


def test_the_alarm_shows_the_messages_that_told_of_it_also_those_withheld(
    client: Client, engineer: User, settings: Any
) -> None:
    settings.WEBHOOK_KEYS = {"ENERGY": "key"}
    services.silence(
        "source=energy", ends_at=timezone.now() + timedelta(hours=1), user=engineer, reason="检修中"
    )
    alarm = _alarm(source="energy", is_told=True, labels={"meter": "M1"}, level=2, level_label="警报")
    page = client.get(f"/alarms/{alarm.pk}").text
    for words in ("告知的消息", "报警已静默", "检修中", "meter", "M1", "警报"):
        assert words in page


# --- silences ---


def test_silences_are_listed_by_where_they_stand_and_name_what_they_hush(
    client: Client, engineer: User
) -> None:
    alarm = _alarm("k7", labels={"supplier": "甲"})
    now = timezone.now()
    form = {"matchers": "supplier=甲", "hours": "24", "reason": "试模", "starts_at": ""}
    assert "静默已设定" in client.post("/alarms/silences/", form, follow=True).text
    later = timezone.localtime(now + timedelta(days=2))
    client.post("/alarms/silences/", form | {"starts_at": f"{later:%Y-%m-%dT%H:%M}", "reason": "以后"})
    past = services.silence(
        "source=x", ends_at=now + timedelta(hours=1), user=engineer, reason="从前", at=now
    )
    services.end_silence(past, user=engineer)
    shown = client.get("/alarms/silences/").context["shown"]
    assert [(one.row.reason, one.alarms) for one in shown.active] == [("试模", (alarm,))]
    assert [one.row.reason for one in shown.upcoming] == ["以后"]
    assert [row.reason for row in shown.past] == ["从前"]
    alarm.refresh_from_db()
    assert alarm.withheld == "silenced"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("matchers", "nonsense", "看不懂“nonsense”"),
        ("matchers", " ", "必填"),
        ("reason", "", "必填"),
        ("hours", "99999", "选择一个有效的选项"),
        ("starts_at", "2020-01-01T00:00", "也要晚于现在"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_in_words(
    client: Client, field: str, value: str, words: str
) -> None:
    form = {"matchers": "source=energy", "hours": "2", "reason": "x", "starts_at": ""}
    answer = client.post("/alarms/silences/", form | {field: value})
    assert answer.status_code == 422
    assert words in answer.text
    assert not Silence.objects.exists()


# --- work orders ---


def test_a_work_order_is_opened_from_its_alarm_ticked_off_and_completed(
    client: Client, engineer: User
) -> None:
    alarm = _alarm()
    page = client.get(f"/alarms/work-orders/new?alarm={alarm.pk}").text
    assert "内径 k1" in page
    form = {
        "alarm": str(alarm.pk),
        "title": "换刀",
        "owner": str(engineer.pk),
        "due": "2020-01-02",
        "steps_text": "- 停机\n\n* 换刀",
        "effect_days": "3",
    }
    client.post("/alarms/work-orders/new", form)
    order = WorkOrder.objects.get()
    assert timezone.localtime(order.due_at).strftime("%F %H:%M") == "2020-01-02 18:00"
    steps = list(order.steps.all())
    assert [step.text for step in steps] == ["停机", "换刀"]
    assert "此报警已经有进行中的工单" in client.post("/alarms/work-orders/new", form).text
    address = order.get_absolute_url()
    assert "已逾期" in client.get(address).text
    assert "还有 2 个步骤没有完成" in client.post(f"{address}/complete", follow=True).text
    for step in steps:
        client.post(f"{address}/steps/{step.pk}", {"done": "1"})
    page = client.post(f"{address}/complete", {"note": "已换"}, follow=True).text
    assert "工单已完成" in page and "待确认" in page and "已换" in page
    assert order.title in client.get(alarm.get_absolute_url()).text
    assert client.get("/alarms/work-orders/999").status_code == 404
    other = services.open_work_order(title="别的", steps=["x"])
    assert client.post(f"{address}/steps/{other.steps.get().pk}", {"done": "1"}).status_code == 404


def test_the_board_has_each_order_in_its_column(client: Client, engineer: User) -> None:
    now = timezone.now()
    late = services.open_work_order(title="晚", due_at=now - timedelta(days=1))
    mine = services.open_work_order(title="我的", owner=engineer, user=engineer)
    waiting = services.complete(services.open_work_order(title="待", alarm=_alarm()), user=engineer)
    ended = services.complete(services.open_work_order(title="完"), user=engineer)
    old = services.complete(services.open_work_order(title="旧"), user=engineer, at=now - timedelta(days=31))

    def columns(query: str = "") -> dict[str, list[int]]:
        shown = client.get(f"/alarms/work-orders/{query}").context["columns"]
        return {code: [order.pk for order in orders] for code, _label, _tone, orders in shown}

    assert columns() == {
        "overdue": [late.pk],
        "open": [mine.pk],
        "waiting": [waiting.pk],
        "ended": [ended.pk],
    }
    assert columns("?which=mine") == {"overdue": [], "open": [mine.pk], "waiting": [], "ended": []}
    assert all(old.pk not in pks for pks in columns().values())


def test_an_order_is_completed_and_cancelled_in_the_admin_with_a_note(client: Client) -> None:
    first, second = services.open_work_order(title="一"), services.open_work_order(title="二", steps=["x"])
    url = reverse("admin:alarms_workorder_changelist")

    def act(action: str, *orders: WorkOrder) -> str:
        data = {"action": action, "_selected_action": [order.pk for order in orders], "confirmed": "yes"}
        return client.post(url, data | {"note": "好了"}, follow=True).text

    page = act("complete", first, second)
    assert "已完成 1 张工单" in page and "还有 1 个步骤没有完成" in page
    assert "已取消 1 张工单" in act("cancel", second)
    assert set(WorkOrder.objects.values_list("status", "note")) == {("done", "好了"), ("cancelled", "好了")}


# --- on call ---


def test_who_is_on_call_now_and_next_with_stand_ins(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monday = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai
    monkeypatch.setattr("spc_site.clock.now", lambda: monday)
    people = [Recipient.objects.create(name=name) for name in ("甲", "乙", "丙")]
    rota = Rota.objects.create(name="质量值班", starts_on=date(2026, 11, 23), turn_days=7)
    for place, person in enumerate(people):
        rota.members.create(position=place, recipient=person)
    rota.exceptions.create(
        starts_at=monday + timedelta(days=2), ends_at=monday + timedelta(days=3), recipient=people[2]
    )
    (found,) = client.get("/alarms/on-call/").context["rotas"]
    assert (str(found.now), found.is_stand_in) == ("甲", False)
    ahead = [(f"{turn.starts_at:%m-%d %H:%M}", str(turn.person), turn.is_stand_in) for turn in found.ahead]
    assert (
        ahead
        == [
            ("11-25 09:00", "丙", True),
            ("11-26 09:00", "甲", False),
            ("11-30 08:00", "乙", False),
            ("12-07 08:00", "丙", False),
            ("12-14 08:00", "甲", False),
            ("12-21 08:00", "乙", False),
        ][: len(ahead)]
    )
    assert len(ahead) == 6
    assert "30 分钟无人受理" in client.get("/alarms/on-call/").text


# --- figures ---


def _story(
    engineer: User, key: str, *, days: float, taken: float | None, closed: float | None, **fields: Any
) -> None:
    at = datetime(2026, 11, 20, 4, tzinfo=UTC) - timedelta(days=days)
    alarm = _alarm(key, at=at, **fields)
    if taken is not None:
        services.acknowledge(alarm, user=engineer, at=at + timedelta(minutes=taken))
    if closed is not None:
        services.recover([key], at=at + timedelta(minutes=closed))


def test_the_figures_count_what_happened_and_how_fast(
    client: Client, engineer: User, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    now = datetime(2026, 11, 20, 5, tzinfo=UTC)  # a Friday
    monkeypatch.setattr("spc_site.clock.now", lambda: now)
    for number, taken in enumerate((1, 2, 3, 4, 5, 6, 7, 8, 9, 100)):
        _story(engineer, f"k{number}", days=1, taken=taken, closed=200)
    _story(engineer, "again", days=8, taken=None, closed=30, source="energy")
    _story(engineer, "again", days=1, taken=None, closed=None, source="energy")
    _story(engineer, "older", days=40, taken=1, closed=2)
    services.raise_closed([AlarmRequest(key="late", source="energy", title="x")], at=now - timedelta(days=9))
    engineer.get_all_permissions()
    with django_assert_num_queries(1):
        found = selectors.statistics(engineer, weeks=4, at=now)
    total = found.total
    assert (total.count, total.occurrences, total.open_count) == (13, 13, 1)
    assert (total.acknowledge.half, total.acknowledge.most) == (5.5, 9)
    assert (total.resolve.count, total.resolve.half) == (11, 200)
    assert [f"{week:%m-%d}" for week in found.weeks] == ["10-26", "11-02", "11-09", "11-16"]
    assert {name: one.count for name, one in found.by_source.items()} == {"quality.IQC": 10, "energy": 3}
    assert {name: one.count for name, one in found.by_week[date(2026, 11, 9)].items()} == {"energy": 2}
    assert [(one.key, one.episodes, one.occurrences) for one in found.repeaters] == [("again", 2, 2)]
    assert (found.things, found.repeat_share) == (12, 1 / 13)
    assert found.by_reason == {"recovered": 11, "closed_late": 1}
    page = client.get("/alarms/statistics/?weeks=4").text
    assert "5 分钟" in page and "<svg" in page and "/alarms/?key=again" in page
    lines = {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.AlarmCollector().collect()
        for sample in family.samples
    }
    assert lines["qbo_alarms_open", "energy", "warning", "active"] == 1
    assert lines["qbo_alarms_acknowledge_seconds", "quality.IQC"] == 100 * 60, (
        "the others were answered more than a day ago"
    )
    assert lines["qbo_work_orders", "open"] == 0


def test_the_time_to_acknowledge_of_what_got_worse_runs_from_then(engineer: User) -> None:
    now = datetime(2026, 11, 20, 5, tzinfo=UTC)
    _alarm(at=now - timedelta(hours=2))
    alarm = _alarm(at=now - timedelta(hours=1), severity="critical")
    services.acknowledge(alarm, user=engineer, at=now - timedelta(minutes=50))
    assert selectors.statistics(engineer, weeks=4, at=now).total.acknowledge.half == 10


def test_the_rooms_open_with_nothing_in_them_and_cost_the_same_with_much(
    client: Client, engineer: User
) -> None:
    def cost() -> list[int]:
        found = []
        for room in ROOMS:
            client.get(room)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(room).status_code == 200
            found.append(len(queries))
        return found

    def more(number: int) -> None:
        alarm = _alarm(f"k{number}")
        services.open_work_order(
            title=f"工单{number}", alarm=alarm, owner=engineer, steps=["a", "b"], user=engineer
        )
        services.silence_alarm(alarm, hours=2, user=engineer)
        rota = Rota.objects.create(name=f"表{number}", starts_on=date(2026, 1, 1))
        rota.members.create(recipient=Recipient.objects.create(name=f"人{number}"))

    cost()
    more(0)
    few = cost()
    for number in range(1, 8):
        more(number)
    assert cost() == few


@pytest.mark.parametrize("room", [*ROOMS, "/alarms/work-orders/new"])
def test_the_rooms_are_for_those_who_work_on_alarms(room: str) -> None:
    outsider = Client()
    outsider.force_login(builders.person("合同管理员"))
    assert outsider.get(room).status_code == 403


def test_who_may_only_look_neither_silences_nor_orders_work() -> None:
    viewer = builders.person()
    viewer.user_permissions.set(builders.permissions("view_alarm", "view_workorder"))
    client = Client()
    client.force_login(viewer)
    alarm, order = _alarm(), services.open_work_order(title="x", steps=["a"])
    for address in (
        f"/alarms/{alarm.pk}/silence",
        "/alarms/silences/1/end",
        f"{order.get_absolute_url()}/complete",
        f"{order.get_absolute_url()}/cancel",
        f"{order.get_absolute_url()}/steps/{order.steps.get().pk}",
    ):
        assert client.post(address).status_code == 403
    client.post("/alarms/silences/", {"matchers": "source=x", "hours": "2", "reason": "x"})
    assert not Silence.objects.exists()
    page = client.get(alarm.get_absolute_url()).text
    assert "静默 2 小时" not in page and "开工单" not in page
