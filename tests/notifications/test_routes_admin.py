"""Routes and recipients in the admin: their order, their forms, and who would get an event."""

from __future__ import annotations

import html
import re
from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications.models import AuditEntry, Budget, Channel, Flood, Notification, Recipient, Route, RouteStep
from notifications.routing import Event
from notifications.services import notify
from spc_site.admin import change_url, list_url
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

LIST = reverse("admin:notifications_route_changelist")
WHO = reverse("admin:notifications_route_who")


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(builders.person("通知管理员"))
    return client


def _route(name: str = "路由", **fields: Any) -> Route:
    return Route.objects.create(**({"name": name, "position": Route.objects.count() + 1} | fields))


def _names() -> list[str]:
    return list(Route.objects.values_list("name", flat=True))


def _steps(*rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    form: dict[str, Any] = {
        "steps-TOTAL_FORMS": len(rows),
        "steps-INITIAL_FORMS": initial,
        "steps-MIN_NUM_FORMS": 0,
        "steps-MAX_NUM_FORMS": 1000,
    }
    for number, row in enumerate(rows):
        form |= {f"steps-{number}-{field}": value for field, value in row.items()}
    return form


# --- the order --------------------------------------------------------------------------------


def test_buttons_of_the_list_change_the_order_and_the_change_is_told(admin: Client) -> None:
    for name in ("甲", "乙", "丙"):
        _route(name)
    page = admin.get(LIST)
    move = reverse("admin:notifications_route_move", args=[Route.objects.get(name="丙").pk])
    assert f'formaction="{move}"' in page.text
    assert admin.post(move, {"to": "up"}).url == LIST
    assert _names() == ["甲", "丙", "乙"]
    admin.post(move, {"to": "down"})
    assert _names() == ["甲", "乙", "丙"]
    assert AuditEntry.objects.filter(kind="notifications.Route", changes__position=[3, 2]).exists()


def test_routes_of_one_position_can_be_told_apart_by_moving(admin: Client) -> None:
    for name in ("甲", "乙", "丙"):
        _route(name, position=0)
    admin.post(
        reverse("admin:notifications_route_move", args=[Route.objects.get(name="丙").pk]), {"to": "up"}
    )
    assert _names() == ["甲", "丙", "乙"]


def test_the_first_cannot_go_up_and_looking_moves_nothing(admin: Client) -> None:
    first = _route("甲")
    _route("乙")
    move = reverse("admin:notifications_route_move", args=[first.pk])
    assert admin.get(move).status_code == 405
    assert "已经在尽头" in admin.post(move, {"to": "up"}, follow=True).text
    assert _names() == ["甲", "乙"]


def test_who_may_only_look_moves_nothing(client: Client) -> None:
    _route("甲")
    second = _route("乙")
    client.force_login(builders.person("运维"))
    move = reverse("admin:notifications_route_move", args=[second.pk])
    assert "formaction" not in client.get(LIST).text
    assert client.post(move, {"to": "up"}).status_code == 403
    assert client.get(WHO).status_code == 200
    client.force_login(builders.person("质检员"))
    assert client.get(WHO).status_code == 403


# --- the forms --------------------------------------------------------------------------------


def test_a_new_route_goes_to_the_end_with_its_steps_in_the_order_of_the_form(
    admin: Client, channel: ScriptedChannel
) -> None:
    _route("甲")
    person = Recipient.objects.create(name="林工", wecom_userid="lin")
    rows = (
        {"channel": "wechat_bot", "target": "HALL", "mentions": "lin, wang"},
        {"recipient": person.pk, "is_reserve": "on"},
        {"position": "", "channel": "", "target": ""},
    )
    form = {
        "name": "乙",
        "is_active": "on",
        "weekdays": ["1", "5"],
        "hour_from": "22:00",
        "hour_until": "06:00",
    }
    response = admin.post(reverse("admin:notifications_route_add"), form | _steps(*rows))
    assert response.status_code == 302, response.context["errors"]
    route = Route.objects.get(name="乙")
    assert (route.position, route.weekdays, route.hour_from) == (2, "15", time(22))
    assert [(str(step), step.position, step.is_reserve) for step in route.steps.all()] == [
        ("群机器人 HALL", 1, False),
        ("林工", 2, True),
    ]
    assert AuditEntry.objects.filter(kind="notifications.RouteStep").count() == 2


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"channel": "wechat_bot", "target": ""}, "请选收件人，或者填渠道和目标"),
        ({"channel": "", "target": "HALL"}, "请选收件人，或者填渠道和目标"),
        ({"channel": "wechat_bot", "target": "HALL", "mentions": "all"}, "不能提醒所有人"),
        ({"channel": "wechat_bot", "target": "HALL", "mentions": "<@x>"}, "userid"),
    ],
)
def test_a_step_that_leads_nowhere_is_refused_in_words(
    admin: Client, channel: ScriptedChannel, row: dict[str, Any], complaint: str
) -> None:
    page = admin.post(reverse("admin:notifications_route_add"), {"name": "乙"} | _steps(row))
    assert complaint in page.text
    assert not Route.objects.exists()


