"""Who gets an event: matching, quiet hours and chains of ways, pure.

A *rule* is what a route asks of an event; blank asks nothing. A *way* is a channel with a
target. A *chain* is a way with its reserves: one message travels it from front to back. Times
are local: the caller passes the plant's clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from notifications.choices import ChannelCode, Severity

SEVERITIES: tuple[str, ...] = (Severity.INFO.value, Severity.WARNING.value, Severity.CRITICAL.value)
"""From light to grave; a minimum means this one and every graver one."""

PERSONAL_CHANNELS: tuple[str, ...] = (
    ChannelCode.WECHAT_API.value,
    ChannelCode.EMAIL.value,
    ChannelCode.SMS.value,
)
"""Channels that reach one person, in the order that holds for whoever chose none."""

_SEPARATORS = re.compile(r"[,，、;；\n]")


@dataclass(frozen=True, slots=True)
class Button:
    """What a reader may do at once, where a channel has buttons.

    `key` comes back when it is pressed; `text` are its words by language.
    """

    key: str
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that people should be told: what happened, what to say, to whom without routes.

    The text is `title` and `content` in the sender's own markup, or `template` with
    `variables`. `channel` and `target` are where it goes when no route matches; blank means
    the template's channel and `group`. `picture` draws what happened (file name and bytes, or
    None); it is called only for a template that wants a picture. `button` likewise is there for a
    template that wants one, and for a text without template. An alarm's (`is_alarm`)
    priority 1 is never withheld by the limits against flooding. `mentions` are userids that the
    message calls in a group, beside those of its route. `withheld` is the reason (`silenced`,
    `inhibited`) for which it must not go, `withheld_by` what says so: its rows are kept as not sent.
    """

    name: str
    source: str = ""
    severity: str = ""
    supplier: str = ""
    part: str = ""
    group: str = ""
    template: str = ""
    variables: Mapping[str, object] = field(default_factory=dict)
    title: str = ""
    content: str = ""
    priority: int = 1
    channel: str = ""
    target: str = ""
    dedupe_key: str = ""
    not_before: datetime | None = None
    expires_at: datetime | None = None
    link: str = ""
    subject: str = ""
    is_alarm: bool = False
    mentions: tuple[str, ...] = ()
    withheld: str = ""
    withheld_by: str = ""
    attachments: tuple[Any, ...] = ()
    picture: Callable[[], tuple[str, bytes] | None] | None = None
    button: Button | None = None


# --- matching -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a route asks of an event. Texts are patterns: `*` stands for anything, commas for or."""

    event: str = ""
    source: str = ""
    supplier: str = ""
    part: str = ""
    group: str = ""
    minimum_severity: str = ""
    hour_from: time | None = None
    hour_until: time | None = None
    weekdays: str = ""
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Miss:
    """One thing that a rule asks and the event does not have; `asked` and `found` are its words."""

    field: str
    asked: str
    found: str


class Outcome(Enum):
    MATCHED = "matched"
    MISSED = "missed"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule: matched, missed with every reason, or not asked any more."""

    outcome: Outcome
    misses: tuple[Miss, ...] = ()


_TEXTS = ("event", "source", "supplier", "part", "group")


def decide(rules: Sequence[Rule], event: Event, at: datetime) -> list[Verdict]:
    """Return one verdict per rule, in order; the first match that does not go on ends the search."""
    verdicts: list[Verdict] = []
    is_over = False
    for rule in rules:
        if is_over:
            verdicts.append(Verdict(Outcome.NOT_REACHED))
            continue
        found = misses(rule, event, at)
        verdicts.append(Verdict(Outcome.MISSED if found else Outcome.MATCHED, found))
        is_over = not found and not rule.goes_on
    return verdicts


def misses(rule: Rule, event: Event, at: datetime) -> tuple[Miss, ...]:
    """Return everything that keeps an event from a rule; empty means that it matches."""
    found: list[Miss] = []
    for name in _TEXTS:
        pattern = getattr(rule, name)
        value = event.name if name == "event" else getattr(event, name)
        if pattern.strip() and not matches(pattern, value):
            found.append(Miss(name, pattern, value))
    if rule.minimum_severity and not _is_as_grave(event.severity, rule.minimum_severity):
        found.append(Miss("severity", rule.minimum_severity, event.severity))
    is_in_hours = in_hours(at.time(), rule.hour_from, rule.hour_until)
    if not is_in_hours and rule.hour_from and rule.hour_until:
        found.append(Miss("hour", f"{rule.hour_from:%H:%M}–{rule.hour_until:%H:%M}", f"{at:%H:%M}"))
    weekday = str(_day_of(rule, at).isoweekday())
    if rule.weekdays and weekday not in rule.weekdays:
        found.append(Miss("weekday", rule.weekdays, weekday))
    return tuple(found)


def matches(pattern: str, value: str) -> bool:
    """Say whether a text fits one of the patterns; case does not count, `*` stands for anything."""
    return any(one.fullmatch(value.strip().casefold()) for one in _compiled(pattern))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(".*".join(re.escape(piece) for piece in one.strip().casefold().split("*")), re.DOTALL)
        for one in _SEPARATORS.split(pattern)
        if one.strip()
    )


def _is_as_grave(severity: str, minimum: str) -> bool:
    """An event without a severity is below every minimum."""
    return severity in SEVERITIES and SEVERITIES.index(severity) >= SEVERITIES.index(minimum)


def in_hours(moment: time, start: time | None, end: time | None) -> bool:
    """Say whether a time lies in a range of hours, its end excluded.

    A range may pass midnight; equal ends mean the whole day, a missing one no range at all.
    """
    if start is None or end is None or start == end:
        return True
    return start <= moment < end if start < end else moment >= start or moment < end


def _day_of(rule: Rule, at: datetime) -> datetime:
    """Return the day that counts: a night shift belongs to the day on which it began."""
    if (
        rule.hour_from
        and rule.hour_until
        and rule.hour_from > rule.hour_until
        and at.time() < rule.hour_until
    ):
        return at - timedelta(days=1)
    return at


# --- people ---------------------------------------------------------------------------------


def quiet_end(at: datetime, start: time | None, end: time | None) -> datetime | None:
    """Return when the quiet hours that hold now are over; None when none hold."""
    if start is None or end is None or not in_hours(at.time(), start, end):
        return None
    day = at.date()
    if at.time() >= end:
        day += timedelta(days=1)
    return datetime.combine(day, end, tzinfo=at.tzinfo)


@dataclass(frozen=True, slots=True)
class Way:
    """A channel with a target."""

    channel: str
    target: str

    def as_json(self) -> dict[str, str]:
        return {"channel": self.channel, "target": self.target}


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What a recipient is to the scheduler: ways in order, and what they want to be spared."""

    name: str
    ways: tuple[Way, ...] = ()
    language: str = ""
    quiet_from: time | None = None
    quiet_until: time | None = None
    breaks_through: int = 1
    muted: tuple[str, ...] = ()
    is_active: bool = True

    def has_muted(self, event: str) -> bool:
        return any(matches(pattern, event) for pattern in self.muted)

    def quiet_end(self, at: datetime, priority: int) -> datetime | None:
        """Return until when a message of this priority has to wait for the person."""
        if priority <= self.breaks_through:
            return None
        return quiet_end(at, self.quiet_from, self.quiet_until)


