"""The approval desk: hand a form in, decide it, and see each event arrive or go wrong.

Like the feed it holds no inline script or style, works without script, and escapes all it shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from wecom.sandbox import feed
from wecom.sandbox.approvals import ACTS, Form
from wecom.sandbox.courier import Delivery, Mishap
from wecom.sandbox.forms import Control, Template
from wecom.sandbox.view import View

if TYPE_CHECKING:
    from wecom.sandbox.server import SandboxServer

_SHANGHAI = timezone(timedelta(hours=8))
_SHOWN = 100
_DELIVERIES = 30
_STATUS_TONES = {1: "wait", 2: "good", 10: "good", 3: "bad", 6: "bad"}
_LOUD = {"agree": "main"}


def approval_page(view: View, number: str, sandbox: SandboxServer) -> str:
    """Return the page; `number` is the approval that is open, or `new.TEMPLATE` for a form to hand in."""
    forms = sandbox.approvals.forms()[:_SHOWN]
    templates = tuple(sandbox.approvals.templates.values())
    chosen = next((form for form in forms if form.sp_no == number), None)
    wanted = next((row for row in templates if number == f"new.{row.id}"), None)
    if chosen is None and wanted is None:
        chosen = forms[0] if forms else None
        wanted = templates[0] if chosen is None and templates else None
    middle = _form(view, chosen, sandbox) if chosen else _blank(view, wanted) if wanted else ""
    return f"""{feed.head(view, "approval_title", sandbox.ledger.version, script="desk.js")}
{feed.bar(view, at_desk=True)}
<div class="app desk">
<nav class="groups" id="forms" aria-label="{view.say("approval_title")}">
{"".join(_new_row(view, template, wanted) for template in templates)}
{"".join(_row(view, form, chosen, sandbox) for form in forms)}
</nav>
<main class="sheet" id="sheet">{middle}</main>
<aside class="panel" aria-label="{view.say("callbacks")}">{_callbacks(view, sandbox, number)}</aside>
</div>
</body>
</html>
"""


def _address(view: View, number: str) -> str:
    query = {"no": number, **({"lang": view.lang} if view.lang != "zh" else {})}
    return escape(f"/approvals?{urlencode(query)}")


def _hidden(view: View, number: str, **fields: str) -> str:
    values = {**fields, "view_page": "approvals", "view_lang": view.lang, "view_no": number}
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in values.items()
    )


def _new_row(view: View, template: Template, wanted: Template | None) -> str:
    current = ' aria-current="page"' if template is wanted else ""
    return (
        f'<a class="group new" href="{_address(view, f"new.{template.id}")}"{current}>'
        f'<span class="avatar tone-all" aria-hidden="true">＋</span>'
        f'<span class="group-name">{escape(template.name)}</span><span></span>'
        f'<span class="group-last">{view.say("hand_in_hint")}</span></a>'
    )


def _row(view: View, form: Form, chosen: Form | None, sandbox: SandboxServer) -> str:
    current = ' aria-current="page"' if form is chosen else ""
    tone = _STATUS_TONES.get(form.status, "quiet")
    return (
        f'<a class="group" href="{_address(view, form.sp_no)}"{current}>'
        f'<span class="avatar tone-{len(form.template.id) % 5}" aria-hidden="true">'
        f"{escape(form.template.name[0])}</span>"
        f'<span class="group-name">{escape(form.template.name)}</span>'
        f"<time>{_clock(sandbox, form.applied_at)}</time>"
        f'<span class="group-last">{escape(form.applicant)} · {form.sp_no}</span>'
        f'<span class="state {tone}">{view.say(f"status_{form.status}")}</span></a>'
    )


def _clock(sandbox: SandboxServer, at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=sandbox.zone):%H:%M:%S}"


# --- one approval -------------------------------------------------------------------------------


def _form(view: View, form: Form, sandbox: SandboxServer) -> str:
    tone = _STATUS_TONES.get(form.status, "quiet")
    buttons = "".join(
        f'<form method="post" action="/control">'
        f"{_hidden(view, form.sp_no, action='approve', sp_no=form.sp_no, act=name)}"
        f'<button class="{_LOUD.get(name, "")}">{view.say(f"act_{name}")}</button></form>'
        for name in form.acts()
        if name != "comment"
    )
    comment = (
        f'<form method="post" action="/control" class="comment">'
        f"{_hidden(view, form.sp_no, action='approve', sp_no=form.sp_no, act='comment')}"
        f'<input name="text" aria-label="{view.say("act_comment")}" placeholder="{view.say("comment_hint")}">'
        f"<button>{view.say('act_comment')}</button></form>"
        if "comment" in form.acts()
        else ""
    )
    trail = "".join(
        f"<li><time>{_clock(sandbox, at)}</time> <b>{escape(who)}</b> {view.say(f'act_{name}')}</li>"
        for at, name, who in form.events
    )
    fields = "".join(_field(view, control) for control in form.contents)
    ours = f' · <span class="tag">{view.say("started_by_app")}</span>' if form.is_ours else ""
    return f"""<header class="chat-head"><h1>{escape(form.template.name)}</h1>
