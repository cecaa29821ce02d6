"""WeCom's `markdown` dialect: making user text harmless, counting, splitting, and showing it.

The dialect (developer.work.weixin.qq.com/document/path/99110): headings, bold, links, inline code,
quotes, three font colours and mentions by userid.  It has no lists, tables or pictures, and no escape
character; so `escape` swaps the characters that act as markup for their full-width twins.

Everything here works on one small model: a text is `Line`s, a line is `Span`s, and a span knows whether
it is bold and which colour it has.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import quote

from wecom.payloads import byte_length, clip, printable

__all__ = ["byte_length", "clip", "escape", "link", "mention", "parse", "plain", "split", "to_html"]

LIMIT = 4096
SMALLEST_LIMIT = 256  # heading, marker and one tagged character must fit on every part

_COLORS = ("info", "comment", "warning")

# --- user text ------------------------------------------------------------------------------------------

_FULL_WIDTH = str.maketrans({"<": "＜", ">": "＞", "[": "［", "]": "］", "`": "｀"})
_LINE_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_JOINERS = "\u200c\u200d"  # emoji and several scripts need them
_USERID = re.compile(r"[A-Za-z0-9_.@-]{1,64}")


def escape(user_text: str) -> str:
    """Make a value harmless inside a Markdown message: one line of text that cannot act as markup.

    Mentions, font tags, links, quotes and code end at characters that become full-width; a leading `#`
    and bold markers likewise; line breaks become spaces; control and bidi characters are dropped.  The
    result stays harmless whatever stands next to it, and escaping it again changes nothing.
    """
    text = _LINE_BREAKS.sub(" ", printable(user_text))
    if not text.isprintable():  # nearly all text is, and then holds no such character
        text = "".join(ch for ch in text if ch in _JOINERS or unicodedata.category(ch) not in ("Cc", "Cf"))
    text = text.translate(_FULL_WIDTH).strip()
    text = re.sub(r"^#+", lambda run: "＃" * len(run[0]), text)
    # One asterisk inside a value is a size (10*20); two, or one that could meet its neighbour's, are bold.
    text = re.sub(r"\*{2,}|^\*|\*$", lambda run: "＊" * len(run[0]), text)
    text = re.sub(r"&(?=#?\w+;)", "＆", text)  # should a client decode entities, this is none
    return re.sub(r"\\$", "＼", text)


def mention(userid: str) -> str:
    """Build the mention that rings a member; a userid comes from the address book, not from a form."""
    if not _USERID.fullmatch(userid):
        raise ValueError("a userid is 1 to 64 letters, digits or _ . @ -")
    return f"<@{userid}>"


def link(label: str, url: str) -> str:
    """Build a link from a user's label and an http(s) address."""
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("a link must start with http:// or https://")
    safe = quote(printable(url), safe="!#$%&'*+,/:;=?@-._~")
    return f"[{escape(label)}]({safe})"


# --- the model ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A run of one line: `text`, `code`, `mention` or `link`, with what is in force on it."""

    kind: str
    text: str  # what the reader sees; of a mention the userid
    url: str = ""
    is_bold: bool = False
    color: str = ""

    @property
    def source(self) -> str:
        """Return the span as written, without bold and colour."""
        match self.kind:
            case "code":
                return f"`{self.text}`"
            case "mention":
                return f"<@{self.text}>"
            case "link":
                return f"[{self.text}]({self.url})"
        return self.text


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its prefix as written (`### `, `> ` or nothing), the heading's level, and its spans."""

    source: str
    prefix: str
    level: int
    spans: tuple[Span, ...]
    is_whole: bool = True  # False when a colour began on an earlier line or goes on in the next one

    @property
    def is_quote(self) -> bool:
        """True for a line that begins with `>`."""
        return self.prefix.startswith(">")


_PREFIX = re.compile(r"(?P<heading>#{1,6}) +|> ?")
_TOKEN = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<@(?P<mention>[A-Za-z0-9_.@-]{1,64})>"
    r"|\[(?P<label>[^\[\]\n]*)\]\((?P<url>[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)\)"
    r"|<font +color=(?P<mark>[\"']?)(?P<color>info|comment|warning)(?P=mark) *>"
    r"|(?P<unfont></font>)"
    r"|(?P<bold>\*\*)"
)


