"""The pages of alarms: the list by tabs, one alarm, and the acts that are posted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alarms import selectors, services
from alarms.models import Alarm, AlarmStatus
from tests import builders

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner looks at processes that no test here starts, and counts as queries when it does."""
    monkeypatch.setattr("spc_site.pages.context.system_banner", lambda: "")


@pytest.fixture
def engineer() -> User:
    return builders.person("质量工程师", username="engineer", first_name="李工")


@pytest.fixture
def client(engineer: User) -> Client:
    client = Client()
    client.force_login(engineer)
    return client


def _alarm(key: str = "k1", **fields: Any) -> Alarm:
    request = services.AlarmRequest(
        key=key,
        source="quality.IQC",
        title=f"活塞环 内径 {key}",
        description="供应商甲 · B1\nCPK 0.97 低于下限 1.33",
        **fields,
    )
    return services.raise_alarm(request).alarm


def _act(client: Client, alarm: Alarm, act: str, **data: str) -> str:
    answer = client.post(f"/alarms/{alarm.pk}/{act}", data, follow=True)
    alarm.refresh_from_db()
    return answer.content.decode()


# --- the list ---


def test_each_tab_shows_its_alarms_and_their_number(client: Client, engineer: User) -> None:
    _alarm("neu")
    services.acknowledge(_alarm("mein"), user=engineer)
    done = services.explain(_alarm("zu"), user=engineer, cause="x", action="")
    services.resolve(done, user=engineer)

    def titles(which: str) -> list[str]:
        page = client.get(f"/alarms/?which={which}")
        return [alarm.key for alarm in page.context["page"].object_list]

    assert titles("open") == ["neu", "mein"]
    assert titles("active") == ["neu"]
    assert titles("mine") == ["mein"]
    assert titles("resolved") == ["zu"]
    assert titles("nonsense") == ["neu", "mein"]
    counts = selectors.counts(engineer)
    assert (counts.open, counts.active, counts.mine, counts.resolved) == (2, 1, 1, 1)


def test_a_search_looks_in_title_and_description(client: Client) -> None:
    _alarm("one")
    assert "活塞环 内径 one" in client.get("/alarms/?q=供应商甲").content.decode()
    assert "没有找到符合的报警" in client.get("/alarms/?q=供应商乙").content.decode()


def test_an_alarm_in_the_list_leads_to_what_it_speaks_of(client: Client) -> None:
    _alarm(link="/IQC/12/345")
    page = client.get("/alarms/").content.decode()
    assert 'href="/IQC/12/345"' in page and "供应商甲 · B1" in page and "未受理" in page


def test_the_list_costs_the_same_for_one_alarm_and_for_many(client: Client, engineer: User) -> None:
    def cost() -> int:
        client.get("/alarms/")
        with CaptureQueriesContext(connection) as queries:
            client.get("/alarms/")
        return len(queries)

    services.acknowledge(_alarm("k0"), user=engineer)
    one = cost()
    for number in range(1, 6):
        services.acknowledge(_alarm(f"k{number}"), user=engineer)
    assert cost() == one


# --- one alarm ---


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_alarm_shows_its_story(client: Client, engineer: User, slash: str) -> None:
    alarm = services.acknowledge(_alarm(value="0.97", threshold="1.33", link="/IQC/1/2"), user=engineer)
    services.explain(alarm, user=engineer, cause="刀具磨损", action="换刀")
    page = client.get(f"/alarms/{alarm.pk}{slash}").content.decode()
    for words in (
        "活塞环 内径 k1",
        "0.97",
        "1.33",
        "CPK 0.97 低于下限 1.33",
        "李工",
        "刀具磨损",
        "换刀",
        "/IQC/1/2",
    ):
        assert words in page
    assert client.get("/alarms/999").status_code == 404


# --- acts ---


def test_acknowledging_makes_the_person_owner_and_says_so(client: Client, engineer: User) -> None:
    alarm = _alarm()
    assert "已受理。" in _act(client, alarm, "acknowledge")
    assert (alarm.status, alarm.owner) == (AlarmStatus.ACKNOWLEDGED, engineer)


def test_acknowledging_twice_is_refused_in_words(client: Client) -> None:
    alarm = _alarm()
    _act(client, alarm, "acknowledge")
    assert "此报警已经有人受理" in _act(client, alarm, "acknowledge")


