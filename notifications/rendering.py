"""`{name}` placeholders into text, pure. Nothing is evaluated: a placeholder is a name.

Values are user text and are made harmless for WeCom's markup; text that the sender has
already prepared (lines with links) is wrapped in `Prepared` and passes as it is. What a value
may become is decided by the type of its variable and by where it stands: only a `userid`
rings somebody, only a `link` is an address, and inside of an address everything is quoted.
A name that has no value is an error that names all of them; `{{` and `}}` stand for braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from urllib.parse import quote

from notifications import variables as declarations
from notifications.choices import VariableType
from wecom import markdown
from wecom.payloads import printable

LONGEST_TEMPLATE = 100_000
MOST_PLACEHOLDERS = 10_000
LONGEST_RESULT = 500_000
"""Characters; a template that repeats a long value must not fill the memory."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_TARGET = re.compile(r"\]\(((?:[^(){}\s]|\{[^{}]*\})*)\Z")
_HOST_IS_SET = re.compile(r"(?:\{[^{}]*\}|https?://[^/?#{}\s]+)[/?#]")
_MENTION = re.compile(r"<@[^>\s]{0,64}\Z")
_LOOK_BACK = 2048
"""As long as a link may be."""


class Prepared(str):
    """Text that is already safe markup."""

    __slots__ = ()


class ByLanguage(dict[str, object]):
    """A value that the sender has prepared in several languages."""

    def pick(self, language: str) -> object:
        """Return the value of a language, else the first."""
        return self.get(language, next(iter(self.values()), ""))


class RenderError(ValueError):
    """A template that cannot be filled; the message names every reason."""


def names(template: str) -> list[str]:
    """Return the placeholder names of a template, in order, each once."""
    found = (match.group(1) for match in _TOKEN.finditer(template) if match.group(1) is not None)
    return list(dict.fromkeys(name.strip() for name in found))


def render(
    template: str,
    variables: Mapping[str, object],
    *,
    types: Mapping[str, str] | None = None,
    escape: Callable[[str], str] = markdown.escape,
) -> str:
    """Fill a template.

    `types` are those of the declared variables (`notifications.choices.VariableType`). Without
    them (a sender that fills a text of its own) a value is text, but where the sender wrote
    the placeholder as an address or a mention it may be one.

    Raises RenderError when a brace stands alone, a placeholder is no name, a name has no
    value, a value stands where it would decide a link's host or a mention without being of
    that type, and when template or result are larger than the bounds above.
    """
    if len(template) > LONGEST_TEMPLATE:
        raise RenderError(f"模板有 {len(template)} 个字符，最多 {LONGEST_TEMPLATE}")
    filler = _Filler(template, variables, types, escape)
    text = _TOKEN.sub(filler, template)
    if filler.problems:
        raise RenderError("；".join(dict.fromkeys(filler.problems)))
    return text


def in_title(text: str) -> str:
    """Return a rendered title as the one line that it must be."""
    return " ".join(text.split())


class _Filler:
    """Replaces the tokens of one template, and gathers what is wrong with it."""

    def __init__(
        self,
        template: str,
        variables: Mapping[str, object],
        types: Mapping[str, str] | None,
        escape: Callable[[str], str],
    ) -> None:
        self.problems: list[str] = []
        self._template = template
        self._variables = variables
        self._types = types
        self._escape = escape
        self._written: dict[tuple[str, str], str] = {}
        self._count = 0
        self._room = LONGEST_RESULT - len(template)

    def __call__(self, match: re.Match[str]) -> str:
        found = match.group(0)
        if found == "{{":
            return "{"
        if found == "}}":
            return "}"
        if match.group(1) is None:
            return self._refuse(f"{found} 没有配对（要写花括号请写两个）")
        self._count += 1
        if self._count > MOST_PLACEHOLDERS:
            return self._refuse(f"变量用了超过 {MOST_PLACEHOLDERS} 次")
        name = match.group(1).strip()
        if not _NAME.match(name):
            return self._refuse(f"{{{name}}} 不是变量名")
        if name not in self._variables:
            return self._refuse(f"{{{name}}} 没有值")
        text = self._fill(name, match.start())
        self._room -= len(text)
        if self._room < 0:
            return self._refuse(f"填好的内容超过 {LONGEST_RESULT} 个字符")
        return text

    def _refuse(self, problem: str) -> str:
        if not self.problems or self.problems[-1] != problem:
            self.problems.append(problem)
        return ""

    def _fill(self, name: str, start: int) -> str:
        """Write one value for the place where it stands."""
        before = self._template[max(0, start - _LOOK_BACK) : start]
        if (opening := before.rfind("](")) >= 0 and (target := _TARGET.match(before, opening)):
            address = target.group(1)
            if address and not _HOST_IS_SET.match(address):
                return self._refuse(f"{{{name}}} 不能决定链接的主机")
            return self._once(name, "target" if not address else "part", self._as_address)
        if mention := _MENTION.search(before, max(0, len(before) - 70)):
            if mention.group(0) != "<@" or not self._may_be(name, VariableType.USERID):
                return self._refuse(f"{{{name}}} 不是 userid 类型，不能用来提到人")
            return self._once(name, "mention", self._as_userid)
        return self._once(name, "text", self._as_text)

    def _once(self, name: str, place: str, write: Callable[[str, str], str]) -> str:
        """Write a value once for all places of a kind: a template may name it ten thousand times."""
        key = (name, place)
        if key not in self._written:
            self._written[key] = write(name, place)
        return self._written[key]

    def _may_be(self, name: str, kind: str) -> bool:
        return self._types is None or self._types.get(name) == kind

    def _as_address(self, name: str, place: str) -> str:
        value = self._variables[name]
        text = str(value)
        if isinstance(value, Prepared):
            return text
        if place == "target" and self._may_be(name, VariableType.LINK) and declarations.is_link(text):
            return _address(text)
        return quote(printable(text), safe="")

    def _as_userid(self, name: str, _place: str) -> str:
        text = str(self._variables[name])
        return text if len(declarations.userids(text)) == 1 else self._escape(text)

    def _as_text(self, name: str, _place: str) -> str:
        kind = self._types.get(name, VariableType.TEXT) if self._types is not None else VariableType.TEXT
        return self._shown(self._variables[name], kind)

    def _shown(self, value: object, kind: str) -> str:
        if isinstance(value, Prepared):
            return str(value)
        if isinstance(value, list | tuple):
            return (" " if kind == VariableType.USERID else "\n").join(
                self._shown(one, kind) for one in value
            )
        text = str(value)
        if len(text) > LONGEST_RESULT:
            return text  # refused by its length, before time is spent on it
        if kind == VariableType.LINES:
            return "\n".join(self._escape(line) for line in text.splitlines())
        if kind == VariableType.LINK and declarations.is_link(text):
            return _address(text)
        if kind == VariableType.USERID and (found := declarations.userids(text)):
            return " ".join(map(markdown.mention, found))
        return self._escape(text)


def _address(url: str) -> str:
    """Return an address that cannot end the link in which it stands."""
    return quote(printable(url), safe="!#$%&'+,/:;=?@-._~")


# --- as rows --------------------------------------------------------------------------------


def to_json(variables: Mapping[str, object], *, zone: tzinfo | None = None) -> dict[str, object]:
    """Return variables as plain JSON that keeps which ones are prepared, listed, in languages.

    Moments are written in the time zone of the plant: a row says what the message said.
    """
    return {name: _stored(value, zone) for name, value in variables.items()}


def _stored(value: object, zone: tzinfo | None) -> object:
    if isinstance(value, Prepared):
        return {"prepared": _storable(value)}
    if isinstance(value, ByLanguage):
        return {"by_language": {language: _stored(one, zone) for language, one in value.items()}}
    if isinstance(value, list | tuple):
        return {"lines": [_stored(one, zone) for one in value]}
    if isinstance(value, datetime):
        moment = value.astimezone(zone) if value.tzinfo else value
        return f"{moment:%Y-%m-%d %H:%M}"
    return _storable(str(value))


def _storable(text: str) -> str:
    """Return a text without what a database refuses."""
    return printable(text).replace("\0", "")


def from_json(stored: Mapping[str, object], *, language: str = "") -> dict[str, object]:
    """Return what `to_json` was given, for one language."""
    return {name: _value(value, language) for name, value in stored.items()}


def _value(stored: object, language: str) -> object:
    match stored:
        case {"prepared": text}:
            return Prepared(text)
        case {"by_language": dict(texts)}:
            return _value(ByLanguage(texts).pick(language), language)
        case {"lines": list(items)}:
            return [_value(item, language) for item in items]
    return stored
