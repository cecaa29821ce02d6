"""What an author of a template should know before saving it, pure: nothing here forbids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import rendering, texts
from notifications.choices import Style
from notifications.variables import Variable, is_link
from wecom import markdown

INFO, WARNING = "info", "warning"


@dataclass(frozen=True, slots=True)
class Hint:
    """One remark, with the tone of its badge."""

    tone: str
    text: str


_NOT_SHOWN = (
    (r"\s*[-*+] \S", INFO, gettext_lazy("列表符号会原样显示")),
    (r"\s*\d+[.)] \S", INFO, gettext_lazy("编号列表会原样显示")),
    (r"\s*\|.*\|\s*\Z", WARNING, gettext_lazy("企业微信不显示表格")),
    (r".*!\[[^\]]*\]\(", WARNING, gettext_lazy("企业微信不显示图片；要附图请勾选“附图”")),
    (r"\s*(?:```|~~~)", WARNING, gettext_lazy("企业微信不显示代码块，可用单个反引号")),
    (r"\s*(?:-{3,}|_{3,}|\*{3,})\s*\Z", WARNING, gettext_lazy("企业微信不显示分隔线")),
    (r"(?:.*[^*\w])?\*(?=[^\s*])[^*]*[^\s*]\*(?!\*)", WARNING, gettext_lazy("企业微信不显示斜体")),
    (r"(?:.*[\s(（])?_(?=[^\s_])[^_{}]*[^\s_]_(?!\w)", WARNING, gettext_lazy("企业微信不显示斜体")),
    (r".*~~\S", WARNING, gettext_lazy("企业微信不显示删除线")),
    (r"#{1,6}[^#\s]", WARNING, gettext_lazy("“#”后要有空格才是标题")),
    (r"#{7,}", WARNING, gettext_lazy("标题最多六级")),
    (r".*<font(?! +color=([\"']?)(?:info|comment|warning)\1 *>)", WARNING,
     gettext_lazy("颜色只有 info、comment、warning")),
    (r".*</?(?!@|font\b)[a-zA-Z][^>]*>", WARNING, gettext_lazy("企业微信不显示 HTML 标签")),
)  # fmt: skip
_COMPILED = tuple((re.compile(pattern), tone, text) for pattern, tone, text in _NOT_SHOWN)

_TARGET = re.compile(r"\]\(([^()\s]+)\)")
_BARE_HOST = re.compile(
    r"(?<![\w@:/.%-])(?:[a-z0-9][a-z0-9-]*\.)+(?:com|cn|net|org|io|local|lan)(?:[/:?][^\s)]*)?(?![\w.])",
    re.IGNORECASE,
)
_LOUD = re.compile(r"(?<![<\w.@])@[\w.-]*\w")


def for_template(
    title: str, content: str, variables: Mapping[str, Variable], *, filled: str, style: str
) -> list[Hint]:
    """Return the remarks on a template and on what it yields, in the order of their weight."""
    found = [*_addresses(filled), *_calls(content, filled, style)]
    if style in (Style.MARKDOWN, Style.CARD):
        found += _not_shown(content)
    found.sort(key=lambda hint: hint.tone == INFO)
    used = {*rendering.names(title), *rendering.names(content)}
    if unused := [name for name in variables if name not in used]:
        names = "、".join(f"{{{name}}}" for name in unused)
        found.append(Hint(INFO, _("没有用到的变量：%(names)s") % {"names": names}))
    return list(dict.fromkeys(found))


def _not_shown(content: str) -> Iterator[Hint]:
    """Name what WeCom's Markdown does not know, each with the first line where it stands."""
    seen: set[str] = set()
    for number, line in enumerate(content.splitlines(), start=1):
        for pattern, tone, text in _COMPILED:
            if str(text) not in seen and pattern.match(line):
                seen.add(str(text))
                yield Hint(tone, _("第 %(number)d 行：%(what)s") % {"number": number, "what": text})


def _addresses(filled: str) -> Iterator[Hint]:
    """Name addresses that WeCom does not open."""
    bad = [target for target in _TARGET.findall(filled) if not is_link(target)]
    bad += _BARE_HOST.findall(re.sub(r"\]\([^()\s]*\)", "]", filled))
    for address in dict.fromkeys(bad):
        yield Hint(WARNING, _("“%(address)s”没有 http:// 或 https://，点不开") % {"address": address[:80]})


def _calls(content: str, filled: str, style: str) -> Iterator[Hint]:
    """Say who is rung, and what only looks as if it rang somebody."""
    rung = texts.mentioned(filled)
    if rung and style == Style.PLAIN:
        yield Hint(INFO, _("纯文本不认 <@userid>：由提醒名单通知 %(names)s") % {"names": "、".join(rung)})
    elif rung and style not in (Style.MARKDOWN, Style.CARD):
        yield Hint(INFO, _("这里不能提醒到人：%(names)s 只显示名字") % {"names": "、".join(rung)})
    for name in dict.fromkeys(_LOUD.findall(_without_links(content))):
        yield Hint(
            WARNING,
            _("“%(name)s”只是文字，不会提醒到人；请用 userid 类型的变量") % {"name": name},
        )


def _without_links(content: str) -> str:
    """Return the words of a text: an @ of an address rings nobody and is not meant to."""
    return "\n".join(
        "".join(span.text for span in line.spans if span.kind == "text") for line in markdown.parse(content)
    )
