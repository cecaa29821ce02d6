"""Many messages as one, pure: every item with its link, what they have in common said once.

A message's body is read as lines. Those before the first link are its *context* (supplier, part),
those from there on its *items*; a message without a link is all items. Messages with the same title
and context stand under one heading, in the order in which they are given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from wecom import markdown

_HEADING = re.compile(r"#{1,6} +")
_LINK = re.compile(r"\]\(https?://")
_TWICE = re.compile(r"\[(https?://[^\]\s]+)\]\(\1\)")
_LABEL = re.compile(r"- \*\*(?P<label>[^*\n]+)\*\*[:：] ?(?P<rest>.+)")


@dataclass(frozen=True, slots=True)
class Member:
    """One message of a digest; `at` is the local time of its event."""

    title: str
    content: str
    at: datetime


@dataclass(slots=True)
class _Group:
    title: str
    context: tuple[str, ...]
    items: list[str] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)


def title_of(members: Sequence[Member]) -> str:
    """Return the title of a digest: what its members share, and how many they are."""
    titles = {member.title for member in members}
    name = titles.pop() if len(titles) == 1 else "消息汇总"
    return f"{name}（共 {len(members)} 条）"


def write(members: Sequence[Member], *, page: int = 1, pages: int = 1) -> str:
    """Return the text of a digest under its heading; one of several says which."""
    which = f" ({page}/{pages})" if pages > 1 else ""
    groups = _groups(members)
    is_one_title = len({group.title for group in groups}) == 1
    lines = [f"### {markdown.escape(title_of(members))}{which}", f"> {_span([m.at for m in members])}"]
    for group in groups:
        if not is_one_title:
            when = f" {_span(group.times)}" if len(groups) > 1 else ""
            lines.append(f"**{markdown.escape(group.title)}**{when}")
        lines += group.context
        lines += _labelled_once(group.items)
    return "\n".join(lines)


def _groups(members: Sequence[Member]) -> list[_Group]:
    groups: dict[tuple[str, tuple[str, ...]], _Group] = {}
    for member in members:
        context, items = _read(member)
        group = groups.setdefault((member.title, context), _Group(member.title, context))
        group.items += items
        group.times.append(member.at)
    return list(groups.values())


def _read(member: Member) -> tuple[tuple[str, ...], list[str]]:
    """Return context and items of a message, without its heading and with addresses once."""
    lines = [line.rstrip() for line in member.content.split("\n")]
    if lines and _HEADING.match(lines[0]):
        heading = _HEADING.sub("", lines.pop(0), count=1).strip()
        if heading != member.title:
            lines.insert(0, f"**{heading}**" if "**" not in heading else heading)
    lines = [_TWICE.sub(r"[查看](\1)", line) for line in lines if line.strip()]
    first = next((number for number, line in enumerate(lines) if _LINK.search(line)), None)
    if first is None:
        return (), lines or [f"- {member.title}"]
    return tuple(lines[:first]), lines[first:]


def _labelled_once(items: list[str]) -> list[str]:
    """Say the label that all items have ("异常项") once, where that saves something."""
    found = [_LABEL.fullmatch(item) for item in items]
    labels = {match["label"] if match else None for match in found}
    if len(items) < 3 or len(labels) != 1 or None in labels:
        return items
    rests = [match["rest"] for match in found if match]
    return [f"- **{labels.pop()}**:", *(f"- {rest}" for rest in rests)]


def _span(times: Sequence[datetime]) -> str:
    first, last = min(times), max(times)
    if (first.date(), first.hour, first.minute) == (last.date(), last.hour, last.minute):
        return f"{first:%m-%d %H:%M}"
    if first.date() == last.date():
        return f"{first:%m-%d %H:%M}–{last:%H:%M}"
    return f"{first:%m-%d %H:%M} – {last:%m-%d %H:%M}"
