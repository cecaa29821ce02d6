"""What a visitor looks at, and what the page knows beside the messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from html import escape
from typing import Any
from urllib.parse import urlencode

from wecom.sandbox.cards import Card
from wecom.sandbox.words import LANGUAGES, word


@dataclass(frozen=True, slots=True)
class RobotState:
    """One robot: its group, which of the group's robots, and how much of its minute is used."""

    name: str
    group: str
    number: int
    shown_key: str
    used: int
    rate: int | None

    @property
    def usage(self) -> str:
        """Return how much of the last minute is used, such as "3 / 20"."""
        return f"{self.used} / {self.rate}" if self.rate is not None else f"{self.used}"


@dataclass(frozen=True, slots=True)
class State:
    """What the page shows beside the messages."""

    webhook_base_url: str
    robots: tuple[RobotState, ...]
    faults: tuple[Mapping[str, Any], ...]
    counts: Mapping[str, Any]
    now: float
    zone: tzinfo
    card: Callable[[int, str], Card | None] = lambda _agent, _task: None

    def clock(self, at: float) -> str:
        """Return the time of day."""
        return f"{self._local(at):%H:%M:%S}"

    def day_or_clock(self, at: float) -> str:
        """Return the time of day, or the date of an earlier day."""
        moment = self._local(at)
        return moment.strftime("%H:%M" if moment.date() == self._local(self.now).date() else "%m-%d")

    def day_and_clock(self, view: View, at: float) -> str:
        """Return day and time, as chats print them between messages."""
        moment, today = self._local(at), self._local(self.now).date()
        days = {today: view.say("today"), today - timedelta(days=1): view.say("yesterday")}
        return f"{days.get(moment.date(), moment.strftime('%Y-%m-%d'))} {moment:%H:%M}"

    def _local(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, tz=self.zone)


@dataclass(frozen=True, slots=True)
class View:
    """What a visitor looks at."""

    lang: str = "zh"
    group: str | None = None
    panel: bool = False
    before: int | None = None

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> View:
        """Read the address; what makes no sense is left out."""
        before = query.get("before", "")
        return cls(
            lang=query.get("lang", "zh") if query.get("lang") in LANGUAGES else "zh",
            group=query.get("group"),
            panel=query.get("view") == "panel",
            before=int(before) if before.isdecimal() else None,
        )

    def address(self, **changes: Any) -> str:
        """Return the address of this view with something changed."""
        view = replace(self, **changes)
        query: dict[str, str] = {}
        if view.lang != "zh":
            query["lang"] = view.lang
        if view.group is not None:
            query["group"] = view.group
        if view.panel:
            query["view"] = "panel"
        if view.before is not None:
            query["before"] = str(view.before)
        return "/?" + urlencode(query) if query else "/"

    def kept(self) -> dict[str, str]:
        """Return the hidden fields by which a form comes back to this view."""
        fields = {"lang": self.lang, "group": self.group, "view": "panel" if self.panel else None}
        return {f"view_{name}": value for name, value in fields.items() if value is not None}

    def say(self, name: str, *values: object) -> str:
        """Return a word of the page, escaped."""
        return escape(word(self.lang, name, *values))

    def group_name(self, group: str) -> str:
        """Return a group's name as shown, escaped."""
        return escape(group) if group else self.say("unknown_group")

    def fault_name(self, label: str) -> str:
        """Return a fault's label in words: its mode, and its number where it has one."""
        mode, _, number = label.partition(" ")
        return self.say(f"fault_{mode}", number)
