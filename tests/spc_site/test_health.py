"""Health for probes, for Prometheus and for the people who look at a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import DatabaseError
from django.test import Client

from accounts.services import issue_token
from notifications.models import Trouble
from spc_site import clock, health, jobs
from spc_site.models import WorkerBeat
from tests import builders
from tests.services import Redis

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _looks_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_kept", None)
    monkeypatch.setattr(jobs, "_doorbells", {})


def beat(role: str, queue: str = "", *, age_s: float = 0.0, **values: Any) -> WorkerBeat:
    then = clock.now() - timedelta(seconds=age_s)
    return WorkerBeat.objects.create(
        host="plant-1",
        pid=100 + WorkerBeat.objects.count(),
        role=role,
        queue=queue,
        started_at=then,
        beat_at=then,
        **values,
    )


def everybody_beats() -> None:
    beat("pump")
    for queue in jobs.QUEUES:
        beat("worker", queue)


def probe(client: Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/healthz")
    return answer.status_code, json.loads(answer.content)


def test_all_is_well_with_redis_and_a_worker_for_each_queue(client: Client, redis_server: Redis) -> None:
    everybody_beats()
    status, body = probe(client)
    assert (status, body["status"], body["mode"], body["redis"]) == (200, "ok", "workers", "ok")
    assert body["workers"] == dict.fromkeys(jobs.QUEUES, 1)
    assert body["version"] == health.version()
    assert health.system_banner() == ""


def test_without_redis_the_pump_alone_is_well_and_people_are_told(client: Client) -> None:
    beat("pump")
    status, body = probe(client)
    assert (status, body["mode"], body["redis"]) == (200, "inline", "none")
    assert "没有 Redis" in health.system_banner()


def test_dead_redis_is_no_fault_but_people_are_told(client: Client, redis_server: Redis) -> None:
    everybody_beats()
    redis_server.kill()
    status, body = probe(client)
    assert (status, body["mode"], body["redis"]) == (200, "inline", "unreachable")
    assert "Redis 或工作进程不可用" in health.system_banner()


def test_a_queue_without_a_living_worker_is_told(client: Client, redis_server: Redis) -> None:
    beat("pump")
    beat("worker", "judge")
    beat("worker", "slow")
    beat("worker", "notify", age_s=11)
    _status, body = probe(client)
    assert body["mode"] == "inline"
    assert body["workers"]["notify"] == 0
    assert "Redis 或工作进程不可用" in health.system_banner()


@pytest.mark.parametrize("age_s", [None, 31])
def test_a_missing_pump_is_a_fault(client: Client, age_s: float | None) -> None:
    if age_s is not None:
        beat("pump", age_s=age_s)
    status, body = probe(client)
    assert (status, body["faults"]) == (503, ["pump"])
    assert "后台处理没有运行" in health.system_banner()


def test_a_pump_that_missed_a_few_beats_is_not_missing(client: Client) -> None:
    beat("pump", age_s=25)
    assert probe(client)[0] == 200


def test_what_has_waited_too_long_is_a_fault(client: Client) -> None:
    beat("pump")
    since: list[datetime] = [clock.now() - timedelta(minutes=4)]
    jobs.doorbell(name="tests.old", queue="slow", is_due=lambda: True, oldest_due=lambda: since[0])(lambda: 0)
    assert probe(client)[0] == 200
    since[0] = clock.now() - timedelta(minutes=7, seconds=5)
    status, body = probe(client)
    assert (status, body["faults"]) == (503, ["backlog"])
    assert 420 <= body["oldest_due_s"] < 500
    assert "7" in health.system_banner()


def test_an_unreachable_database_is_a_fault_and_no_error(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> Iterator[None]:
        raise DatabaseError("planted")

    monkeypatch.setattr(health.clock, "now", away)
    status, body = probe(client)
    assert (status, body["faults"], body["database"]) == (503, ["database"], "unreachable")


def test_what_was_seen_is_kept_for_a_moment(django_assert_num_queries: Any) -> None:
    beat("pump")
    first = health.system_banner()
    with django_assert_num_queries(0):
        assert health.system_banner() == first


def test_a_page_shows_the_banner_to_whoever_is_signed_in(client: Client) -> None:
    client.force_login(User.objects.create_superuser("boss"))
    assert "后台处理没有运行" in client.get("/").content.decode()


# --- /metrics ---------------------------------------------------------------------------------


def scrape(client: Client, user: User) -> Any:
    _token, raw = issue_token(user, name="prometheus")
    return client.get("/metrics", headers={"authorization": f"Bearer {raw}"})


@pytest.fixture
def operator() -> User:
    user = User.objects.create_user("operator")
    user.user_permissions.add(Permission.objects.get(codename="view_workerbeat"))
    return user


def test_metrics_need_a_token(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_browser_session_is_no_token(client: Client, operator: User) -> None:
    client.force_login(operator)
    assert client.get("/metrics").status_code == 401


def test_metrics_need_the_permission(client: Client) -> None:
    assert scrape(client, User.objects.create_user("nobody")).status_code == 403


def test_metrics_tell_what_each_process_counted(client: Client, operator: User) -> None:
    beat("pump")
    beat("worker", "judge", handled=7, failures=2, ring_failures=1)
    beat("worker", "judge", age_s=60, handled=99)  # gone
    jobs.doorbell(name="tests.due", queue="slow", is_due=lambda: True)(lambda: 0)
    text = scrape(client, operator).content.decode()
    assert 'qbo_handled_total{host="plant-1",pid="101",queue="judge",role="worker"} 7.0' in text
    assert 'qbo_drain_failures_total{host="plant-1",pid="101",queue="judge",role="worker"} 2.0' in text
    assert "99.0" not in text
    assert 'qbo_workers{queue="judge"} 1.0' in text
    assert 'qbo_due{bell="tests.due"} 1.0' in text
    assert "qbo_up 1.0" in text
    assert f'qbo_build_info{{version="{health.version()}"}} 1.0' in text


# --- messages that nobody can be told about -----------------------------------------------------


def test_trouble_that_no_message_can_tell_stands_on_every_page_and_in_the_probe(client: Client) -> None:
    beat("pump")
    Trouble.objects.create(
        key="failing:wechat_bot",
        severity="critical",
        title="机器人连续发送失败",
        seen_at=clock.now(),
        told_at=clock.now(),
        is_unheard=True,
    )
    status, body = probe(client)
    assert (status, body["unheard_troubles"]) == (200, ["机器人连续发送失败"])
    assert "机器人连续发送失败" in health.system_banner()
    assert "照常" in health.system_banner()
    client.force_login(builders.superuser())
    assert "机器人连续发送失败" in client.get("/admin/").text
    assert "机器人连续发送失败" in client.get("/").text


def test_trouble_that_was_told_stays_off_the_pages(client: Client) -> None:
    beat("pump")
    Trouble.objects.create(
        key="k", severity="critical", title="已告知", seen_at=clock.now(), told_at=clock.now()
    )
    assert "已告知" not in health.system_banner()
    assert probe(client)[1]["unheard_troubles"] == []


def test_workers_silent_for_half_a_minute_are_named_with_what_still_works(
    redis_server: Redis,
) -> None:
    beat("pump")
    beat("worker", "judge")
    beat("worker", "slow")
    beat("worker", "notify", age_s=20)
    assert "没有心跳" not in health.system_banner()
    WorkerBeat.objects.filter(queue="notify").update(beat_at=clock.now() - timedelta(seconds=40))
    health._kept = None
    banner = health.system_banner()
    assert "notify" in banner
    assert "没有心跳" in banner
    assert "judge" not in banner
    assert "照常" in banner
    beat("worker", "notify")
    health._kept = None
    assert health.system_banner() == ""


def test_what_still_works_is_said_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    beat("pump", age_s=60)
    assert "照常" in health.system_banner()
    WorkerBeat.objects.update(beat_at=clock.now())
    stuck = jobs.Doorbell(
        "x", "slow", lambda: True, lambda: 0, 60, lambda: clock.now() - timedelta(minutes=7, seconds=5)
    )
    monkeypatch.setattr(jobs, "_doorbells", {"x": stuck})
    health._kept = None
    assert "7 分钟" in health.system_banner()
    assert "照常" in health.system_banner()
