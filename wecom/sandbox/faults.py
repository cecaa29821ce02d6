"""Failing on purpose: which calls fail, how, how often and for how long."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any


class Call(StrEnum):
    """The calls that can be made to fail."""

    ROBOT = "robot"  # webhook/send
    ROBOT_UPLOAD = "robot_upload"  # webhook/upload_media
    TOKEN = "token"  # noqa: S105 - gettoken
    MESSAGE = "message"  # message/send
    UPLOAD = "upload"  # media/upload
    DOWNLOAD = "download"  # media/get
    APPROVAL = "approval"  # oa/getapprovaldetail, getapprovalinfo, gettemplatedetail
    APPLY = "apply"  # oa/applyevent
    CARD = "card"  # message/update_template_card


class Mode(StrEnum):
    """The ways to fail."""

    ERRCODE = "errcode"  # refuse with this error code
    DELAY = "delay"  # take the message, answer late
    DROP_BEFORE = "drop_before"  # reset the connection, the message is not taken
    DROP_AFTER = "drop_after"  # take the message, close without an answer
    HTML = "html"  # HTTP 200 with a login page
    CUT_JSON = "cut_json"  # HTTP 200 with half an answer
    HTTP = "http"  # another HTTP status with a gateway's page


_TAKES = {Mode.DELAY, Mode.DROP_AFTER, Mode.CUT_JSON}


@dataclass(frozen=True, slots=True)
class Fault:
    """One failure that was asked for.

    `key` limits it to one robot (its key) or application (its secret), `call` to one call; `times` and
    `seconds` end it, `share` hits only that part of the calls.  `taken` says whether the message counts
    as arrived although the caller is not told so.
    """

    mode: Mode
    errcode: int = 45009
    status: int = 502
    delay_s: float = 5.0
    retry_after_s: int | None = None
    key: str | None = None
    call: Call | None = None
    times: int | None = None
    seconds: float | None = None
    share: float = 1.0
    taken: bool | None = None

    def __post_init__(self) -> None:
        if self.mode is Mode.ERRCODE and self.errcode == 0:
            raise ValueError("errcode 0 is no failure")
        if not 100 <= self.status <= 599 or self.status == 200:
            raise ValueError("status must be an HTTP status other than 200")
        if not 0 <= self.delay_s <= 600:
            raise ValueError("delay_s must be 0 to 600 seconds")
        if not 0 < self.share <= 1:
            raise ValueError("share must be over 0 and at most 1")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if self.seconds is not None and self.seconds <= 0:
            raise ValueError("seconds must be over 0")

    @property
    def is_taken(self) -> bool:
        """True when the message arrives in spite of the failure."""
        if self.mode in (Mode.ERRCODE, Mode.DROP_BEFORE):
            return False
        return self.mode in _TAKES if self.taken is None else self.taken

    @property
    def label(self) -> str:
        """Return the short name that a message's record carries."""
        match self.mode:
            case Mode.ERRCODE:
                return f"errcode {self.errcode}"
            case Mode.HTTP:
                return f"http {self.status}"
            case Mode.DELAY:
                return f"delay {self.delay_s:g}s"
        return self.mode.value

    @classmethod
    def from_mapping(cls, data: Mapping[str, Any]) -> Fault:
        """Read a fault from JSON or a form; raises ValueError with the field's name."""
        readers: dict[str, Callable[[Any], Any]] = {
            "mode": Mode,
            "call": Call,
            "errcode": int,
            "status": int,
            "times": int,
            "retry_after_s": int,
            "delay_s": float,
            "seconds": float,
            "share": float,
            "key": str,
            "taken": _boolean,
        }
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in known:
                raise ValueError(f"unknown field {name}")
            if value is None or value == "":
                continue
            try:
                values[name] = readers[name](value)
            except (ValueError, TypeError):
                raise ValueError(f"{name} cannot be {value!r}") from None
        if "mode" not in values:
            raise ValueError(f"mode must be one of {', '.join(mode.value for mode in Mode)}")
        return cls(**values)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    words = {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}
    if str(value).lower() not in words:
        raise ValueError(value)
    return words[str(value).lower()]


@dataclass(slots=True)
class _Armed:
    number: int
    fault: Fault
    since: float
    hits: int = 0


class FaultPlan:
    """The faults in force; safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, seed: int = 0) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - chooses which call fails, keeps runs repeatable
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._numbers = itertools.count(1)

    def arm(self, fault: Fault) -> int:
        """Put a fault in force; return its number."""
        with self._lock:
            armed = _Armed(next(self._numbers), fault, self._clock())
            self._armed.append(armed)
            return armed.number

    def clear(self, number: int | None = None) -> None:
        """Lift one fault, or all."""
        with self._lock:
            self._armed = [] if number is None else [row for row in self._armed if row.number != number]

    def pick(self, call: Call, key: str) -> Fault | None:
        """Return the fault that hits this call, if one does; the oldest wins."""
        with self._lock:
            self._drop_spent()
            for row in self._armed:
                fault = row.fault
                if fault.call not in (None, call) or fault.key not in (None, key):
                    continue
                if fault.share < 1 and self._random.random() >= fault.share:
                    continue
                row.hits += 1
                return fault
            return None

    def listed(self) -> list[dict[str, Any]]:
        """Return what is in force, for people and for JSON."""
        with self._lock:
            self._drop_spent()
            return [
                {
                    **{k: v for k, v in asdict(row.fault).items() if v is not None and k != "key"},
                    "number": row.number,
                    "hits": row.hits,
                    "label": row.fault.label,
                    "key": row.fault.key,
                }
                for row in self._armed
            ]

    def _drop_spent(self) -> None:
        now = self._clock()
        self._armed = [
            row
            for row in self._armed
            if (row.fault.times is None or row.hits < row.fault.times)
            and (row.fault.seconds is None or now - row.since < row.fault.seconds)
        ]
