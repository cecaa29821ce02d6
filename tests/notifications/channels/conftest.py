"""A WeCom on this machine, with two robots in one group and one application."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications.models import Notification, Robot
from notifications.services import deliver_due
from spc_site import clock as spc_clock
from wecom.sandbox import SandboxServer
from wecom.sandbox.application import App

KEYS = {"robot-key-iqc-0001": "IQC", "robot-key-iqc-0002": "IQC", "robot-key-oqc-0003": "OQC"}
APP = App(corp_id="ww0000test", secret="application-secret-0001", agent_id=1000002)


class Time:
    """The time that the system and the sandbox go by."""

    def __init__(self) -> None:
        self.passed = timedelta(0)

    def __call__(self) -> float:
        return (timezone.now() + self.passed).timestamp()

    def advance(self, **step: float) -> None:
        self.passed += timedelta(**step)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(spc_clock, "now", lambda: timezone.now() + time.passed)
    return time


@pytest.fixture
def wecom(time: Time, settings: Any) -> Iterator[SandboxServer]:
    """The sandbox; the environment knows its application and the first robot of IQC."""
    with SandboxServer(
        keys=KEYS, apps=[APP], unknown=["ghost", "phantom", "party:9", "tag:9"], clock=time
    ) as server:
        settings.WEBHOOK_BASE_URL = server.webhook_base_url
        settings.WEBHOOK_KEYS = {"IQC": "robot-key-iqc-0001", "OQC": "", "ENERGY": ""}
        settings.WECHAT_BOT_WEBHOOK = ""
        settings.WECHAT_API_BASE_URL = server.base_url
        settings.WECHAT_CORP_ID = APP.corp_id
        settings.WECHAT_CORP_SECRET = APP.secret
        settings.WECHAT_AGENT_ID = APP.agent_id
        yield server


def robot(key: str, group: str = "IQC", **fields: Any) -> Robot:
    return Robot.objects.create(group=group, key=key, **fields)


def rows(message_id: str) -> list[Notification]:
    """Return all parts of a message, in order."""
    first = Notification.objects.get(message_id=message_id)
    return list(Notification.objects.filter(correlation_id=first.correlation_id).order_by("part_no"))


def deliver(message_id: str) -> list[tuple[str, str]]:
    """Send what is due; return state and reason of each part."""
    deliver_due()
    return [(row.status, row.reason) for row in rows(message_id)]