def test_cause_and_action_are_stored_and_with_the_second_button_the_alarm_is_closed(client: Client) -> None:
    alarm = _alarm()
    _act(client, alarm, "explain", cause="刀具磨损", action="换刀")
    assert (alarm.cause, alarm.action, alarm.is_open) == ("刀具磨损", "换刀", True)
    page = _act(client, alarm, "explain", cause="刀具磨损", action="换刀", resolve="1")
    assert "报警已关闭" in page
    assert alarm.status == AlarmStatus.RESOLVED


def test_a_cause_is_needed_to_close(client: Client) -> None:
    alarm = _alarm()
    assert "请填写原因" in _act(client, alarm, "explain", cause=" ")
    assert "先填写原因" in _act(client, alarm, "resolve")
    _act(client, alarm, "explain", cause="x")
    assert "报警已关闭" in _act(client, alarm, "resolve", note="复测合格")
    assert alarm.events.last().note == "复测合格"


def test_an_alarm_is_assigned_to_somebody_who_may_work_on_it(client: Client) -> None:
    alarm, colleague, outsider = _alarm(), builders.person("质检员"), builders.person("合同管理员")
    _act(client, alarm, "assign", owner=str(colleague.pk))
    assert alarm.owner == colleague
    for nobody in (str(outsider.pk), "", "x"):
        assert "请选择负责人" in _act(client, alarm, "assign", owner=nobody)
    assert alarm.owner == colleague


def test_after_an_act_one_is_back_where_one_was_and_never_off_the_site(client: Client) -> None:
    alarm = _alarm()
    to = client.post(f"/alarms/{alarm.pk}/acknowledge", {"next": "/IQC/1/2"})
    assert to["Location"] == "/IQC/1/2"
    to = client.post(f"/alarms/{alarm.pk}/explain", {"next": "https://evil.example/", "cause": "x"})
    assert to["Location"] == alarm.get_absolute_url()


@pytest.mark.parametrize("act", ["acknowledge", "explain", "assign", "resolve"])
def test_acts_are_posted_by_people_who_may(client: Client, act: str) -> None:
    alarm = _alarm()
    assert client.get(f"/alarms/{alarm.pk}/{act}").status_code == 405
    assert client.post(f"/alarms/999/{act}", {"owner": "1"}).status_code in (302, 404)
    outsider = Client()
    outsider.force_login(builders.person("合同管理员"))
    assert outsider.post(f"/alarms/{alarm.pk}/{act}").status_code == 403
    assert outsider.get("/alarms/").status_code == 403
    alarm.refresh_from_db()
    assert alarm.status == AlarmStatus.ACTIVE


# --- what the dashboard reads ---


def test_the_mean_time_to_acknowledge_counts_the_alarms_of_the_period(
    engineer: User, django_assert_num_queries: Any
) -> None:
    now = timezone.now()

    def answered(key: str, age: timedelta, after: timedelta) -> None:
        alarm = services.raise_alarm(
            services.AlarmRequest(key=key, source="s", title="t"), at=now - age
        ).alarm
        services.acknowledge(alarm, user=engineer, at=now - age + after)

    answered("a", timedelta(days=1), timedelta(minutes=4))
    answered("b", timedelta(days=2), timedelta(minutes=8))
    answered("old", timedelta(days=30), timedelta(days=3))
    waiting = services.raise_alarm(
        services.AlarmRequest(key="w", source="s", title="t"), at=now - timedelta(hours=5)
    ).alarm
    engineer.get_all_permissions()
    with django_assert_num_queries(1):
        response = selectors.response(engineer)
    assert response.mean_to_acknowledge == timedelta(minutes=6)
    assert (response.acknowledged_count, response.active_count, response.open_count) == (2, 1, 4)
    assert response.oldest_active_at == waiting.triggered_at


def test_without_any_alarm_there_is_no_mean(engineer: User) -> None:
    response = selectors.response(engineer)
    assert (response.mean_to_acknowledge, response.oldest_active_at, response.open_count) == (None, None, 0)


def test_who_may_not_see_alarms_counts_none() -> None:
    _alarm()
    outsider = builders.person("合同管理员")
    assert selectors.active_count(outsider) == 0
    assert selectors.latest_about(outsider, "x") is None


def test_the_open_alarm_about_a_thing_comes_before_its_closed_ones(engineer: User) -> None:
    closed = services.explain(_alarm(subject="quality.IQC.entry:1"), user=engineer, cause="x", action="")
    services.resolve(closed, user=engineer)
    again = _alarm(subject="quality.IQC.entry:1")
    _alarm("other", subject="quality.IQC.entry:2")
    assert selectors.latest_about(engineer, "quality.IQC.entry:1") == again
