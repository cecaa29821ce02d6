"""An event and its routes become rows: to whom, by which ways, when, how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Profile
from notifications import monitoring
from notifications.channels import base
from notifications.choices import Reason, State
from notifications.models import (
    Channel,
    Flood,
    Notification,
    NotificationConfig,
    NotificationTemplate,
    Recipient,
    Route,
    RouteStep,
    Trouble,
)
from notifications.routing import Event
from notifications.services import (
    deliver_due,
    get_notification_status,
    notify,
    resend,
    send_notification,
    templates,
)
from notifications.services.floods import tell
from spc_site import clock
from spc_site.errors import AppError
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db

MEETING = {"meeting_title": "周会", "meeting_time": "周一", "location": "二楼"}


def _event(**fields: Any) -> Event:
    return Event(
        **({"name": "energy.quota", "group": "ENERGY", "title": "配额", "content": "用了九成"} | fields)
    )


def _route(*steps: RouteStep | tuple[str, str], **fields: Any) -> Route:
    """A route with a step per way or per given step, in this order."""
    route = Route.objects.create(**({"name": "路由", "position": Route.objects.count()} | fields))
    for position, step in enumerate(steps):
        row = step if isinstance(step, RouteStep) else RouteStep(channel=step[0], target=step[1])
        row.route, row.position = route, position
        row.save()
    return route


def _person(name: str = "林工", **fields: Any) -> Recipient:
    return Recipient.objects.create(**({"name": name, "wecom_userid": "lin.qc"} | fields))


def _ways() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("pk").values_list("channel", "target"))


# --- to whom ----------------------------------------------------------------------------------


def test_without_routes_an_event_goes_to_its_group_by_the_channel_of_its_template(
    channel: ScriptedChannel,
) -> None:
    ids = notify(_event(template="meeting_reminder", variables=MEETING))
    row = Notification.objects.get()
    assert ids == [row.message_id]
    assert (row.channel, row.target, row.event) == ("wechat_bot", "ENERGY", "energy.quota")
    assert (row.title, row.template_name, row.fallbacks) == ("会议提醒", "meeting_reminder", [])


def test_the_event_may_name_another_default(channel: ScriptedChannel) -> None:
    notify(_event(channel="sms", target="13800000000"))
    assert _ways() == [("sms", "13800000000")]


def test_an_event_that_nobody_is_named_for_is_refused_and_leaves_nothing(channel: ScriptedChannel) -> None:
    with pytest.raises(AppError) as caught:
        notify(_event(group=""))
    assert caught.value.code == "no_route"
    assert not Notification.objects.exists()


def test_a_matching_route_takes_the_place_of_the_default(channel: ScriptedChannel) -> None:
    _route(("wechat_bot", "OTHER"), event="quality.*")
    _route(("wechat_bot", "HALL"), event="energy.*")
    _route(("wechat_bot", "LATER"))
    notify(_event())
    assert _ways() == [("wechat_bot", "HALL")]


def test_reserves_travel_with_the_row(channel: ScriptedChannel) -> None:
    _route(
        ("wechat_bot", "HALL"),
        RouteStep(channel="email", target="a@example.com", is_reserve=True),
        RouteStep(channel="sms", target="138", is_reserve=True),
    )
    notify(_event())
    row = Notification.objects.get()
    assert row.fallbacks == [
        {"channel": "email", "target": "a@example.com"},
        {"channel": "sms", "target": "138"},
    ]


def test_several_recipients_are_a_row_each_with_one_correlation_id(channel: ScriptedChannel) -> None:
    _route(("wechat_bot", "HALL"), RouteStep(recipient=_person(email="lin@example.com")), goes_on=True)
    _route(("wechat_bot", "hall"), ("wechat_bot", "IQC"))
    ids = notify(_event())
    assert _ways() == [("wechat_bot", "HALL"), ("wechat_api", "lin.qc"), ("wechat_bot", "IQC")]
    assert len(set(ids)) == 3
    assert Notification.objects.values("correlation_id").distinct().count() == 1
    assert Notification.objects.get(channel="wechat_api").fallbacks == [
        {"channel": "email", "target": "lin@example.com"}
    ]


def test_a_way_that_is_switched_off_gives_way_to_the_next_and_waits_at_the_end(
    channel: ScriptedChannel,
) -> None:
    Channel.objects.filter(code="email").update(is_enabled=False)
    _route(
        RouteStep(channel="email", target="a@example.com"),
        RouteStep(channel="wechat_bot", target="HALL", is_reserve=True),
    )
    notify(_event())
    row = Notification.objects.get()
    assert (row.status, row.channel, row.target) == (State.PENDING, "wechat_bot", "HALL")
    assert row.fallbacks == [{"channel": "email", "target": "a@example.com"}]


def test_a_route_to_people_who_are_gone_loses_nothing(channel: ScriptedChannel) -> None:
    _route(RouteStep(recipient=_person(is_active=False)))
    notify(_event())
    assert _ways() == [("wechat_bot", "ENERGY")]


def test_addresses_of_the_user_serve_where_the_recipient_has_none(channel: ScriptedChannel) -> None:
    user = builders.person(email="wang@example.com")
    Profile.objects.create(user=user, wecom_userid="wang")
    _route(RouteStep(recipient=_person(wecom_userid="", user=user, channels=["email", "wechat_api"])))
    notify(_event())
    row = Notification.objects.get()
    assert (row.channel, row.target) == ("email", "wang@example.com")
    assert row.fallbacks == [{"channel": "wechat_api", "target": "wang"}]


# --- people -----------------------------------------------------------------------------------


def _at(monkeypatch: pytest.MonkeyPatch, moment: Any) -> None:
    """Let both clocks stand: that of the rows and that of the processes."""
    monkeypatch.setattr(timezone, "now", lambda: moment)
    monkeypatch.setattr(clock, "now", lambda: moment)


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> Any:
    """23:00 at the plant."""
    moment = timezone.localtime().replace(hour=23, minute=0, second=0, microsecond=0)
    _at(monkeypatch, moment)
    return moment


def test_quiet_hours_put_a_message_off_until_they_end_and_lose_nothing(
    night: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted = ScriptedChannel(code="wechat_api")
    monkeypatch.setitem(base._REGISTRY, "wechat_api", lambda: scripted)
    _route(RouteStep(recipient=_person(quiet_from=time(22), quiet_until=time(7))))
    notify(_event(priority=3))
    row = Notification.objects.get()
    morning = night + timedelta(hours=8)
    assert (row.status, row.reason, row.next_at) == (State.PENDING, Reason.QUIET, morning)
    assert row.due_at > morning
    deliver_due()
    assert scripted.delivered == []
    _at(monkeypatch, morning)
    deliver_due()
    assert [target for target, _payload in scripted.delivered] == ["lin.qc"]


def test_the_urgent_break_through(night: Any) -> None:
    _route(RouteStep(recipient=_person(quiet_from=time(22), quiet_until=time(7))))
    notify(_event(priority=1))
    row = Notification.objects.get()
    assert (row.next_at, row.reason == Reason.QUIET) == (night, False)


def test_who_does_not_want_an_event_is_kept_as_not_told(channel: ScriptedChannel) -> None:
    _route(RouteStep(recipient=_person(muted=["energy.*"])), ("wechat_bot", "HALL"))
    ids = notify(_event())
    spared = get_notification_status(ids[0])
    assert (spared["status"], spared["reason"], spared["error_message"]) == (
        State.SUPPRESSED,
        Reason.MUTED,
        "林工",
    )
    assert _ways()[1] == ("wechat_bot", "HALL")


def test_mentions_stand_where_the_template_says_so_else_in_the_last_line(channel: ScriptedChannel) -> None:
    _route(RouteStep(channel="wechat_bot", target="HALL", mentions="lin.qc，wang"))
    notify(_event(template="meeting_reminder", variables=MEETING))
    assert Notification.objects.latest("pk").content.endswith("二楼\n<@lin.qc> <@wang>")
    NotificationTemplate.objects.filter(template_name="meeting_reminder").update(
        content_template="{mention} {meeting_title}"
    )
    notify(_event(template="meeting_reminder", variables=MEETING))
    assert Notification.objects.latest("pk").content == "<@lin.qc> <@wang> 周会"
    notify(_event())
    assert Notification.objects.latest("pk").content == "用了九成\n<@lin.qc> <@wang>"


def test_a_template_that_can_mention_needs_nobody_to_mention(channel: ScriptedChannel) -> None:
    NotificationTemplate.objects.filter(template_name="meeting_reminder").update(
        content_template="{meeting_title}{mention}"
    )
    notify(_event(template="meeting_reminder", variables=MEETING))
    assert Notification.objects.get().content == "周会"


def test_a_template_may_mention_without_declaring_it() -> None:
    template = NotificationTemplate(template_name="t", title_template="x", content_template="{mention}")
    assert templates.problems(template) == {}
    template.content_template = "{mentoin}"
    assert "content_template" in templates.problems(template)


def test_each_person_reads_their_own_language_and_a_group_the_plants(channel: ScriptedChannel) -> None:
    user = builders.person()
    Profile.objects.create(user=user, wecom_userid="by.profile", language="en")
    _route(
        ("wechat_bot", "HALL"),
        RouteStep(recipient=_person(wecom_userid="by.row", language="en")),
        RouteStep(recipient=_person(wecom_userid="", user=user)),
        RouteStep(recipient=_person(wecom_userid="plain")),
    )
    notify(_event(template="meeting_reminder", variables=MEETING))
    languages = dict(Notification.objects.values_list("target", "template_language"))
    assert languages == {"HALL": "zh-hans", "by.row": "en", "by.profile": "en", "plain": "zh-hans"}
    texts = dict(Notification.objects.values_list("target", "title"))
    assert texts["by.row"] == texts["by.profile"] != texts["HALL"] == texts["plain"]


def test_a_resend_takes_the_way_and_the_reserves_of_its_message(channel: ScriptedChannel) -> None:
    _route(
        RouteStep(channel="wechat_bot", target="HALL", mentions="lin"),
        RouteStep(channel="email", target="a@example.com", is_reserve=True),
    )
    notify(_event(template="production_alert", variables={"project_name": "线"}))
    dead = Notification.objects.get()
    assert dead.status == State.DEAD
    NotificationTemplate.objects.filter(template_name="production_alert").update(
        content_template="{project_name}"
    )
    again = resend(dead, user=builders.person())
    assert (again.status, again.channel, again.target) == (State.PENDING, "wechat_bot", "HALL")
    assert again.content == "线\n<@lin>"
    assert again.fallbacks == dead.fallbacks == [{"channel": "email", "target": "a@example.com"}]


# --- how often, when ------------------------------------------------------------------------


def test_a_key_makes_one_set_of_messages_and_counts_the_others(channel: ScriptedChannel) -> None:
    _route(("wechat_bot", "HALL"), ("wechat_bot", "IQC"))
    first = notify(_event(dedupe_key="k"))
    assert len(first) == 2
    assert [notify(_event(dedupe_key="k")) for _twice in range(2)] == [first, first]
    assert list(Notification.objects.order_by("pk").values_list("repeats", flat=True)) == [2, 0]
    assert get_notification_status(first[0])["repeats"] == 2


def test_all_rows_of_an_event_stand_or_fall_with_its_transaction(channel: ScriptedChannel) -> None:
    _route(("wechat_bot", "HALL"), ("wechat_bot", "IQC"))
    with pytest.raises(RuntimeError), transaction.atomic():
        notify(_event())
        raise RuntimeError
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "no_event"),
        ({"severity": "grave"}, "bad_severity"),
        ({"priority": 6}, "bad_priority"),
        ({"title": "", "content": " "}, "no_content"),
        ({"template": "nothing"}, "no_template"),
    ],
)
def test_a_wrong_event_is_refused_in_words(
    channel: ScriptedChannel, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(AppError) as caught:
        notify(_event(**change))
    assert caught.value.code == code
    assert not Notification.objects.exists()


def test_a_broken_template_makes_one_dead_letter_per_recipient(channel: ScriptedChannel) -> None:
    _route(("wechat_bot", "HALL"), ("wechat_bot", "IQC"))
    notify(_event(template="meeting_reminder", variables={"meeting_title": "周会"}))
    rows = Notification.objects.all()
    assert [(row.status, row.reason) for row in rows] == [(State.DEAD, Reason.BAD_TEMPLATE)] * 2
    assert rows[0].variables == {"meeting_title": "周会"}


def test_what_has_expired_before_it_is_written_is_kept_as_expired(channel: ScriptedChannel) -> None:
    now = timezone.now()
    ids = notify(_event(expires_at=now - timedelta(seconds=1)))
    assert get_notification_status(ids[0])["reason"] == Reason.EXPIRED
    ids = notify(_event(expires_at=now + timedelta(hours=1), not_before=now + timedelta(minutes=5)))
    row = Notification.objects.get(message_id=ids[0])
    assert (row.status, row.next_at, row.expires_at) == (
        State.PENDING,
        now + timedelta(minutes=5),
        now + timedelta(hours=1),
    )


# --- what it costs ----------------------------------------------------------------------------


def _queries(call: Any) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured if "SAVEPOINT" not in query["sql"]]


def test_an_alarm_costs_two_look_ups_of_routes_and_an_insert_per_recipient(channel: ScriptedChannel) -> None:
    """Beside them, once per event: template, key; and once in a while settings, channels, content rules."""
    alarm = _event(template="meeting_reminder", variables=MEETING, dedupe_key="a", is_alarm=True)
    fresh = _queries(lambda: notify(alarm))
    assert len(fresh) == 7, fresh
    _route(("wechat_bot", "HALL"), ("wechat_bot", "IQC"), ("wechat_bot", "OQC"))
    for number in range(20):
        _route(("wechat_bot", "NEVER"), name=f"r{number}", event="other.*")
    routed = _queries(lambda: notify(replace(alarm, dedupe_key="b")))
    assert len(routed) == 7 - 3 + 1 + 2, routed


# --- flooding ---------------------------------------------------------------------------------


@pytest.fixture
def limits() -> None:
    NotificationConfig.objects.create(config_key="most_per_source_minute", config_value="3")
    NotificationConfig.objects.create(config_key="most_per_target_minute", config_value="5")


def _send(number: int, **fields: Any) -> str:
    return send_notification(f"第{number}条", "内容", **({"channel": "wechat_bot", "target": "IQC"} | fields))


@pytest.mark.usefixtures("limits")
def test_the_excess_of_a_source_is_kept_as_withheld_and_the_sender_is_told(channel: ScriptedChannel) -> None:
    ids = [_send(number, source="plc", target=f"T{number}") for number in range(5)]
    reasons = [get_notification_status(one)["reason"] for one in ids]
    assert reasons == ["", "", "", Reason.FLOODED, Reason.FLOODED]
    assert get_notification_status(_send(9, source="other"))["status"] == State.PENDING


@pytest.mark.usefixtures("limits")
def test_a_target_is_spared_whoever_sends(channel: ScriptedChannel) -> None:
    ids = [_send(number, source=f"s{number}") for number in range(7)]
    assert [get_notification_status(one)["reason"] for one in ids] == [""] * 5 + [Reason.FLOODED] * 2


@pytest.mark.usefixtures("limits")
def test_what_was_withheld_does_not_keep_the_door_shut(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = timezone.now()
    for second in (0, 30, 50):
        _at(monkeypatch, start + timedelta(seconds=second))
        for number in range(5):
            _send(number, source="plc", target=f"T{number}")
    assert Notification.objects.filter(reason=Reason.FLOODED).count() == 12
    _at(monkeypatch, start + timedelta(seconds=61))
    assert get_notification_status(_send(11, source="plc"))["status"] == State.PENDING


@pytest.mark.usefixtures("limits")
def test_an_urgent_alarm_is_never_withheld(channel: ScriptedChannel) -> None:
    for _each in range(8):
        notify(_event(source="quality", is_alarm=True, priority=1))
    assert not Notification.objects.filter(reason=Reason.FLOODED).exists()
    notify(_event(source="quality", is_alarm=True, priority=2))
    notify(_event(source="quality", priority=1))
    assert Notification.objects.filter(reason=Reason.FLOODED).count() == 2


def test_a_limit_of_zero_is_none(channel: ScriptedChannel) -> None:
    for key in ("most_per_source_minute", "most_per_target_minute"):
        NotificationConfig.objects.create(config_key=key, config_value="0")
    queries = _queries(lambda: _send(1, source="plc"))
    assert not any("flooded" in sql for sql in queries)


@pytest.mark.usefixtures("limits")
def test_each_target_is_told_once_how_much_was_withheld(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    _at(monkeypatch, minute)
    for number in range(8):
        _send(number, source="plc_<@all>")
    _at(monkeypatch, minute + timedelta(seconds=64))
    assert tell() == 0, "the minute has not settled"
    _at(monkeypatch, minute + timedelta(seconds=66))
    assert (tell(), tell()) == (1, 0)
    flood = Flood.objects.get()
    assert (flood.source, flood.target, flood.withheld) == ("plc_<@all>", "IQC", 5)
    summary = Notification.objects.get(event="notifications.flooded")
    assert summary.message_id == flood.told_by
    assert (summary.status, summary.target) == (State.PENDING, "IQC")
    assert "5 条" in summary.content
    assert "<@all>" not in summary.content


@pytest.mark.usefixtures("limits")
def test_a_flood_that_cannot_be_told_keeps_no_other_from_being_told(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    gone = Notification(channel="pager", target="X", status=State.SUPPRESSED, reason=Reason.FLOODED)
    gone.message_id, gone.next_at, gone.due_at = "gone", minute, minute
    gone.save()
    Notification.objects.filter(pk=gone.pk).update(created_at=minute)
    _at(monkeypatch, minute)
    for number in range(8):
        _send(number, source="plc")
    _at(monkeypatch, minute + timedelta(seconds=66))
    assert tell() == 1
    assert Flood.objects.exclude(told_by="").get().target == "IQC"
    assert Flood.objects.get(channel="pager").told_by == ""


@pytest.mark.usefixtures("limits")
def test_later_minutes_are_told_and_older_ones_are_not_told_again(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    minute = timezone.now().replace(second=0, microsecond=0)
    for later in range(3):
        _at(monkeypatch, minute + timedelta(minutes=2 * later))
        for number in range(4 + later):
            _send(number, source="plc")
        _at(monkeypatch, minute + timedelta(minutes=2 * later, seconds=70))
        tell()
    assert sorted(Flood.objects.values_list("withheld", flat=True)) == [1, 2, 3]
    assert Notification.objects.filter(event="notifications.flooded").count() == 3


def test_the_firing_of_the_rule_is_a_trouble_that_the_operator_sees(channel: ScriptedChannel) -> None:
    Flood.objects.create(
        source="plc", channel="wechat_bot", target="IQC", minute=timezone.now(), withheld=8000
    )
    monitoring.watch()
    trouble = Trouble.objects.get(key="flooding:plc")
    assert "plc" in trouble.title
    assert "8000" in trouble.value


def test_the_cost_of_the_limits_does_not_grow_with_the_log() -> None:
    """One index holds what each look needs, without the rows that were withheld."""
    since = timezone.now() - timedelta(seconds=60)
    for field in ("source", "target"):
        recent = Notification.objects.filter(**{field: "x", "created_at__gt": since})
        plan = (
            recent.exclude(reason=Reason.FLOODED).order_by("-created_at").values_list("created_at").explain()
        )
        if connection.vendor == "sqlite":
            assert f"COVERING INDEX notifications_{field}_window" in plan, plan
            assert "TEMP B-TREE" not in plan, plan


def test_ten_thousand_from_one_source_are_each_kept_or_sent_and_told_once(
    channel: ScriptedChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scaled to a hundredth; the cost of one is the same at any number."""
    for key in ("most_per_source_minute", "most_per_target_minute"):
        NotificationConfig.objects.create(config_key=key, config_value="20")
    minute = timezone.now().replace(second=0, microsecond=0)
    _at(monkeypatch, minute)
    costs = [len(_queries(lambda number=number: _send(number, source="loop"))) for number in range(100)]
    assert len(set(costs[:20])) == len(set(costs[20:])) == 1
    assert Notification.objects.filter(status=State.PENDING).count() == 20
    assert Notification.objects.filter(reason=Reason.FLOODED, payload="").count() == 80
    _at(monkeypatch, minute + timedelta(seconds=90))
    tell()
    assert "80 条" in Notification.objects.get(event="notifications.flooded").content
