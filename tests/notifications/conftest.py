"""A channel whose answers the test gives, in the place of WeCom's robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.test import Client
from django.utils import timezone

from notifications.channels import Credential, Driver, Form, NotConfigured, Result, base
from notifications.models import Channel
from notifications.policy import Decision
from spc_site import clock as clock_module
from tests import builders
from wecom import markdown


@dataclass
class ScriptedChannel(Driver):
    """Answers with the given results in turn, then with success; remembers what it was given."""

    code: str = "wechat_bot"  # type: ignore[misc]
    label: str = "群机器人"  # type: ignore[misc]
    answers: list[Result | Callable[[], Result]] = field(default_factory=list)
    delivered: list[tuple[str, str]] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    robots: int = 1
    is_configured: bool = True
    limit_bytes: int | None = None
    admits_after_s: float = 0.0
    limits_recipients: ClassVar[bool] = True

    def compose(self, title: str, content: str, target: str, form: Form, attachments: Any = ()) -> list[str]:
        """Part at form feeds, and where the test gives a limit, by bytes as WeCom's channels do."""
        if self.limit_bytes is None:
            return content.split("\f")
        return markdown.split(content, limit=self.limit_bytes)

    def credentials(self, target: str) -> list[Credential]:
        if not self.is_configured:
            raise NotConfigured("没有 key")
        names = [f"test:{target}", *(f"test:{target}:{number}" for number in range(2, self.robots + 1))]
        return [Credential(name) for name in names]

    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        self.delivered.append((target, payload))
        self.used.append(credential.name)
        if not self.answers:
            return Result(Decision.SENT)
        answer = self.answers.pop(0)
        return answer() if callable(answer) else answer

    def admit(self, target: str) -> float:
        return self.admits_after_s

    def check(self) -> dict[str, str]:
        return {}


class Clock:
    """The clock of delivery, which the test moves; calls add up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = timedelta(0)
        self._real = timezone.now
        self._patch = monkeypatch
        monkeypatch.setattr(clock_module, "now", lambda: self._real() + self.passed)

    def of_the_rows_too(self) -> None:
        """Let what is written have this time."""
        self._patch.setattr(timezone, "now", clock_module.now)

    def __call__(self, step: timedelta | float) -> None:
        self.passed += step if isinstance(step, timedelta) else timedelta(seconds=step)

    @property
    def now(self) -> datetime:
        return clock_module.now()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedChannel]:
    scripted = ScriptedChannel()
    monkeypatch.setitem(base._REGISTRY, "wechat_bot", lambda: scripted)
    yield scripted


@pytest.fixture
def reserve(db: None, monkeypatch: pytest.MonkeyPatch) -> ScriptedChannel:
    """A second channel, under the name of text messages, for further ways."""
    scripted = ScriptedChannel(code="sms", label="短信")
    monkeypatch.setitem(base._REGISTRY, "sms", lambda: scripted)
    Channel.objects.update_or_create(code="sms", defaults={"is_enabled": True, "rate_limit": 20})
    return scripted


@pytest.fixture
def keeper(client: Client) -> Client:
    """The notification administrator at work."""
    client.force_login(builders.person("通知管理员"))
    return client