# --- chains ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a route: a way or a person; a reserve serves where the line before cannot."""

    way: Way | None = None
    person: Person | None = None
    is_reserve: bool = False
    mentions: tuple[str, ...] = ()


class Skip(Enum):
    """Why a person of a chain is passed over."""

    INACTIVE = "inactive"
    MUTED = "muted"
    NO_ADDRESS = "no_address"
    QUIET_RESERVE = "quiet_reserve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One message to be: its ways in order, when it may start, who was passed over and why.

    `person` is set when the first way belongs to one. A chain without ways tells nobody: it
    stays only to say why.
    """

    ways: tuple[Way, ...] = ()
    person: Person | None = None
    mentions: tuple[str, ...] = ()
    quiet_until: datetime | None = None
    skipped: tuple[tuple[Person, Skip], ...] = ()


def chains(steps: Iterable[Step], event: Event, at: datetime) -> list[Chain]:
    """Return the messages that the steps of a route make: one per step that is no reserve."""
    groups: list[list[Step]] = []
    for step in steps:
        if step.is_reserve and groups:
            groups[-1].append(step)
        else:
            groups.append([step])
    return [_chain(group, event, at) for group in groups]


def _chain(steps: Sequence[Step], event: Event, at: datetime) -> Chain:
    ways: list[Way] = []
    skipped: list[tuple[Person, Skip]] = []
    first: Step | None = None
    mentions: list[str] = []
    for step in steps:
        person = step.person
        if person is not None and (why := _skip(person, event, at, is_reserve=first is not None)):
            skipped.append((person, why))
            continue
        first = first or step
        mentions += step.mentions
        ways += person.ways if person is not None else [step.way] if step.way is not None else []
    person = first.person if first else None
    return Chain(
        ways=tuple(dict.fromkeys(ways)),
        person=person,
        mentions=tuple(dict.fromkeys(mentions)),
        quiet_until=person.quiet_end(at, event.priority) if person else None,
        skipped=tuple(skipped),
    )


def _skip(person: Person, event: Event, at: datetime, *, is_reserve: bool) -> Skip | None:
    if not person.is_active:
        return Skip.INACTIVE
    if not person.ways:
        return Skip.NO_ADDRESS
    if person.has_muted(event.name):
        return Skip.MUTED
    if is_reserve and person.quiet_end(at, event.priority):
        # A reserve stands in at once or not at all: the main way's message waits for nobody's morning.
        return Skip.QUIET_RESERVE
    return None


def once_each(found: Iterable[Chain]) -> list[Chain]:
    """Leave out what an earlier chain brings to the same first way; its mentions join that one."""
    kept: dict[object, Chain] = {}
    for chain in found:
        key: object = (
            (chain.ways[0].channel, chain.ways[0].target.casefold())
            if chain.ways
            else tuple(person.name for person, _why in chain.skipped)
        )
        earlier = kept.get(key)
        if earlier is None:
            kept[key] = chain
        elif set(chain.mentions) - set(earlier.mentions):
            kept[key] = Chain(
                ways=earlier.ways,
                person=earlier.person,
                mentions=tuple(dict.fromkeys(earlier.mentions + chain.mentions)),
                quiet_until=earlier.quiet_until,
                skipped=earlier.skipped,
            )
    return list(kept.values())
