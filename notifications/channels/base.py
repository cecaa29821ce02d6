"""What a channel is, and the registry in which channels are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from notifications.choices import Overflow, Style
from notifications.policy import Decision


@dataclass(frozen=True, slots=True)
class Result:
    """One try: what it means, and what the other side said.

    `receipt` is the other side's number of the message, `missed` the recipients that it named as
    not reached, `wait_s` the rest that it asked for.
    """

    decision: Decision
    explanation: str = ""
    http_status: int | None = None
    errcode: int | None = None
    answer: str = ""
    reason: str = ""
    receipt: str = ""
    missed: tuple[str, ...] = ()
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing to send with: a robot of a group, an application, a mail account.

    `name` is the name of its budget, made from a digest and never from the secret itself;
    `label` is for people.
    """

    name: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How the plant wants the messages of a channel: its switches from the `Channel` row."""

    style: str = Style.MARKDOWN
    overflow: str = Overflow.SPLIT


class NotConfigured(LookupError):
    """The target has no credential to send with; the message says which setting is missing."""


class Driver(Protocol):
    """What a channel can do."""

    code: str

    def compose(self, title: str, content: str, target: str, form: Form) -> list[str]:
        """Return the final payloads, one per message that will be shown."""

    def credentials(self, target: str) -> Sequence[Credential]:
        """Return what a target can be sent with, in order of preference; raises NotConfigured."""

    def deliver(self, payload: str, target: str, credential: Credential, *, timeout_s: float) -> Result:
        """Send one payload; raises NotConfigured, and nothing else that the network can cause."""

    def check(self) -> Mapping[str, str]:
        """Return what is wrong, by name of the setting; empty when the channel could send."""


D = TypeVar("D", bound=type[Driver])
_REGISTRY: dict[str, Callable[[], Driver]] = {}


def register(driver: D) -> D:
    """Make a driver class known under its `code`."""
    _REGISTRY[driver.code] = driver
    return driver


def driver_for(code: str) -> Driver | None:
    """Return the driver of a channel, or None where none is connected."""
    factory = _REGISTRY.get(code)
    return factory() if factory else None


def registered() -> list[str]:
    """Return the codes of all connected channels."""
    return sorted(_REGISTRY)


def send(code: str, title: str, content: str, target: str, *, timeout_s: float = 10) -> tuple[bool, str]:
    """Send at once, without row, retry or budget; return (success, error message).

    For scripts that check a channel by hand. The system's own messages are rows.
    """
    driver = driver_for(code)
    if driver is None:
        return False, f"渠道 {code} 尚未接入"
    try:
        credential = driver.credentials(target)[0]
        for payload in driver.compose(title, content, target, Form()):
            result = driver.deliver(payload, target, credential, timeout_s=timeout_s)
            if result.decision is not Decision.SENT:
                return False, result.explanation
    except NotConfigured as error:
        return False, str(error)
    return True, ""
