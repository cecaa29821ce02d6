"""The YAML form of the settings, read with the place of every value; nothing is applied here.

```
notification:
  channels: {wechat_bot: {enabled: true, priority: 2, rate_limit: 20, timeout: 10}}
  retry: {max_attempts: 3, base_delay: 60, max_delay: 3600, backoff_factor: 2}
  templates: {production_alert: {title: …, content: …, channel: wechat_api}}
```

The file is composed into nodes, never into objects, and walked by what is expected, so that an
alias costs nothing and a tag makes nothing. Every mistake is told with line and column, all at once;
only where the writing itself is broken does the reader end at the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import yaml
from django.utils.translation import gettext as _

LARGEST = 256 * 1024
MOST_ALIASES = 20
DEEPEST = 12

_TAG = "tag:yaml.org,2002:"
_WHOLE = re.compile(r"(0|[1-9][0-9]{0,11})\Z")
_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?\Z")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Located:
    """A value and where it stands, counted from one."""

    value: Any
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake: where it is, and what to write instead."""

    line: int
    column: int
    message: str


@dataclass(slots=True)
class Form:
    """What a file wants: fields by channel, retry settings, fields by template."""

    channels: dict[str, dict[str, Located]] = field(default_factory=dict)
    retry: dict[str, Located] = field(default_factory=dict)
    templates: dict[str, dict[str, Located]] = field(default_factory=dict)


class BadForm(ValueError):
    """A file with mistakes: all of them, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("; ".join(problem.message for problem in self.problems))


def read(data: bytes, *, channels: Iterable[str]) -> tuple[Form, list[Problem]]:
    """Return what a file wants and what is wrong in it, so that what is right can be checked on.

    Raises BadForm where the file cannot be read as YAML at all.
    """
    text = _decoded(data)
    loader = yaml.SafeLoader  # resolves types; nothing is ever constructed
    try:
        _bound(yaml.parse(text, Loader=loader))
        root = yaml.compose(text, Loader=loader)
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise BadForm([Problem(*place, _("有不可见的控制字符，请删去"))]) from error
    except yaml.MarkedYAMLError as error:
        raise BadForm([_broken(error)]) from error
    walk = _Walk(list(channels))
    walk.file(root)
    return walk.form, walk.problems


def _decoded(data: bytes) -> str:
    if len(data) > LARGEST:
        raise BadForm([Problem(1, 1, _("文件超过 %(most)d KB") % {"most": LARGEST // 1024})])
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise BadForm([Problem(line, column, _("不是 UTF-8 文字：请另存为 UTF-8 编码"))]) from error


def _bound(events: Iterator[yaml.Event]) -> None:
    """Refuse, before anything is composed, what is nested or aliased beyond any use."""
    depth = aliases = documents = 0
    for event in events:
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        aliases += isinstance(event, yaml.AliasEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        message = ""
        if depth > DEEPEST:
            message = _("嵌套超过 %(most)d 层") % {"most": DEEPEST}
        elif aliases > MOST_ALIASES:
            message = _("别名（*）超过 %(most)d 处：请直接写出来") % {"most": MOST_ALIASES}
        elif documents > 1:
            message = _("一个文件只能有一份配置：请删去 ---")
        if message:
            raise BadForm([Problem(*_place(event.start_mark), message)])


def _place(mark: Any) -> tuple[int, int]:
    """Return line and column of a mark of the reader, counted from one."""
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


_BROKEN = (
    ("\\t", "缩进用了制表符（Tab）：请改用空格"),
    ("mapping values are not allowed", "这里不该有冒号：请看缩进，或给含冒号的文字加引号"),
    ("could not find expected ':'", "少了冒号，或缩进不对"),
    ("expected <block end>", "缩进与上面的行不一致"),
    ("found undefined alias", "别名没有定义"),
    ("unexpected end of stream", "引号没有结束"),
    ("found duplicate anchor", "锚点重名"),
    ("expected ',' or", "括号没有结束，或少了逗号"),
)


def _broken(error: yaml.MarkedYAMLError) -> Problem:
    """Say what is wrong with the writing, where the parser noticed it."""
    mark = error.problem_mark or error.context_mark
    said = f"{error.context or ''} {error.problem or ''}"
    message = next((_(text) for sign, text in _BROKEN if sign in said), "")
    return Problem(*_place(mark), message or _("YAML 写法有误：%(said)s") % {"said": said.strip()})


def _names(node: yaml.Node) -> set[str] | None:
    """Return the keys of a mapping; None for what is none."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return {key.value for key, _below in node.value if isinstance(key, yaml.ScalarNode)}


Check = Callable[[yaml.Node, str], Any]


