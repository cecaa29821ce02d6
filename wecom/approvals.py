"""Approvals (审批): read what became of one, find those that nobody told us of, start one.

Facts from developer.work.weixin.qq.com/document/path/91983 (detail), 91816 (numbers), 91982 (template),
91853 (start). WeCom allows 600 calls a minute of each; `Pace` keeps a process below that.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wecom.app import App
from wecom.errors import Kind, Outcome
from wecom.transport import Reply, unanswered

CALLS_A_SECOND = 8
"""Of the 600 a minute that WeCom allows for each call; the rest is left to others."""

WINDOW_MOST_S = 31 * 24 * 3600
"""The longest span of `getapprovalinfo`."""

PAGE = 100
_PAGES_MOST = 1000
RANGE_TOO_WIDE = 301112


class Pace:
    """At most so many calls a second, of all threads together; waits instead of refusing."""

    def __init__(
        self,
        per_second: float = CALLS_A_SECOND,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1.0 / per_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Take the next place."""
        with self._lock:
            now = self._clock()
            at = max(now, self._free_at)
            self._free_at = at + self._gap
        if at > now:
            self._sleep(at - now)


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a question about approvals: what it came to, and the part that was asked for."""

    outcome: Outcome
    info: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Started:
    """What starting an approval came to; `sp_no` is its number where it was started."""

    outcome: Outcome
    sp_no: str = ""


class ListingFailed(Exception):
    """The numbers of a span could not be listed to the end."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.explanation_en)
        self.outcome = outcome


class Approvals:
    """The approvals that an application may see."""

    def __init__(self, app: App, *, pace: Pace | None = None) -> None:
        self._app = app
        self._pace = pace or Pace()

    def detail(self, sp_no: str) -> Found:
        """Return `info` of an approval: its status now, and its form."""
        return _part(self._ask("oa/getapprovaldetail", {"sp_no": sp_no}), "info")

    def template(self, template_id: str) -> Found:
        """Return a form's names and controls."""
        reply = self._ask("oa/gettemplatedetail", {"template_id": template_id})
        return Found(reply.outcome, dict(reply.data) if reply.outcome.ok else {})

    def numbers(
        self, start: int, end: int, *, template_id: str = "", status: int | None = None
    ) -> Iterator[str]:
        """Yield the numbers of the approvals that were handed in from `start` to `end` (seconds since 1970).

        A span longer than WeCom takes is asked for in parts, and halved where WeCom finds it too wide.
        Raises ListingFailed at the first answer that is none.
        """
        if end <= start:
            raise ValueError("end must lie after start")
        filters = [("template_id", template_id), ("sp_status", "" if status is None else str(status))]
        chosen = [{"key": key, "value": value} for key, value in filters if value]
        seen: set[str] = set()
        spans = [(first, min(first + WINDOW_MOST_S, end)) for first in range(start, end, WINDOW_MOST_S)][::-1]
        while spans:
            first, last = spans.pop()
            try:
                for number in self._listed(first, last, chosen):
                    if number not in seen:  # a span that was halved half-way begins anew
                        seen.add(number)
                        yield number
            except ListingFailed as error:
                middle = (first + last) // 2
                if error.outcome.errcode != RANGE_TOO_WIDE or not first < middle < last:
                    raise
                spans += [(middle, last), (first, middle)]

    def _listed(self, start: int, end: int, filters: Sequence[Mapping[str, str]]) -> Iterator[str]:
        cursor = ""
        for _page in range(_PAGES_MOST):
            reply = self._ask(
                "oa/getapprovalinfo",
                {
                    "starttime": str(start),
                    "endtime": str(end),
                    "new_cursor": cursor,
                    "size": PAGE,
                    "filters": list(filters),
                },
            )
            if not reply.outcome.ok:
                raise ListingFailed(reply.outcome)
            numbers = reply.data.get("sp_no_list")
            yield from (str(number) for number in numbers if number) if isinstance(numbers, list) else ()
            following = reply.data.get("new_next_cursor")
            # A page may be short or empty and still not be the last.
            if not following or following == cursor:
                return
            cursor = str(following)
        raise ListingFailed(unanswered(reply.outcome, Kind.UNREADABLE))

    def start(
        self,
        *,
        creator: str,
        template_id: str,
        contents: Sequence[Mapping[str, Any]],
        nodes: Sequence[Mapping[str, Any]] = (),
        summary: Sequence[str] = (),
    ) -> Started:
        """Hand in an approval in somebody's name.

        `nodes` are the steps of its process; without them the template's own process is used. An answer
        that is lost leaves `outcome.is_uncertain`: it may have been handed in.
        """
        body: dict[str, Any] = {
            "creator_userid": creator,
            "template_id": template_id,
            "use_template_approver": 0 if nodes else 1,
            "apply_data": {"contents": list(contents)},
            "summary_list": [
                {"summary_info": [{"text": line[:20], "lang": "zh_CN"}]} for line in summary[:3]
            ],
        }
        if nodes:
            body["process"] = {"node_list": list(nodes)}
        reply = self._ask("oa/applyevent", body, is_repeatable=False)
        return Started(reply.outcome, str(reply.data.get("sp_no", "")) if reply.outcome.ok else "")

    def _ask(self, path: str, body: Mapping[str, Any], *, is_repeatable: bool = True) -> Reply:
        self._pace.wait()
        reply = self._app.call(path, json.dumps(body, ensure_ascii=False, separators=(",", ":")))
        if is_repeatable and reply.outcome.is_uncertain:  # a question that changed nothing: ask again
            return Reply(unanswered(reply.outcome))
        return reply


def _part(reply: Reply, name: str) -> Found:
    found = reply.data.get(name)
    if reply.outcome.ok and not isinstance(found, dict):
        return Found(unanswered(reply.outcome, Kind.UNREADABLE))
    return Found(reply.outcome, found if reply.outcome.ok and isinstance(found, dict) else {})


def file_ids(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (control id, file id) of every file in a form, also of those inside of tables, in order."""
    apply_data = info.get("apply_data")
    contents = apply_data.get("contents") if isinstance(apply_data, Mapping) else None
    return list(dict.fromkeys(_files_in(contents)))


def _files_in(contents: object) -> Iterator[tuple[str, str]]:
    for control in contents if isinstance(contents, list) else ():
        value = control.get("value") if isinstance(control, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        for one in value.get("files") or ():
            if isinstance(one, Mapping) and one.get("file_id"):
                yield str(control.get("id", "")), str(one["file_id"])
        for row in value.get("children") or ():
            if isinstance(row, Mapping):
                yield from _files_in(row.get("list"))


__all__ = ["Approvals", "Found", "ListingFailed", "Pace", "Started", "file_ids"]