<span class="state {tone}">{view.say(f"status_{form.status}")}</span></header>
<div class="paper">
<p class="mut">{view.say("applicant")} <b>{escape(form.applicant)}</b> · {form.sp_no}{ours}</p>
<dl class="fields">{fields}</dl>
<div class="verbs">{buttons}</div>{comment}
<ol class="trail">{trail}</ol></div>"""


def _field(view: View, control: Mapping[str, Any]) -> str:
    title = escape(str(control["title"][0]["text"]))
    value = control["value"]
    if control["control"] == "Table":
        return f"<dt>{title}</dt><dd>{_rows(value['children'])}</dd>"
    return f"<dt>{title}</dt><dd>{_text(view, value)}</dd>"


def _rows(children: Iterable[Mapping[str, Any]]) -> str:
    rows = [row["list"] for row in children]
    if not rows:
        return ""
    head = "".join(f"<th>{escape(str(cell['title'][0]['text']))}</th>" for cell in rows[0])
    cells = ["".join(f"<td>{escape(_plain(cell['value']))}</td>" for cell in row) for row in rows]
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(view: View, value: Mapping[str, Any]) -> str:
    if value.get("files"):
        return view.say("files", len(value["files"]))
    return escape(_plain(value)).replace("\n", "<br>")


def _plain(value: Mapping[str, Any]) -> str:
    if "selector" in value:
        return "、".join(option["value"][0]["text"] for option in value["selector"]["options"])
    if "date" in value:
        return f"{datetime.fromtimestamp(int(value['date']['s_timestamp']), tz=_SHANGHAI):%Y-%m-%d}"
    for name in ("new_money", "new_number", "text"):
        if value.get(name):
            return str(value[name])
    return "、".join(str(member["name"]) for member in value.get("members", []))


# --- a form to hand in --------------------------------------------------------------------------


def _blank(view: View, template: Template) -> str:
    inputs = "".join(_input(control) for control in template.controls)
    has_file = any(control.kind == "File" for control in template.controls)
    file = (
        f'<label class="tick"><input type="checkbox" name="with_file" value="1" checked>'
        f"{view.say('with_file')}</label>"
        if has_file
        else ""
    )
    return f"""<header class="chat-head"><h1>{escape(template.name)}</h1>
