"""`{name}` placeholders into text, pure. Nothing is evaluated: a placeholder is a name.

Values are user text and are made harmless for WeCom's markup; text that the sender has
already prepared (lines with links) is wrapped in `Prepared` and passes as it is. A name
that has no value is an error that names all of them; `{{` and `}}` stand for braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from wecom import markdown

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Prepared(str):
    """Text that is already safe markup."""

    __slots__ = ()


class RenderError(ValueError):
    """A template that cannot be filled; the message names every reason."""


def names(template: str) -> list[str]:
    """Return the placeholder names of a template, in order, each once."""
    found = (match.group(1) for match in _TOKEN.finditer(template) if match.group(1) is not None)
    return list(dict.fromkeys(name.strip() for name in found))


def render(
    template: str, variables: Mapping[str, object], *, escape: Callable[[str], str] = markdown.escape
) -> str:
    """Fill a template.

    Raises RenderError when a brace stands alone, a placeholder is no name, or a name has no
    value.
    """
    problems: list[str] = []

    def fill(match: re.Match[str]) -> str:
        found = match.group(0)
        if found == "{{":
            return "{"
        if found == "}}":
            return "}"
        if match.group(1) is None:
            problems.append(f"{found} 没有配对（要写花括号请写两个）")
            return ""
        name = match.group(1).strip()
        if not _NAME.match(name):
            problems.append(f"{{{name}}} 不是变量名")
            return ""
        if name not in variables:
            problems.append(f"{{{name}}} 没有值")
            return ""
        value = variables[name]
        return str(value) if isinstance(value, Prepared) else escape(str(value))

    text = _TOKEN.sub(fill, template)
    if problems:
        raise RenderError("；".join(dict.fromkeys(problems)))
    return text


def to_json(variables: Mapping[str, object]) -> dict[str, object]:
    """Return variables as plain JSON that keeps which ones are prepared."""
    return {
        name: {"prepared": str(value)} if isinstance(value, Prepared) else str(value)
        for name, value in variables.items()
    }


def from_json(stored: Mapping[str, object]) -> dict[str, object]:
    """Return what `to_json` was given."""
    return {
        name: Prepared(value["prepared"]) if isinstance(value, dict) else value
        for name, value in stored.items()
    }
