"""Alarms in the admin: taking on, closing with a cause, the timeline."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from alarms.models import Alarm, AlarmStatus, EscalationPolicy, SystemRule
from alarms.services import AlarmRequest, raise_alarm
from notifications.models import AuditEntry, Recipient
from tests import builders

pytestmark = pytest.mark.django_db

LIST = "admin:alarms_alarm_changelist"


@pytest.fixture
def engineer(client: Client) -> Client:
    client.force_login(builders.person("质量工程师", username="engineer"))
    return client


def _alarm(key: str = "k") -> Alarm:
    return raise_alarm(AlarmRequest(key=key, source="quality.IQC", title=f"内径 {key}")).alarm


def _act(client: Client, action: str, *alarms: Alarm, **fields: Any) -> Any:
    data = {"action": action, "index": "0", "_selected_action": [alarm.pk for alarm in alarms]} | fields
    return client.post(reverse(LIST), data, follow=True)


def test_who_takes_an_alarm_on_becomes_its_owner(engineer: Client) -> None:
    alarm = _alarm()
    page = _act(engineer, "acknowledge", alarm).text
    assert "已受理 1 条报警" in page
    alarm.refresh_from_db()
    assert alarm.status == AlarmStatus.ACKNOWLEDGED
    assert alarm.owner is not None
    assert alarm.owner.username == "engineer"
    assert "跳过 1 条" in _act(engineer, "acknowledge", alarm).text


def test_closing_asks_for_cause_and_measures(engineer: Client) -> None:
    alarm = _alarm()
    assert "将关闭 1 条报警" in _act(engineer, "resolve", alarm).text
    assert "请先填写原因" in _act(engineer, "resolve", alarm, confirmed="yes").text
    alarm.refresh_from_db()
    assert alarm.is_open
    page = _act(engineer, "resolve", alarm, confirmed="yes", cause="刀具磨损", measures="已换刀").text
    alarm.refresh_from_db()
    assert (alarm.status, alarm.cause, alarm.action) == (AlarmStatus.RESOLVED, "刀具磨损", "已换刀")
    assert "已关闭 1 条报警" in page


def test_the_page_shows_the_timeline_and_what_can_be_done_now(engineer: Client) -> None:
    alarm = _alarm()
    url = reverse("admin:alarms_alarm_change", args=[alarm.pk])
    page = engineer.get(url).text
    assert "action-acknowledge" in page
    assert "发生" in page
    _act(engineer, "acknowledge", alarm)
    page = engineer.get(url).text
    assert "action-acknowledge" not in page
    assert "action-resolve" in page
    _act(engineer, "resolve", alarm, confirmed="yes", cause="磨损")
    assert "action-resolve" not in engineer.get(url).text


def test_open_and_closed_alarms_are_told_apart(engineer: Client) -> None:
    _alarm("open")
    _act(engineer, "resolve", _alarm("closed"), confirmed="yes", cause="磨损")
    for standing, title in (("open", "内径 open"), ("closed", "内径 closed")):
        listed = engineer.get(reverse(LIST), {"standing": standing}).context["cl"].result_list
        assert [alarm.title for alarm in listed] == [title]


def test_a_clerk_sees_no_alarms(client: Client) -> None:
    client.force_login(builders.person("合同管理员"))
    alarm = _alarm()
    assert client.get(reverse(LIST)).status_code == 403
    assert _act(client, "acknowledge", alarm).status_code == 403
    alarm.refresh_from_db()
    assert alarm.status == AlarmStatus.ACTIVE


def test_the_first_page_says_how_many_wait(engineer: Client, client: Client) -> None:
    _alarm("a")
    _act(engineer, "acknowledge", _alarm("b"))
    page = engineer.get(reverse("admin:index"))
    tile = next(tile for tile in page.context["tiles"] if tile.label == "未关闭报警")
    assert (tile.value, tile.tone, tile.note) == (2, "red", "1 条未受理")
    client.force_login(builders.person("合同管理员"))
    assert all(tile.label != "未关闭报警" for tile in client.get(reverse("admin:index")).context["tiles"])


def test_a_policy_is_set_with_its_steps_and_every_change_is_told(client: Client) -> None:
    client.force_login(builders.person("质量经理"))
    lin = Recipient.objects.create(name="林工")
    form = {
        "name": "夜间",
        "is_active": "on",
        "repeats": "0",
        "repeat_minutes": "60",
        "breaks_at": "critical",
        "steps-TOTAL_FORMS": "1",
        "steps-INITIAL_FORMS": "0",
        "steps-0-after_minutes": "15",
        "steps-0-recipient": str(lin.pk),
    }
    url = reverse("admin:alarms_escalationpolicy_add")
    page = client.post(url, form | {"steps-0-channel": "wechat_bot", "steps-0-target": "IQC"}).text
    assert "四者取一" in page
    client.post(url, form)
    step = EscalationPolicy.objects.get(name="夜间").steps.get()
    assert (step.after_minutes, step.recipient) == (15, lin)
    told = AuditEntry.objects.values_list("kind", "verb")
    assert set(told) == {("alarms.EscalationPolicy", "added"), ("alarms.EscalationStep", "added")}


def test_a_threshold_of_the_system_is_changed_by_the_operator_and_its_measure_is_not(client: Client) -> None:
    client.force_login(builders.person("运维"))
    rule = SystemRule.objects.get(measure="disk")
    form = {
        "measure": "backlog",
        "is_active": "on",
        "severity": "critical",
        "limit": "95",
        "minimum_count": "0",
    }
    form |= {
        "hold_minutes": "1",
        "recover_minutes": "2",
        "due_hours": "8",
        "runbook": "https://wiki.example/",
    }
    client.post(reverse("admin:alarms_systemrule_change", args=[rule.pk]), form)
    rule.refresh_from_db()
    assert (rule.measure, rule.limit, rule.due_hours, rule.opens_order) == ("disk", 95, 8, False)
    assert client.get(reverse("admin:alarms_systemrule_add")).status_code == 403