<code>{escape(template.id)}</code></header>
<form method="post" action="/control" class="paper">
{_hidden(view, "", action="hand_in", template=template.id)}
<label>{view.say("applicant")}<input name="who" value="wang.min"></label>
{inputs}{file}<button class="main">{view.say("hand_in")}</button></form>"""


def _input(control: Control) -> str:
    title, name = escape(control.title), escape(f"field.{control.id}")
    match control.kind:
        case "Table":
            head = "".join(f"<th>{escape(child.title)}</th>" for child in control.children)
            body = "".join(
                "<tr>"
                + "".join(
                    f'<td><input aria-label="{escape(child.title)} {place + 1}" '
                    f'name="{escape(f"field.{control.id}.{place}.{child.id}")}" value="{escape(cell)}"></td>'
                    for child, cell in zip(control.children, row, strict=True)
                )
                + "</tr>"
                for place, row in enumerate(control.rows)
            )
            return (
                f'<fieldset><legend>{title}</legend><div class="wide"><table><thead><tr>{head}</tr></thead>'
                f"<tbody>{body}</tbody></table></div></fieldset>"
            )
        case "Selector":
            options = "".join(f"<option>{escape(option)}</option>" for option in control.options)
            return f'<label>{title}<select name="{name}">{options}</select></label>'
        case "Date":
            return f'<label>{title}<input type="date" name="{name}" value="{escape(control.sample)}"></label>'
        case "Textarea":
            return (
                f'<label>{title}<textarea name="{name}" rows="2">{escape(control.sample)}</textarea></label>'
            )
        case "File":
            return ""
    return f'<label>{title}<input name="{name}" value="{escape(control.sample)}"></label>'


# --- the callbacks ------------------------------------------------------------------------------


def _callbacks(view: View, sandbox: SandboxServer, number: str) -> str:
    courier = sandbox.courier
    where = (
        f"<code>{escape(courier.target.url)}</code>"
        if courier.target
        else f'<p class="note warn"><strong>◆ {view.say("no_callback")}</strong></p>'
    )
    armed = "".join(
        f"<li><span><b>{view.say(f'mishap_{name}')}</b> × {times}</span></li>"
        for name, times in courier.armed()
    )
    lift = (
        f'<form method="post" action="/control">{_hidden(view, number, action="no_mishaps")}'
        f"<button>{view.say('mend')}</button></form>"
        if armed
        else ""
    )
    options = "".join(
        f'<option value="{mishap.value}">{view.say(f"mishap_{mishap.value}")}</option>' for mishap in Mishap
    )
    rows = "".join(_delivery(view, row, sandbox) for row in reversed(courier.deliveries()[-_DELIVERIES:]))
    return f"""<section><h2>{view.say("callback_address")}</h2>{where}</section>
<section><h2>{view.say("mishaps")}</h2><p class="mut">{view.say("mishap_hint")}</p>
<div id="armed"><ul class="faults">{armed}</ul>{lift}</div>
<form method="post" action="/control" class="drill">{_hidden(view, number, action="mishap")}
<label>{view.say("mode")}<select name="mode">{options}</select></label>
<label>{view.say("times")}<input name="times" type="number" min="1" max="99" value="1"></label>
<button class="main">{view.say("start")}</button></form></section>
<section><h2>{view.say("callbacks")}</h2><ol class="deliveries" id="deliveries">{rows}</ol></section>"""


def _delivery(view: View, row: Delivery, sandbox: SandboxServer) -> str:
    if row.is_taken:
        tone, words = "good", f"200 · {row.duration_ms} ms"
    elif row.status is None:
        is_on_its_way = sandbox.courier.target is not None and row.mishap != Mishap.LOST
        tone, words = "quiet", view.say("under_way" if is_on_its_way else "not_delivered")
    else:
        tone, words = "bad", f"{row.status or view.say('no_answer')} · × {row.attempts}"
    mishap = f' <span class="tag">{view.say(f"mishap_{row.mishap}")}</span>' if row.mishap else ""
    subject, _, act = row.label.partition(" · ")
    name = view.say(f"act_{act}") if act == "submit" or act in ACTS else escape(act)
    return (
        f"<li><time>{_clock(sandbox, row.at)}</time> {escape(subject)} <b>{name}</b>{mishap}"
        f'<span class="state {tone}">{words}</span></li>'
    )
