"""The page: what arrived, as WeCom shows it, and beside it the sandbox's state and drills.

Pure: records and state in, HTML out.  Everything that comes from a message is escaped here or in
`wecom.markdown`; the page holds no inline script or style and asks for nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from wecom import markdown
from wecom.errors import judge
from wecom.sandbox import bodies
from wecom.sandbox.ledger import Received
from wecom.sandbox.panel import panel
from wecom.sandbox.view import State, View
from wecom.sandbox.words import word

_PAGE_SIZE = 100
_PAUSE_S = 300  # a time stands between messages that are further apart


def page(view: View, records: Sequence[Received], state: State, version: int) -> str:
    """Return the whole page."""
    body_class = ' class="at-panel"' if view.panel else ""
    return f"""{head(view, "title", version, script="feed.js", body_class=body_class)}
{bar(view)}
<div class="app">
{_groups(view, records, state)}
{_chat(view, records, state)}
{panel(view, state)}
</div>
</body>
</html>
"""


def head(view: View, title: str, version: int, *, script: str, body_class: str = "") -> str:
    """Return a page's beginning, up to the opened body."""
    # A page that somebody types in does not reload under the hands.
    reload = '<noscript><meta http-equiv="refresh" content="5"></noscript>\n' if script == "feed.js" else ""
    return f"""<!DOCTYPE html>
<html lang="{"zh-CN" if view.lang == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{view.say(title)}</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/feed.css">
{reload}<script type="module" src="/static/{script}"></script>
</head>
<body{body_class} data-version="{version}">"""


def bar(view: View, *, at_desk: bool = False) -> str:
    """Return the line at the top: the name, the two pages, the language."""
    other = "en" if view.lang == "zh" else "zh"
    name = "English" if view.lang == "zh" else "中文"
    to_panel = (
        f'<a class="only-small" href="{escape(view.address(panel=False))}">{view.say("back")}</a>'
        if view.panel
        else f'<a class="only-small" href="{escape(view.address(panel=True))}">{view.say("state")}</a>'
    )
    if at_desk:
        to_panel = ""
    language = "" if view.lang == "zh" else f"?lang={view.lang}"
    to_other_page = (
        f'<a href="{escape(replace(View(), lang=view.lang).address())}">{view.say("all")}</a>'
        if at_desk
        else f'<a href="/approvals{language}">{view.say("approval_title")}</a>'
    )
    to_language = f"/approvals?lang={other}" if at_desk else view.address(lang=other)
    return f"""<header class="bar">
<img class="logo" src="/static/icon.svg" alt="" width="22" height="22">
<strong class="brand">{view.say("title")}</strong>
<span class="notice">{view.say("notice")}</span>
<span class="live" id="live" data-lost="{view.say("waiting")}"><i></i><b>{view.say("live")}</b></span>
{to_other_page}
{to_panel}
<a href="{escape(to_language)}" hreflang="{other}" lang="{other}">{name}</a>
</header>"""


# --- the groups -----------------------------------------------------------------------------------------


def _groups(view: View, records: Sequence[Received], state: State) -> str:
    latest: dict[str, Received] = {}
    totals: dict[str, int] = {}
    for row in records:
        latest[row.group] = row
        totals[row.group] = totals.get(row.group, 0) + 1
    names = list(dict.fromkeys([*(robot.group for robot in state.robots), *latest]))
    rows = [_group_row(view, None, 0, records[-1] if records else None, len(records), state)]
    rows += [
        _group_row(view, name, place, latest.get(name), totals.get(name, 0), state)
        for place, name in enumerate(names)
    ]
    return f'<nav class="groups" id="groups" aria-label="{view.say("groups")}">{"".join(rows)}</nav>'


def _group_row(
    view: View, group: str | None, place: int, last: Received | None, total: int, state: State
) -> str:
    shown = view.say("all") if group is None else view.group_name(group)
    current = ' aria-current="page"' if view.group == group and view.before is None else ""
    address = escape(view.address(group=group, before=None, panel=False))
    preview, when = "", ""
    if last is not None:
        preview = escape(_preview(view, last))
        when = state.day_or_clock(last.at)
    return (
        f'<a class="group" href="{address}"{current}>{_avatar(group, place)}'
        f'<span class="group-name">{shown}</span><time>{when}</time>'
        f'<span class="group-last">{preview}</span><span class="group-count">{total or ""}</span></a>'
    )


def _avatar(group: str | None, place: int) -> str:
    tone = "all" if group is None else str(place % 5)
    letter = "∑" if group is None else escape((group.strip() or "?")[0])
    return f'<span class="avatar tone-{tone}" aria-hidden="true">{letter}</span>'


def _preview(view: View, row: Received) -> str:
    if row.msgtype in ("image", "file", "voice"):
        name = word(view.lang, {"image": "picture"}.get(row.msgtype, row.msgtype))
        return f"[{name}] {row.content}".strip()
    text = markdown.plain(row.content[:400]) if row.msgtype.startswith("markdown") else row.content
    return " ".join(text.split())[:60]


# --- the conversation -----------------------------------------------------------------------------------