def test_half_a_range_of_hours_is_refused(admin: Client) -> None:
    form = {"name": "乙", "hour_from": "22:00"} | _steps()
    assert "时段的起止" in admin.post(reverse("admin:notifications_route_add"), form).text


def test_a_number_is_replaced_without_being_shown(admin: Client) -> None:
    person = Recipient.objects.create(name="林工", phone="13812345678")
    url = reverse("admin:notifications_recipient_change", args=[person.pk])
    page = admin.get(url)
    assert "13812345678" not in page.text
    assert "138••••5678" in page.text
    form = {"name": "林工", "is_active": "on", "breaks_through": "1"}
    admin.post(url, form)
    assert Recipient.objects.get().phone == "13812345678"
    admin.post(url, form | {"new_phone": "139 0000 1111"})
    assert Recipient.objects.get().phone == "13900001111"
    told = str(list(AuditEntry.objects.values_list("changes", flat=True)))
    assert "phone" in told
    assert "13900001111" not in told
    admin.post(url, form | {"forget_phone": "on"})
    assert Recipient.objects.get().phone == ""


# --- who would get this? ----------------------------------------------------------------------


def _ask(admin: Client, **question: Any) -> Any:
    return admin.get(WHO, {"event": "quality.iqc.summary", "priority": "1", "group": "IQC"} | question)


def test_the_page_says_what_the_sender_does(admin: Client, channel: ScriptedChannel) -> None:
    night = _route("夜班", event="quality.*", hour_from=time(20), hour_until=time(8), goes_on=True)
    RouteStep.objects.create(route=night, channel="wechat_bot", target="NIGHT", mentions="lin.qc")
    person = Recipient.objects.create(name="林工", wecom_userid="lin.qc", email="lin@example.com")
    rest = _route("其余", minimum_severity="critical")
    RouteStep.objects.create(route=rest, recipient=person)
    _route("永远轮不到")
    answer = _ask(admin, severity="critical", at="2026-11-23T23:30").context["answer"]
    event = Event(name="quality.iqc.summary", group="IQC", severity="critical", title="x")
    assert [one.who for one in answer.deliveries] == ["群机器人 NIGHT", "林工"]
    assert answer.deliveries[0].mentions == "@lin.qc"
    day = _ask(admin, severity="critical", at="2026-11-23T10:00").context["answer"]
    assert [one.who for one in day.deliveries] == ["林工"]
    assert [line.reasons for line in day.routes] == [("时段 要求 20:00–08:00，实际是 10:00",), (), ()]
    assert "未轮到" in day.routes[2].verdict
    notify(event)
    assert Notification.objects.filter(target="lin.qc").count() == 1


def test_every_reason_of_a_miss_stands_there_in_words(admin: Client, channel: ScriptedChannel) -> None:
    _route("能源", event="energy.*", supplier="*甲*", minimum_severity="critical", weekdays="67")
    page = _ask(admin, severity="warning", at="2026-11-23T10:00")
    assert page.context["answer"].routes[0].reasons == (
        "事件 要求 energy.*，实际是 quality.iqc.summary",
        "供应商 要求 *甲*，实际是 空",
        "最低级别 要求 严重，实际是 预警",
        "星期 要求 周六、周日，实际是 周一",
    )
    assert page.context["answer"].is_default
    assert "按事件自己的默认去向" in page.text


