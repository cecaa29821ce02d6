"""How a shipped template is written down: its words in both languages, a sample for each variable."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from notifications.choices import ChannelCode, VariableType

ZH, EN = "zh-hans", "en"
"""The languages of the shipped texts; Chinese is the one that every other falls back to."""

_HOST = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Words:
    """What a template says in one language."""

    label: str
    title: str
    content: str


@dataclass(frozen=True, slots=True)
class Sample:
    """A variable: its type, and a value to show, which may differ by language."""

    kind: VariableType
    chinese: str
    english: str

    def stored(self, language: str) -> dict[str, str]:
        """Return it as the row of a template keeps it."""
        return {"type": self.kind.value, "sample": self.english if language == EN else self.chinese}


def text(sample: str, english: str = "") -> Sample:
    """Return a variable that is one line of words."""
    return Sample(VariableType.TEXT, sample, english or sample)


def lines(sample: str, english: str = "") -> Sample:
    """Return a variable of several prepared lines."""
    return Sample(VariableType.LINES, sample, english or sample)


def number(sample: str) -> Sample:
    """Return a variable that is a number."""
    return Sample(VariableType.NUMBER, sample, sample)


def time(sample: str = "2026-11-22 02:00") -> Sample:
    """Return a variable that is a moment."""
    return Sample(VariableType.TIME, sample, sample)


def link(path: str) -> Sample:
    """Return a variable that is the address of a page."""
    return Sample(VariableType.LINK, _HOST + path, _HOST + path)


def userid(sample: str) -> Sample:
    """Return a variable that names people who are called."""
    return Sample(VariableType.USERID, sample, sample)


def one(name: str, language: str, words: Words, variables: Mapping[str, Sample]) -> dict[str, Any]:
    """Return the row of a template in one language; it goes to a group unless `by` says otherwise."""
    return {
        "template_name": name,
        "language": language,
        "label": words.label,
        "channel": ChannelCode.WECHAT_BOT.value,
        "title_template": words.title,
        "content_template": words.content,
        "variables": {key: sample.stored(language) for key, sample in variables.items()},
        "with_picture": False,
        "with_button": False,
    }


def both(name: str, chinese: Words, english: Words, /, **variables: Sample) -> Iterator[dict[str, Any]]:
    """Yield the rows of a template in both languages."""
    yield one(name, ZH, chinese, variables)
    yield one(name, EN, english, variables)


def with_button(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows whose message can be taken on by a button, where a channel has some."""
    for row in rows:
        yield row | {"with_button": True}


def by(channel: ChannelCode, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield rows that go by another channel."""
    for row in rows:
        yield row | {"channel": channel.value}