def _chat(view: View, records: Sequence[Received], state: State) -> str:
    chosen = [row for row in records if view.group is None or row.group == view.group]
    if view.before is not None:
        chosen = [row for row in chosen if row.id < view.before]
    shown = chosen[-_PAGE_SIZE:]
    rows: list[str] = []
    for index in range(len(shown) - 1, -1, -1):  # newest first: the box is filled from its lower edge
        row = shown[index]
        rows.append(_message(view, row, state))
        if index == 0 or row.at - shown[index - 1].at > _PAUSE_S:
            rows.append(
                f'<p class="pause" id="t{row.id}"><time>{state.day_and_clock(view, row.at)}</time></p>'
            )
    if len(chosen) > len(shown):
        earlier = escape(view.address(before=shown[0].id))
        rows.append(f'<p class="pause" id="earlier"><a href="{earlier}">{view.say("earlier")}</a></p>')
    if view.before is not None:
        latest = escape(view.address(before=None))
        rows.insert(0, f'<p class="pause" id="latest"><a href="{latest}">{view.say("latest")}</a></p>')
    if not rows:
        rows.append(
            f'<div class="nothing" id="nothing"><h2>{view.say("empty")}</h2><p>{view.say("empty_hint")}</p>'
            f"<code>{escape(state.webhook_base_url)}</code></div>"
        )
    title = view.say("all") if view.group is None else view.group_name(view.group)
    return f"""<main class="chat">
<header class="chat-head" id="chat-head"><h1>{title}</h1>{_usage(view, state)}</header>
<div class="feed" id="feed" tabindex="0" role="log" aria-label="{title}">{"".join(rows)}</div>
</main>"""


def _usage(view: View, state: State) -> str:
    robots = [robot for robot in state.robots if robot.group == view.group]
    return "".join(
        f'<span class="usage">{_robot_name(view, robot.number)} {robot.usage}</span>' for robot in robots
    )


def _robot_name(view: View, number: int) -> str:
    name = view.say("robot")
    return f"{name} {number}" if number > 1 else name


def _message(view: View, row: Received, state: State) -> str:
    is_app = row.call == "message"
    sender = view.say("app") if is_app else _robot_name(view, row.robot)
    tag = view.say("app_tag" if is_app else "tag")
    where = f'<span class="in">{view.group_name(row.group)}</span>' if view.group is None else ""
    kind, note = _fate(view, row)
    raw = escape(row.raw[: bodies.RAW_SHOWN])
    card = bodies.card_of(row, state.card)
    look = f' data-look="{escape(card.look)}"' if card else ""
    foot = " · ".join(
        part for part in (_size(view, row), state.clock(row.at), f"#{row.id}", escape(row.msgtype)) if part
    )
    return (
        f'<article class="msg {kind}" id="m{row.id}" data-group="{escape(row.group)}"{look}>'
        f'<span class="bot{" app-bot" if is_app else ""}" aria-hidden="true"></span><div class="msg-body">'
        f'<p class="from">{sender}<span class="tag">{tag}</span>{where}</p>'
        f'<div class="bubble {escape(row.msgtype or "none")}">{note}{bodies.body(view, row, card)}</div>'
        f'<details class="foot"><summary>{foot}</summary><pre>{raw}</pre></details>'
        "</div></article>"
    )


def _fate(view: View, row: Received) -> tuple[str, str]:
    """Return the class of a message and the line that says what became of it, where that is not plain."""
    if row.shown:
        if row.is_double:
            return "doubled", _note("warn", view.say("double", row.repeat_of))
        if row.fault and row.errcode is None:
            return "untold", _note("warn", f"{view.say('untold')} · {view.fault_name(row.fault)}")
        if row.fault:
            return "untold", _note("warn", f"{view.say('slow')} · {view.fault_name(row.fault)}")
        if row.missed:
            return "untold", _note("warn", f"{view.say('missed')}: {escape(row.missed)}")
        return "taken", ""
    if row.errcode:
        verdict = judge(row.errcode, oversized=0 < row.limit < row.size)
        reason = verdict.explanation if view.lang == "zh" else verdict.explanation_en
        head = f"{view.say('refused')} · <b>{row.errcode}</b> {escape(row.errmsg)}"
        return "refused", _note("bad", head, escape(reason))
    if row.fault:
        return "refused", _note("bad", f"{view.say('not_taken')} · {view.fault_name(row.fault)}")
    if row.repeat_of:
        return "stopped", _note("quiet", view.say("suppressed", row.repeat_of))
    return "stopped", _note("quiet", view.say("dropped"))


def _note(tone: str, head: str, text: str = "") -> str:
    sign = {"bad": "▲", "warn": "◆", "quiet": "○"}[tone]
    more = f"<span>{text}</span>" if text else ""
    return f'<p class="note {tone}"><strong>{sign} {head}</strong>{more}</p>'


def _size(view: View, row: Received) -> str:
    if not row.size or not row.limit:
        return ""
    if row.msgtype in ("image", "file", "voice"):
        return f"{row.size / 1024:,.0f} KB"
    over = ' class="over"' if row.size > row.limit else ""
    return f"<span{over}>{row.size:,} / {row.limit:,}</span> {view.say('bytes')}"
