"""People see how the hooks are: an alarm and a message, the health page, the banner, the admin."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alarms import services
from alarms.models import Alarm
from hooks.models import EventState, HookEvent, HookPoint, Outcome
from hooks.runner import Result
from hooks.services import running
from notifications.models import Notification
from spc_site import health
from tests import builders
from tests.hooks.conftest import Customer
from tests.hooks.payloads import alarm

pytestmark = pytest.mark.django_db


def fail(times: int) -> None:
    for _time in range(times):
        failed = Result(outcome=Outcome.RAISED, error="LookupError: no such valve")
        running.record(failed, point="on_quota_exceeded", event=None, began=timezone.now())


def test_a_pause_is_one_alarm_and_one_message_and_ends_with_the_next_success() -> None:
    fail(4)
    assert not Alarm.objects.exists()
    fail(3)
    raised = Alarm.objects.get()
    assert raised.title == "扩展点暂停: on_quota_exceeded"
    message = Notification.objects.get(subject="hooks.point:on_quota_exceeded")
    assert (message.target, message.title) == ("OPS", "扩展点暂停: on_quota_exceeded")
    assert "连续出错 5 次" in message.content
    assert "LookupError: no such valve" in message.content
    point = HookPoint.objects.get()
    assert f"/admin/hooks/hookpoint/{point.pk}/change/" in message.content

    running.record(Result(outcome=Outcome.OK), point="on_quota_exceeded", event=None, began=timezone.now())
    raised.refresh_from_db()
    assert raised.status == "resolved"


def test_the_alarm_of_a_package_that_was_taken_away_closes_by_itself_and_of_a_failing_one_does_not() -> None:
    fail(5)
    raised = Alarm.objects.get()
    assert Alarm.objects.update(last_seen_at=timezone.now() - timedelta(days=8)) == 1
    fail(1)  # the pause after the pause
    assert services.close_quiet() == 0
    raised.refresh_from_db()
    assert (raised.occurrences, raised.value, raised.status) == (1, "6", "active")
    assert Notification.objects.count() == 1

    assert services.close_quiet(at=timezone.now() + timedelta(days=8)) == 1
    raised.refresh_from_db()
    assert raised.resolution == "quiet"
    fail(1)
    assert Alarm.objects.open().count() == 1, "failing again, it is raised again"


def test_who_may_not_be_told_changes_nothing_for_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_point: HookPoint) -> None:
        raise RuntimeError("no alarm today")

    monkeypatch.setattr("alarms.hook_trouble.raise_for", broken)
    fail(5)
    assert HookPoint.objects.get().is_paused(timezone.now())


def test_health_and_every_page_say_what_is_wrong(
    customer: Customer, client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def seen() -> tuple[str, str]:
        monkeypatch.setattr(health, "_kept", None)
        return json.loads(Client().get("/healthz").content)["hooks"], client.get("/admin/").text

    monkeypatch.setattr(health, "_kept", None)
    from spc_site.models import WorkerBeat

    now = timezone.now()
    WorkerBeat.objects.create(host="h", pid=1, role="pump", started_at=now, beat_at=now)
    client.force_login(builders.superuser())
    settings.CUSTOMER = ""
    assert seen()[0] == "none"
    customer("def on_quota_exceeded(self): pass")
    assert seen()[0] == "ok"
    fail(5)
    word, page = seen()
    assert word == "paused"
    assert "客户扩展连续出错，已暂停：on_quota_exceeded" in page
    customer("import nothing_of_this_name", head="")
    word, page = seen()
    assert word == "unusable"
    assert "客户扩展 plant_a 无法加载" in page
    assert "nothing_of_this_name" in page


def test_a_paused_point_goes_on_by_hand_for_who_may(client: Client) -> None:
    fail(5)
    point = HookPoint.objects.get()
    post = {"action": "resume", "_selected_action": [point.pk]}
    viewer = builders.person()
    viewer.user_permissions.set(builders.permissions("view_hookpoint", "change_hookpoint"))
    client.force_login(viewer)
    client.post("/admin/hooks/hookpoint/", post)
    assert HookPoint.objects.get().paused_until is not None

    client.force_login(builders.person("运维"))
    assert "已暂停" in client.get("/admin/hooks/hookpoint/").text
    answer = client.post("/admin/hooks/hookpoint/", post, follow=True)
    assert "已恢复 1 个扩展点" in answer.text
    assert HookPoint.objects.get().paused_until is None
    assert Alarm.objects.get().status == "resolved"


def test_a_failed_event_is_run_again_from_the_admin(client: Client) -> None:
    now = timezone.now() - timedelta(days=1)
    fields: dict[str, Any] = {"point": "on_alarm_created", "occurred_at": now, "next_at": now}
    payload = json.dumps(alarm(triggered_at=now.isoformat()))
    failed = HookEvent.objects.create(event_id="e", payload_text=payload, state=EventState.FAILED, **fields)
    waits = HookEvent.objects.create(event_id="w", payload_text=payload, **fields)
    client.force_login(builders.person("运维"))
    page = client.get(f"/admin/hooks/hookevent/{failed.pk}/change/").text
    assert "配额预警: 一号车间用电" in page
    post = {"action": "retry", "_selected_action": [failed.pk, waits.pk]}
    answer = client.post("/admin/hooks/hookevent/", post, follow=True)
    assert "已安排重新执行 1 个事件" in answer.text
    assert "跳过 1 条" in answer.text
    failed.refresh_from_db()
    assert failed.state == EventState.PENDING


def test_the_first_page_of_the_admin_says_what_the_hooks_need(customer: Customer, client: Client) -> None:
    def tile() -> Any:
        found = client.get("/admin/").context["tiles"]
        return next((one for one in found if "扩展失败" in one.label), None)

    client.force_login(builders.person("运维"))
    assert tile() is None  # without a customer
    customer("def on_quota_exceeded(self, name): ...")
    assert (tile().value, tile().tone, tile().note) == (0, "green", "全部正常")
    fail(5)
    assert (tile().tone, tile().note) == ("amber", "1 个已暂停")
    HookPoint.objects.update(paused_until=None)
    now = timezone.now()
    fields: dict[str, Any] = {"point": "on_alarm_created", "occurred_at": now, "next_at": now}
    for name, ended in (("new", now), ("old", now - timedelta(days=2))):
        HookEvent.objects.create(
            event_id=name, payload_text="{}", state=EventState.FAILED, finished_at=ended, **fields
        )
    assert (tile().value, tile().tone) == (1, "red")
    assert "state__exact=failed" in tile().url
    assert client.get(tile().url).context["cl"].result_count == 2

    point = HookPoint.objects.get()
    assert "周期用量超过配额本身" in client.get(f"/admin/hooks/hookpoint/{point.pk}/change/").text
    customer("def nothing_of_this_name(self): ...", head="import nowhere_to_be_found\n")
    assert (tile().tone, tile().note) == ("red", "扩展无法加载")
    client.force_login(builders.person())
    assert tile() is None