class _Walk:
    """Goes through the nodes by what is expected, and gathers values and problems."""

    def __init__(self, channels: list[str]) -> None:
        self.form = Form()
        self.problems: list[Problem] = []
        self._channels = channels

    # --- the parts of the file ---

    def file(self, root: yaml.Node | None) -> None:
        if root is None:
            self.problems.append(Problem(1, 1, _("文件是空的：要以 notification: 开头")))
            return
        for _key, node in self._entries(root, "", ["notification"]):
            self._notification(node)
            if not self.problems and not (self.form.channels or self.form.retry or self.form.templates):
                self._say(node, _("notification 之下没有 channels、retry 或 templates"))

    def _notification(self, node: yaml.Node) -> None:
        parts = {"channels": self._channel_list, "retry": self._retry, "templates": self._template_list}
        for key, below in self._entries(node, "notification", parts):
            parts[key](below)

    def _channel_list(self, node: yaml.Node) -> None:
        for code, below in self._entries(node, "notification.channels", self._channels):
            path = f"notification.channels.{code}"
            most = 20 if code == "wechat_bot" else 10_000  # the robot's own limit
            fields: dict[str, Check] = {
                "enabled": self._flag,
                "priority": self._whole(1, 99),
                "rate_limit": self._whole(1, most),
                "timeout": self._whole(1, 30),
            }
            self.form.channels[code] = self._fields(below, path, fields)

    def _retry(self, node: yaml.Node) -> None:
        fields: dict[str, Check] = {
            "max_attempts": self._whole(1, 21),
            "base_delay": self._whole(1, 3600),
            "max_delay": self._whole(1, 86_400),
            "backoff_factor": self._real(1, 10),
        }
        self.form.retry = self._fields(node, "notification.retry", fields)

    def _template_list(self, node: yaml.Node) -> None:
        for name, below in self._entries(node, "notification.templates", None):
            path = f"notification.templates.{name}"
            fields: dict[str, Check] = {
                "title": self._text(255, lines=False),
                "content": self._text(20_000, lines=True),
                "channel": self._choice(self._channels),
            }
            found = self._fields(below, path, fields)
            given = _names(below)
            for missing in [key for key in ("title", "content") if given is not None and key not in given]:
                self._say(below, _("%(path)s 少了 %(key)s") % {"path": path, "key": missing})
            self.form.templates[name] = found

    # --- mappings ---

    def _fields(self, node: yaml.Node, path: str, fields: dict[str, Check]) -> dict[str, Located]:
        found: dict[str, Located] = {}
        for key, below in self._entries(node, path, fields):
            value = fields[key](below, f"{path}.{key}")
            if value is not None:
                found[key] = Located(value, *_place(below.start_mark))
        return found

    def _entries(
        self, node: yaml.Node, path: str, known: Iterable[str] | None
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Yield the entries of a mapping whose key is known (None: any name), each once."""
        if not isinstance(node, yaml.MappingNode):
            what = _("要写成“名: 值”的几行") if path else _("文件要以 notification: 开头")
            self._say(node, f"{path}：{what}" if path else what)
            return
        seen: dict[str, int] = {}
        for key, below in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name:
                self._say(key, _("名字要是一个词"))
            elif name in seen:
                said = {"key": name, "line": seen[name]}
                self._say(key, _("%(key)s 重复：第 %(line)d 行已经写过") % said)
            elif known is None and not _NAME.match(name):
                self._say(key, _("%(key)s 不是名字：用字母开头，只含字母、数字、_ . -") % {"key": name[:64]})
            elif known is not None and name not in known:
                self._say(key, self._unknown(name, path, list(known)))
            else:
                seen[name] = key.start_mark.line + 1
                yield name, below

    def _unknown(self, name: str, path: str, known: list[str]) -> str:
        meant = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
        hint = (
            _("是不是 %(word)s？") % {"word": meant[0]}
            if meant
            else _("可以写：%(words)s") % {"words": "、".join(known)}
        )
        return _("%(path)s不认识 %(key)s。%(hint)s") % {
            "path": f"{path} " if path else "",
            "key": name[:64],
            "hint": hint,
        }

    # --- values ---

    def _flag(self, node: yaml.Node, path: str) -> bool | None:
        if self._is(node, "bool"):
            return bool(yaml.SafeLoader.bool_values[node.value.lower()])
        return self._wrong(node, path, _("true 或 false（不加引号）"))

    def _whole(self, low: int, high: int) -> Check:
        def read(node: yaml.Node, path: str) -> int | None:
            if self._is(node, "int") and _WHOLE.match(node.value) and low <= int(node.value) <= high:
                return int(node.value)
            return self._wrong(
                node, path, _("%(low)d–%(high)d 的整数（不加引号）") % {"low": low, "high": high}
            )

        return read

    def _real(self, low: float, high: float) -> Check:
        def read(node: yaml.Node, path: str) -> float | None:
            is_number = self._is(node, "int") or self._is(node, "float")
            if is_number and _DECIMAL.match(node.value) and low <= float(node.value) <= high:
                return float(node.value)
            return self._wrong(
                node, path, _("%(low)s–%(high)s 的数（不加引号）") % {"low": f"{low:g}", "high": f"{high:g}"}
            )

        return read

    def _text(self, longest: int, *, lines: bool) -> Check:
        def read(node: yaml.Node, path: str) -> str | None:
            if not self._is(node, "str"):
                return self._wrong(node, path, _("文字（数字、是否、日期要加引号）"))
            text = str(node.value).rstrip("\n")
            if not text.strip():
                return self._wrong(node, path, _("不为空的文字"))
            if len(text) > longest:
                return self._wrong(node, path, _("最多 %(most)d 个字") % {"most": longest})
            if not lines and "\n" in text:
                return self._wrong(node, path, _("一行文字"))
            return text

        return read

    def _choice(self, known: list[str]) -> Check:
        def read(node: yaml.Node, path: str) -> str | None:
            if self._is(node, "str") and node.value in known:
                return str(node.value)
            if self._is(node, "str") and (meant := get_close_matches(node.value.lower(), known, n=1)):
                return self._wrong(node, path, _("是不是 %(word)s？") % {"word": meant[0]})
            return self._wrong(node, path, "、".join(known))

        return read

    def _is(self, node: yaml.Node, kind: str) -> bool:
        return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + kind

    def _wrong(self, node: yaml.Node, path: str, wanted: str) -> Any:
        """Tell what should stand there; return None, which stands for no value."""
        if not isinstance(node, yaml.ScalarNode):
            got = _("几个值")
        elif self._is(node, "null"):
            got = _("空")
        else:
            got = repr(node.value[:40])
        said = {"path": path, "wanted": wanted, "got": got}
        self._say(node, _("%(path)s 要写：%(wanted)s；现在是 %(got)s") % said)
        return None

    def _say(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(*_place(node.start_mark), message))
