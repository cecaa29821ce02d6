"""A channel whose answers the test gives, in the place of WeCom's robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from notifications.channels import NotConfigured, Result, base
from notifications.policy import Decision


@dataclass
class ScriptedChannel:
    """Answers with the given results in turn, then with success; remembers what it was given."""

    code: str = "wechat_bot"
    answers: list[Result | Callable[[], Result]] = field(default_factory=list)
    delivered: list[tuple[str, str]] = field(default_factory=list)
    is_configured: bool = True

    def compose(self, title: str, content: str) -> list[str]:
        return content.split("\f")

    def budget(self, target: str) -> str:
        if not self.is_configured:
            raise NotConfigured("没有 key")
        return f"test:{target}"

    def deliver(self, payload: str, target: str, *, timeout_s: float) -> Result:
        self.delivered.append((target, payload))
        if not self.answers:
            return Result(Decision.SENT)
        answer = self.answers.pop(0)
        return answer() if callable(answer) else answer

    def check(self) -> dict[str, str]:
        return {}


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedChannel]:
    scripted = ScriptedChannel()
    monkeypatch.setitem(base._REGISTRY, "wechat_bot", lambda: scripted)
    yield scripted
