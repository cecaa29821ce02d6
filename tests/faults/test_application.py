"""F17, F18, F25: the application's token, its unknown recipients, and a source that runs wild."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db.models import Sum

from notifications.choices import Reason, State
from notifications.models import Channel, Flood, Notification, NotificationConfig
from notifications.services import floods, send_notification
from tests.faults.drill import Drill
from tests.services import wait_until
from wecom.sandbox import SandboxServer
from wecom.sandbox.application import App

pytestmark = pytest.mark.django_db

APP = App("ww-drill", "drill-secret-of-the-application", 7)


def settings_for(server: SandboxServer) -> dict[str, Any]:
    return {
        "WECHAT_API_BASE_URL": server.base_url,
        "WECHAT_CORP_ID": APP.corp_id,
        "WECHAT_CORP_SECRET": APP.secret,
        "WECHAT_AGENT_ID": APP.agent_id,
    }


@pytest.fixture
def office(settings: Any) -> Iterator[SandboxServer]:
    """A WeCom with one application, which does not know `ghost`."""
    with SandboxServer(apps=[APP], unknown=["ghost"], history=1000) as server:
        for name, value in settings_for(server).items():
            setattr(settings, name, value)
        Channel.objects.update_or_create(
            code="wechat_api", defaults={"is_enabled": True, "rate_limit": 10_000}
        )
        yield server


@pytest.mark.django_db(transaction=True)
def test_f17_four_workers_with_an_expired_token_ask_for_one_new_one(
    office: SandboxServer, fire: Callable[..., Drill]
) -> None:
    drill = fire()
    path = drill.directory / "settings.json"
    stored = json.loads(path.read_text(encoding="utf-8")) | settings_for(office)
    path.write_text(json.dumps(stored), encoding="utf-8")
    send_notification("演练", "正文", "wechat_api", "user1")
    drill.await_death(drill.start("--once"))  # does what is due by the hour, too: channels are checked
    before = office.counts["calls"]["token"]
    office.apps.expire_tokens()
    for number in range(2, 42):
        send_notification("演练", "正文", "wechat_api", f"user{number}")
    for _ in range(4):
        drill.start("--once")
    wait_until(
        lambda: not Notification.objects.exclude(status=State.SENT).exists(), seconds=30, what="all are sent"
    )
    assert office.counts["calls"]["token"] == before + 1
    shown = [row for row in office.messages if row.shown]
    assert len(shown) == 41
    assert not any(row.is_double for row in shown)
    assert set(Notification.objects.values_list("retry_count", "possible_duplicate")) == {(0, False)}


def test_f18_a_recipient_who_does_not_exist_is_named_and_the_others_are_not_sent_to_again(
    office: SandboxServer, drill: Drill
) -> None:
    message_id = send_notification("演练", "正文", "wechat_api", "lin|ghost")
    drill.deliver_all()
    row = Notification.objects.get(message_id=message_id)
    assert row.status == State.SENT
    assert [str(name).removeprefix("user:") for name in row.missed] == ["ghost"]
    drill.leap(7200)
    drill.deliver_all()
    assert sum(record.shown for record in office.messages) == 1


def test_f25_a_source_that_runs_wild_is_held_back_counted_and_told(drill: Drill) -> None:
    NotificationConfig.objects.create(config_key="most_per_source_minute", config_value="30")
    for _ in range(100):
        send_notification("演练", "一次又一次", "wechat_bot", "G001", 3, source="runaway")
    other = send_notification("演练", "别人的", "wechat_bot", "G001", 3, source="calm")
    rows = Notification.objects.filter(source="runaway")
    withheld = rows.filter(status=State.SUPPRESSED, reason=Reason.FLOODED)
    assert (rows.count(), withheld.count()) == (100, 70)
    assert Notification.objects.get(message_id=other).status == State.PENDING
    drill.deliver_all()
    assert drill.most_in_a_minute() <= 20
    drill.leap(120)
    assert floods.tell() >= 1
    drill.deliver_all()
    assert Flood.objects.aggregate(all=Sum("withheld"))["all"] == 70
    told = Notification.objects.filter(target="G001", status__in=[State.SENT, State.MERGED]).exclude(
        source__in=["runaway", "calm"]
    )
    assert told.filter(is_digest=False).exists()  # whoever they were meant for reads how many there were
