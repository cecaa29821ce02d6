"""What a channel is, and the registry in which channels are found."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from notifications.choices import Overflow, Style
from notifications.policy import Decision

if TYPE_CHECKING:
    from notifications.models import Attachment


@dataclass(frozen=True, slots=True)
class Result:
    """One try: what it means, and what the other side said.

    `receipt` is the other side's number of the message, `missed` the recipients that it named as
    not reached, `wait_s` the rest that it asked for, `card_code` what can change the card that was
    sent. `is_repeatable`: the other side recognises the same payload when it comes again, so that a
    lost answer may be asked for without a double.
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
    is_repeatable: bool = False
    card_code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """One thing to send with: a robot of a group, an application, a mail account.

    `name` is the name of its budget, made from a digest and never from the secret itself;
    `label` is for people, `place` the group it posts to. `handle` is what the driver itself
    needs to use it; nobody else looks inside, and it is never printed.
    """

    name: str
    label: str = ""
    place: str = ""
    handle: Any = field(default=None, repr=False, compare=False)


def credential_name(code: str, *secrets: object) -> str:
    """Return the name of a credential of a channel: a digest of all that makes it what it is."""
    whole = "|".join(map(str, secrets))
    return f"{code}:{hashlib.sha256(whole.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Button:
    """What a reader can press: its words, the `key` that comes back then, and the page behind it all."""

    text: str
    key: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How the plant wants the messages of a channel: its switches from the `Channel` row.

    `button` is that of the message at hand; a channel without buttons leaves it out.
    """

    style: str = Style.MARKDOWN
    overflow: str = Overflow.SPLIT
    button: Button | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at the other side came to; `is_well` is None where there is nothing to ask.

    `is_lasting`: asking again soon is useless or harmful (a wrong secret), somebody has to act.
    """

    is_well: bool | None
    note: str = ""
    is_lasting: bool = False


class NotConfigured(LookupError):
    """The target has no credential to send with; the message says which setting is missing."""


class Unusable(NotConfigured):
    """There is a credential, but it cannot be used as it stands: the message waits for the fix."""


class Driver(ABC):
    """What a channel can do. A new channel is one module of this package that registers one."""

    code: ClassVar[str]
    label: ClassVar[str | Promise]
    target_help: ClassVar[str | Promise] = ""
    """How a target is written, for forms."""

    limits_recipients: ClassVar[bool] = False
    """Whether single recipients have limits of their own, which `admit` keeps."""

    @abstractmethod
    def compose(
        self, title: str, content: str, target: str, form: Form, attachments: Sequence[Attachment] = ()
    ) -> list[str]:
        """Return the final payloads, one per message that will be shown; raises nothing."""

    @abstractmethod
    def credentials(self, target: str) -> Sequence[Credential]:
        """Return what a target can be sent with, in order of preference; raises NotConfigured."""

    def credentials_of(self, targets: Collection[str]) -> dict[str, Sequence[Credential] | NotConfigured]:
        """Return the credentials of many targets, or what is wrong; a driver with rows asks once for all."""
        return {target: found_or_missing(self.credentials, target) for target in targets}

    @abstractmethod
    def deliver(
        self, payload: str, target: str, credential: Credential, *, timeout_s: float, message_id: str = ""
    ) -> Result:
        """Send one payload; raises NotConfigured, and nothing else that the network can cause."""

    @abstractmethod
    def check(self) -> Mapping[str, str]:
        """Return what is wrong, by name of the setting, without network; empty when it could send."""

    def is_set_up(self) -> bool:
        """Say whether any of it is configured: what a plant does not use is not broken."""
        return not self.check()

    def probe(self, *, timeout_s: float) -> Probe:
        """Ask the other side whether it would take messages; shows nothing to anybody."""
        return Probe(None, _("这个渠道不发消息就无法探测"))

    def pool(self) -> Sequence[Credential]:
        """Return every credential of the channel, for people to look at."""
        return ()

    def lots(self, target: str) -> list[str]:
        """Return the target in the lots that one message can have: usually itself."""
        return [target[:255]]

    def target_problem(self, target: str) -> str:
        """Return what is wrong with the notation of a target, in words; empty when nothing is."""
        return ""

    def admit(self, target: str) -> float:
        """Return the seconds to wait for the recipients' own limits; 0 takes their places.

        Called in the transaction that begins an attempt.
        """
        return 0.0


def found_or_missing(
    find: Callable[[str], Sequence[Credential]], target: str
) -> Sequence[Credential] | NotConfigured:
    """Return what `find` finds for a target, or what it says is missing."""
    try:
        return find(target)
    except NotConfigured as missing:
        return missing


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
    if problem := driver.target_problem(target):
        return False, problem
    missed: list[str] = []
    try:
        for lot in driver.lots(target):
            credential = driver.credentials(lot)[0]
            for payload in driver.compose(title, content, lot, Form()):
                result = driver.deliver(payload, lot, credential, timeout_s=timeout_s)
                if result.decision is not Decision.SENT:
                    return False, result.explanation
                missed += result.missed
    except NotConfigured as error:
        return False, str(error)
    if missed:
        return False, _("未送达：%(names)s") % {"names": "、".join(dict.fromkeys(missed))}
    return True, ""