def test_quiet_hours_and_preferences_are_told(admin: Client, channel: ScriptedChannel) -> None:
    route = _route()
    for name, fields in {
        "睡觉的": {"quiet_from": time(22), "quiet_until": time(7)},
        "不要的": {"muted": ["quality.*"]},
        "走了的": {"is_active": False},
    }.items():
        person = Recipient.objects.create(name=name, wecom_userid=f"u{len(name)}{name}"[:3], **fields)
        RouteStep.objects.create(route=route, recipient=person)
    text = _ask(admin, priority="3", at="2026-11-23T23:30").text
    assert "免打扰，11-24 07:00 发送" in text
    assert "不发送，只留记录" in text
    assert "不要的：本人不接收此类事件" in text


def test_a_way_that_cannot_send_now_says_why(admin: Client, channel: ScriptedChannel) -> None:
    route = _route()
    RouteStep.objects.create(route=route, channel="wechat_bot", target="HALL")
    assert "可用" in _ask(admin).context["answer"].deliveries[0].ways[0].badge
    Budget.objects.create(name="test:HALL", is_dead=True, note="key 已失效")
    assert _ask(admin).context["answer"].deliveries[0].ways[0].problem == "key 已失效"
    Channel.objects.filter(code="wechat_bot").update(is_enabled=False)
    assert "停用" in _ask(admin).context["answer"].deliveries[0].ways[0].problem


def test_nobody_to_tell_is_said_as_the_sender_would(admin: Client, channel: ScriptedChannel) -> None:
    assert "没有路由匹配事件" in _ask(admin, group="").text


def test_numbers_are_masked_for_who_may_not_see_contacts(client: Client, channel: ScriptedChannel) -> None:
    RouteStep.objects.create(route=_route(), channel="sms", target="13812345678")
    client.force_login(builders.person("运维"))
    assert "13812345678" not in _ask(client).text + client.get(LIST).text
    client.force_login(builders.person("通知管理员"))
    assert "13812345678" in _ask(client).text


def test_the_question_is_asked_without_writing_anything(admin: Client, channel: ScriptedChannel) -> None:
    _ask(admin)
    assert not Notification.objects.exists()


def test_a_message_shows_its_reserves_and_how_often_it_was_asked_for(client: Client) -> None:
    row = builders.notification(fallbacks=[{"channel": "sms", "target": "13812345678"}], repeats=41)
    url = reverse("admin:notifications_notification_change", args=[row.pk])
    client.force_login(builders.person("质量经理"))
    page = client.get(url).text
    assert "短信 138••••5678" in page
    assert "13812345678" not in page
    assert ">41<" in page
    client.force_login(builders.person("通知管理员"))
    assert "短信 13812345678" in client.get(url).text


# --- floods -----------------------------------------------------------------------------------


def test_a_flood_leads_to_the_messages_that_it_withheld(admin: Client) -> None:
    flood = builders.notification("suppressed", reason="flooded", source="plc", target="OQC")
    minute = flood.created_at.replace(second=0, microsecond=0)
    Flood.objects.create(source="plc", channel="wechat_bot", target="OQC", minute=minute, withheld=1)
    for other in ({"source": "mes"}, {"target": "IQC"}, {"reason": ""}):
        fields = {"reason": "flooded", "source": "plc", "target": "OQC"} | other
        builders.notification("suppressed", **fields)
    before = builders.notification("suppressed", reason="flooded", source="plc", target="OQC")
    Notification.objects.filter(pk=before.pk).update(created_at=minute - timedelta(minutes=1))
    page = admin.get(reverse("admin:notifications_flood_changelist")).text
    found = re.search(r'href="([^"]*reason__exact=flooded[^"]*)"', page)
    assert found
    shown = admin.get(html.unescape(found[1])).context["cl"].result_list
    assert [row.pk for row in shown] == [flood.pk]


def test_no_number_of_a_person_stands_in_a_flood_or_in_its_link(admin: Client) -> None:
    row = Flood.objects.create(channel="sms", target="13812345678", minute=timezone.now(), withheld=1)
    for url in (change_url(row), list_url(Flood)):
        page = admin.get(url).text
        assert "138••••5678" in page
        assert "13812345678" not in page