def parse(text: str) -> list[Line]:
    """Read a Markdown text; markup that is not complete is text."""
    rows: list[tuple[str, re.Match[str] | None, list[re.Match[str]]]] = []
    for source in text.split("\n"):
        prefix = _PREFIX.match(source)
        rows.append((source, prefix, list(_TOKEN.finditer(source, prefix.end() if prefix else 0))))
    paired = _paired_fonts(token for _, _, tokens in rows for token in tokens)
    lines: list[Line] = []
    color = ""
    for source, prefix, tokens in rows:
        before = color
        spans, color = _spans(source, prefix.end() if prefix else 0, tokens, paired, before)
        lines.append(
            Line(
                source=source,
                prefix=prefix[0] if prefix else "",
                level=len(prefix["heading"] or "") if prefix else 0,
                spans=spans,
                is_whole=not before and not color,
            )
        )
    return lines


def _inline(label: str) -> tuple[Span, ...]:
    """Read the label of a link, where bold and colours may stand but no heading or quote."""
    tokens = list(_TOKEN.finditer(label))
    return _spans(label, 0, tokens, _paired_fonts(tokens), "")[0]


def _paired_fonts(tokens: Iterable[re.Match[str]]) -> set[int]:
    """Return the identities of the font tags that have their partner: an opening one, then a closing one."""
    paired: set[int] = set()
    opened: re.Match[str] | None = None
    for token in tokens:
        if token["color"]:
            opened = token
        elif token["unfont"] and opened is not None:
            paired |= {id(opened), id(token)}
            opened = None
    return paired


