"""The two counters where calls are handed in: robots here, applications in `application`.

A desk decides what WeCom would do, records it, and lets a fault change what the caller is told.  It
knows nothing of HTTP; `server` turns an `Answer` into bytes on a connection.
"""

from __future__ import annotations

import itertools
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from wecom.payloads import printable
from wecom.sandbox import rules
from wecom.sandbox.faults import Call, Fault, FaultPlan, Mode
from wecom.sandbox.ledger import Ledger, Received, Window

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
_MEDIA_LIFE_S = 3 * 24 * 3600
_FILE_BYTES_KEPT = 64 * 1024 * 1024

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Network login</title></head><body>Please log in.</body></html>"
)
GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"

_WORDINGS = {
    -1: "system busy",
    40001: "invalid credential, access_token is invalid or not latest",
    40014: "invalid access_token",
    42001: "access_token expired",
    45009: "api freq out of limit",
    60020: "not allow to access from your ip",
    81013: "user & party & tag all invalid",
    93000: "invalid webhook url",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the caller."""

    body: bytes
    status: int = 200
    content_type: str = JSON_TYPE
    delay_s: float = 0.0
    ending: str = "keep"  # keep the connection, close it without an answer, or reset it
    headers: Mapping[str, str] = field(default_factory=dict)


def told(data: Mapping[str, Any], fault: Fault | None) -> Answer:
    """Say how an answer reaches the caller, given the fault that hits it."""
    body = json.dumps(data, ensure_ascii=False).encode()
    if fault is None:
        return Answer(body)
    match fault.mode:
        case Mode.ERRCODE:
            return Answer(body)
        case Mode.DELAY:
            return Answer(body, delay_s=fault.delay_s)
        case Mode.DROP_BEFORE:
            return Answer(b"", ending="reset")
        case Mode.DROP_AFTER:
            return Answer(b"", ending="close")
        case Mode.HTML:
            return Answer(LOGIN_PAGE.encode(), content_type=HTML_TYPE)
        case Mode.CUT_JSON:
            return Answer(body[: len(body) // 2])
        case Mode.HTTP:
            headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            page = GATEWAY_PAGE.format(fault.status).encode()
            return Answer(page, status=fault.status, content_type=HTML_TYPE, headers=headers)


def refused(errcode: int, errmsg: str = "") -> dict[str, Any]:
    """Return the body of a refusal."""
    return {"errcode": errcode, "errmsg": errmsg or _WORDINGS.get(errcode, "refused on request")}


def is_told(fault: Fault | None) -> bool:
    """Say whether the caller learns what became of the call."""
    return fault is None or fault.mode in (Mode.ERRCODE, Mode.DELAY)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An uploaded file."""

    media_id: str
    media_type: str
    name: str
    size: int
    owner: str
    at: float


class MediaShelf:
    """Uploaded files: who may use them, for how long; the bytes of the latest are kept to be looked at."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._files: dict[str, StoredFile] = {}
        self._data: dict[str, bytes] = {}

    def put(self, owner: str, media_type: str, name: str, data: bytes) -> StoredFile:
        """Keep a file."""
        media_id = "3" + secrets.token_urlsafe(30)
        stored = StoredFile(media_id, media_type, name, len(data), owner, self._clock())
        with self._lock:
            self._files[media_id] = stored
            self._data[media_id] = data
            while sum(map(len, self._data.values())) > _FILE_BYTES_KEPT and len(self._data) > 1:
                del self._data[next(iter(self._data))]
        return stored

    def find(self, owner: str, media_id: str) -> StoredFile | None:
        """Return a file that this owner may use: its own, and not older than three days."""
        stored = self._files.get(media_id)
        if stored is None or stored.owner != owner or self._clock() - stored.at >= _MEDIA_LIFE_S:
            return None
        return stored

    def name_and_size(self, owner: str, media_id: str) -> tuple[str, int] | None:
        """Return what a message shows of a file, if this owner may use it."""
        stored = self.find(owner, media_id)
        return (stored.name, stored.size) if stored else None

    def data(self, media_id: str) -> tuple[str, bytes] | None:
        """Return name and bytes for the page, while they are kept."""
        stored, data = self._files.get(media_id), self._data.get(media_id)
        return None if stored is None or data is None else (stored.name, data)


class RobotDesk:
    """Group robots: `webhook/send` and `webhook/upload_media`."""

    def __init__(
        self,
        keys: Mapping[str, str],
        *,
        ledger: Ledger,
        faults: FaultPlan,
        media: MediaShelf,
        clock: Callable[[], float],
        rate: int | None,
        span_s: float,
    ) -> None:
        self.keys = dict(keys)
        self._numbers = _robot_numbers(self.keys)
        self._ledger = ledger
        self._faults = faults
        self._media = media
        self._clock = clock
        self._lock = threading.Lock()
        self.rate = rate
        self.windows = {key: Window(rate, span_s, clock) for key in self.keys}
        places = {(group, self.number(key)): key for key, group in self.keys.items()}
        for row in ledger.records():
            if row.shown and (row.group, row.robot) in places:
                self.windows[places[row.group, row.robot]].restore(row.at)

    def number(self, key: str) -> int:
        """Return which robot of its group a key is, from 1."""
        return self._numbers.get(key, 0)

    def name(self, key: str) -> str:
        """Return the robot's name: its group's, with a number from the group's second robot on."""
        group, number = self.keys.get(key, ""), self.number(key)
        return f"{group} {number}" if number > 1 else group

    def send(self, key: str, raw: bytes) -> Answer:
        """Take a message for a group."""
        fault = self._faults.pick(Call.ROBOT, key)
        checked = rules.check_robot(raw, lambda media_id: self._media.name_and_size(key, media_id))
        with self._lock:
            body = self._decide(key, checked, fault)
            shown = body["errcode"] == 0 and (fault is None or fault.is_taken)
            self._ledger.add(
                Received(
                    id=0,
                    at=self._clock(),
                    call=Call.ROBOT.value,
                    group=self.keys.get(key, ""),
                    robot=self.number(key),
                    msgtype=checked.msgtype,
                    content=printable(checked.content),
                    size=checked.size,
                    limit=checked.limit,
                    errcode=body["errcode"] if is_told(fault) else None,
                    errmsg=body["errmsg"],
                    shown=shown,
                    raw=raw.decode("utf-8", "replace"),
                    fault=fault.label if fault else "",
                ),
            )
        return told(body, fault)

    def _decide(self, key: str, checked: rules.Checked, fault: Fault | None) -> dict[str, Any]:
        if fault is not None and not fault.is_taken:
            return refused(fault.errcode) if fault.mode is Mode.ERRCODE else refused(0, "not taken")
        if key not in self.keys:
            return refused(93000)
        if checked.errcode:
            return refused(checked.errcode, checked.errmsg)
        if not self.windows[key].take():
            return refused(45009)
        return {"errcode": 0, "errmsg": "ok"}

    def upload(self, key: str, media_type: str, name: str | None, data: bytes) -> Answer:
        """Take a file that this robot will send."""
        fault = self._faults.pick(Call.ROBOT_UPLOAD, key)
        if fault is not None and not fault.is_taken:
            return told(refused(fault.errcode), fault)
        if key not in self.keys:
            return told(refused(93000), fault)
        try:
            allowed = {"file": rules.FILE_LIMIT, "voice": rules.IMAGE_LIMIT}
            rules.check_upload(media_type, name, data, allowed=allowed)
        except rules.Refusal as refusal:
            return told(refused(refusal.errcode, refusal.errmsg), fault)
        stored = self._media.put(key, media_type, name or "", data)
        return told(uploaded(stored), fault)


def uploaded(stored: StoredFile) -> dict[str, Any]:
    """Return the body that answers an upload; `created_at` is a string, as documented."""
    return {
        "errcode": 0,
        "errmsg": "ok",
        "type": stored.media_type,
        "media_id": stored.media_id,
        "created_at": str(int(stored.at)),
    }


def _robot_numbers(keys: Mapping[str, str]) -> dict[str, int]:
    counters: dict[str, itertools.count[int]] = {}
    return {key: next(counters.setdefault(group, itertools.count(1))) for key, group in keys.items()}