def _spans(
    source: str, start: int, tokens: list[re.Match[str]], paired: set[int], color: str
) -> tuple[tuple[Span, ...], str]:
    """Cut a line into spans; return them with the colour that is in force at its end."""
    bolds = [token for token in tokens if token["bold"]]
    toggles = {id(token) for token in bolds[: len(bolds) // 2 * 2]}
    spans: list[Span] = []
    literal = ""
    is_bold = False

    def flush() -> None:
        nonlocal literal
        if literal:
            spans.append(Span("text", literal, is_bold=is_bold, color=color))
        literal = ""

    position = start
    for token in tokens:
        literal += source[position : token.start()]
        position = token.end()
        if id(token) in toggles:
            flush()
            is_bold = not is_bold
        elif id(token) in paired:
            flush()
            color = token["color"] or ""
        elif token["code"]:
            flush()
            spans.append(Span("code", token["code"], is_bold=is_bold, color=color))
        elif token["mention"]:
            flush()
            spans.append(Span("mention", token["mention"], is_bold=is_bold, color=color))
        elif token["label"] is not None:
            flush()
            spans.append(Span("link", token["label"], url=token["url"], is_bold=is_bold, color=color))
        else:
            literal += token[0]
    literal += source[position:]
    flush()
    return tuple(spans), color


def _write(prefix: str, spans: Iterable[Span]) -> str:
    """Write spans as one self-contained line: every colour and bold run is closed on it."""
    parts = [prefix]
    color, is_bold = "", False
    for span in spans:
        if (color, is_bold) != (span.color, span.is_bold):
            parts.append(_closing(color, is_bold) + _opening(span.color, span.is_bold))
            color, is_bold = span.color, span.is_bold
        parts.append(_LITERAL_TAG.sub("＜", span.text) if span.kind == "text" else span.source)
    parts.append(_closing(color, is_bold))
    return "".join(parts)


_LITERAL_TAG = re.compile(r"<(?=/?font\b)")  # half a pair; a partner must not turn up on another part


def _opening(color: str, is_bold: bool) -> str:
    return (f'<font color="{color}">' if color else "") + ("**" if is_bold else "")


def _closing(color: str, is_bold: bool) -> str:
    return ("**" if is_bold else "") + ("</font>" if color else "")


# --- splitting ------------------------------------------------------------------------------------------


def split(text: str, limit: int = LIMIT, heading: str | None = None) -> list[str]:
    """Split a message into parts of at most `limit` UTF-8 bytes, at line borders.

    A text that fits comes back alone and untouched.  Otherwise every part begins with the heading
    (`heading`, or the text's first line when that is one) and a marker such as `(1/3)`.  A line that is
    too long by itself is cut between characters, outside of links, mentions and code, and its colour
    and bold run are closed and opened again; only markup that is longer than a whole part is taken apart.
    """
    if limit < SMALLEST_LIMIT:
        raise ValueError(f"a part needs at least {SMALLEST_LIMIT} bytes, not {limit}")
    text = printable(text)
    if byte_length(text) <= limit:
        return [text]
    head, lines = _head_and_body(text, heading, limit)
    digits = 1
    while True:
        room = limit - byte_length(_headline(head, 10**digits - 1, 10**digits - 1, limit)) - 1
        pages = _pages(lines, room)
        if len(pages) < 10**digits:
            break
        digits += 1
    total = len(pages)
    if total == 1:  # writing the colours anew has saved the bytes that were too many
        return ["\n".join((*head.splitlines(), *pages[0]))]
    return [
        "\n".join((_headline(head, number, total, limit), *page))
        for number, page in enumerate(pages, start=1)
    ]


def _head_and_body(text: str, heading: str | None, limit: int) -> tuple[str, list[Line]]:
    """Part the repeated heading from the lines that follow it.

    A heading too long to be repeated whole stays in the body, too, so that none of it is lost.
    """
    if heading is not None and (text == heading or text.startswith(heading + "\n")):
        body = text[len(heading) + 1 :]
        return heading, parse(body if byte_length(heading) <= limit // 3 else text)
    lines = parse(text)
    if heading is not None:
        return heading, lines
    if not lines[0].level:
        return "", lines
    # Repeated beside other lines, half a pair of font tags could find a partner: so written anew.
    first = lines[0]
    head = _write(first.prefix, first.spans) if "font" in first.source else first.source
    return head, lines[1:] if byte_length(head) <= limit // 3 else lines


def _headline(head: str, number: int, total: int, limit: int) -> str:
    """Write the heading with its marker; one over a third of a part is shortened to plain words."""
    marker = f"({number}/{total})"
    if not head:
        return marker
    room = limit // 3
    first, _, rest = head.partition("\n")
    if byte_length(head) > room:
        row = parse(first)[0]
        words = row.prefix + escape("".join(span.text for span in row.spans))
        first, rest = clip(words, room), ""
    return f"{first} {marker}" + (f"\n{rest}" if rest else "")


def _pages(lines: list[Line], room: int) -> list[list[str]]:
    """Fill pages with whole lines, in order."""
    pages: list[list[str]] = [[]]
    used = 0
    for row in (row for line in lines for row in _rows(line, room)):
        size = byte_length(row) + 1
        if pages[-1] and used + size > room + 1:
            pages.append([])
            used = 0
        pages[-1].append(row)
        used += size
    return pages


def _rows(line: Line, room: int) -> Iterator[str]:
    """Yield the line as it fits: as written, made self-contained, or cut."""
    whole = line.source if line.is_whole else _write(line.prefix, line.spans)
    if byte_length(whole) <= room:
        yield whole
        return
    prefix = line.prefix
    row: list[Span] = []
    pending = [piece for span in reversed(line.spans) for piece in _cuttable(span, line.prefix, room)]
    while pending:
        span = pending.pop()
        if byte_length(_write(prefix, [*row, span])) <= room:
            row.append(span)
            continue
        if span.kind == "text":
            left = room - byte_length(_write(prefix, [*row, replace(span, text="")]))
            front, back = _cut(span.text, left, must=not row)
            if front:
                row.append(replace(span, text=front))
            if back:
                pending.append(replace(span, text=_harmless_start(back)))
        else:
            pending.append(span)
        yield _write(prefix, row)
        row = []
        prefix = line.prefix if line.is_quote else ""  # a quote goes on as a quote, a heading as text
    if row:
        yield _write(prefix, row)


def _cuttable(span: Span, prefix: str, room: int) -> Iterator[Span]:
    """Yield the span, or its words where the markup itself is longer than a whole part."""
    if span.kind == "text":
        yield replace(span, text=_LITERAL_TAG.sub("＜", span.text))
    elif byte_length(_write(prefix, [span])) <= room:
        yield span
    else:
        words = f"{span.text} {span.url}" if span.kind == "link" else span.text
        yield replace(span, kind="text", text=words.translate(_FULL_WIDTH).replace("**", "＊＊"), url="")


def _harmless_start(text: str) -> str:
    """Keep the rest of a cut line from becoming a heading or a quote at the start of its new line."""
    return re.sub(r"^[#>]+", lambda run: run[0].replace("#", "＃").replace(">", "＞"), text)


_GOOD_BREAK = re.compile(r"[\s,.;:!?，。；：！？、）】」]")


def _cut(text: str, room: int, *, must: bool) -> tuple[str, str]:
    """Cut a text so that the front has at most `room` bytes, at a good place between characters.

    Returns an empty front when nothing fits; with `must`, at least one character goes in front even if
    that parts it from its combining marks.
    """
    front = _beginning(text, room)
    end = len(front)
    while end and end < len(text) and _is_glued(text, end):
        end -= 1
    for place in range(end, max(end * 3 // 4, 0), -1):
        if _GOOD_BREAK.match(text[place - 1]):
            end = place
            break
    if end == 0 and must:
        end = max(len(front), 1)
    return text[:end], text[end:]


def _beginning(text: str, limit: int) -> str:
    """Return the longest beginning of a text that has at most so many bytes."""
    limit = max(limit, 0)
    return text[:limit].encode("utf-8")[:limit].decode("utf-8", "ignore")


def _is_glued(text: str, place: int) -> bool:
    """Say whether the characters around a place belong together (combining marks, emoji sequences)."""
    before, after = text[place - 1], text[place]
    if unicodedata.category(after) in ("Mn", "Me", "Mc") or after in _JOINERS or before in _JOINERS:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff":
        return True
    return all("\U0001f1e6" <= ch <= "\U0001f1ff" for ch in (before, after))


# --- showing --------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return the message as plain text, for readers whose client shows no Markdown."""
    return "\n".join("".join(_plain_span(span) for span in line.spans) for line in parse(text))


def _plain_span(span: Span) -> str:
    if span.kind == "mention":
        return f"@{span.text}"
    if span.kind == "link":
        label = _label_text(span)
        return span.url if label in ("", span.url) else f"{label} {span.url}"
    return span.text


def _label_text(span: Span) -> str:
    return "".join(inner.text for inner in _inline(span.text))


def to_html(text: str) -> str:
    """Show the message as WeCom does, as safe HTML: classes only (`md-…`), links only to http(s)."""
    blocks: list[str] = []
    quoted: list[str] = []
    for line in parse(printable(text)):
        inner = "".join(_html_span(span) for span in line.spans)
        if line.is_quote:
            quoted.append(f'<div class="md-line">{inner}</div>')
            continue
        if quoted:
            blocks.append(f'<blockquote class="md-quote">{"".join(quoted)}</blockquote>')
            quoted = []
        if line.level:
            level = line.level
            blocks.append(f'<div class="md-h md-h{level}" role="heading" aria-level="{level}">{inner}</div>')
        else:
            blocks.append(
                f'<div class="md-line">{inner}</div>' if inner.strip() else '<div class="md-gap"></div>'
            )
    if quoted:
        blocks.append(f'<blockquote class="md-quote">{"".join(quoted)}</blockquote>')
    return "".join(blocks)


def _html_span(span: Span) -> str:
    match span.kind:
        case "code":
            shown = f'<code class="md-code">{html.escape(span.text)}</code>'
        case "mention":
            shown = f'<span class="md-mention">@{html.escape(span.text)}</span>'
        case "link" if span.url.lower().startswith(("http://", "https://")):
            label = "".join(_html_dress(inner, html.escape(inner.text)) for inner in _inline(span.text))
            shown = (
                f'<a class="md-link" href="{html.escape(span.url)}" target="_blank" '
                f'rel="noopener noreferrer">{label or html.escape(span.url)}</a>'
            )
        case _:
            shown = html.escape(span.source)
    return _html_dress(span, shown)


def _html_dress(span: Span, shown: str) -> str:
    if span.is_bold:
        shown = f"<strong>{shown}</strong>"
    return f'<span class="md-{span.color}">{shown}</span>' if span.color in _COLORS else shown
