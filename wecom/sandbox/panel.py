"""The page's third column: counters, robots, drills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from wecom.sandbox.view import RobotState, State, View
from wecom.sandbox.words import DRILLS


def panel(view: View, state: State) -> str:
    """Return the column."""
    numbers = "".join(
        f'<div class="number {name}"><b>{state.counts[name]:,}</b>'
        f"<span>{view.say(f'count_{name}')}</span></div>"
        for name in ("received", "shown", "refused", "doubles")
    )
    robots = "".join(_robot_row(view, robot) for robot in state.robots)
    faults = "".join(_fault_row(view, fault) for fault in state.faults)
    drills = _options((name, view.say(name)) for name in DRILLS)
    which = _options(_robot_choices(view, state))
    return f"""<aside class="panel" id="panel" aria-label="{view.say("state")}">
<section><h2>{view.say("counts")}</h2><div class="numbers" id="numbers">{numbers}</div></section>
<section><h2>{view.say("robots")}</h2><ul class="robots" id="robots">{robots}</ul></section>
<section><h2>{view.say("drill")}</h2><p class="mut">{view.say("drill_hint")}</p>
<ul class="faults" id="faults">{faults}</ul>
<form method="post" action="/control" class="drill">{_hidden(view)}
<label>{view.say("mode")}<select name="drill">{drills}</select></label>
<label>{view.say("which")}<select name="robot">{which}</select></label>
<label>{view.say("times")}<input name="times" type="number" min="1" max="999" value="1"></label>
<button class="main">{view.say("start")}</button></form></section>
<section><h2>{view.say("address")}</h2><code>{escape(state.webhook_base_url)}</code>
<code>{escape(state.webhook_base_url.partition("/cgi-bin")[0])}</code>
<form method="post" action="/control">{_hidden(view)}<input type="hidden" name="action" value="forget">
<button>{view.say("forget")}</button></form></section>
</aside>"""


def _robot_row(view: View, robot: RobotState) -> str:
    bar = (
        f'<meter min="0" max="{robot.rate}" high="{robot.rate - 1}" value="{robot.used}">{robot.used}</meter>'
        if robot.rate
        else ""
    )
    return (
        f'<li><span>{escape(robot.name)} <i class="mut">{escape(robot.shown_key)}</i></span>'
        f"<b>{robot.usage}</b>{bar}</li>"
    )


def _fault_row(view: View, fault: Mapping[str, Any]) -> str:
    where = escape(str(fault["key"])) if fault["key"] else view.say("every")
    times = f" × {fault['times']}" if "times" in fault else ""
    return (
        f"<li><span><b>{view.fault_name(str(fault['label']))}</b> · {where}{times}</span>"
        f'<span class="mut">{view.say("hits", fault["hits"])}</span>'
        f'<form method="post" action="/control">{_hidden(view)}'
        '<input type="hidden" name="action" value="mend">'
        f'<input type="hidden" name="number" value="{fault["number"]}">'
        f"<button>{view.say('mend')}</button></form></li>"
    )


def _robot_choices(view: View, state: State) -> Iterable[tuple[str, str]]:
    yield "", view.say("every")
    for robot in state.robots:
        yield escape(robot.name), escape(robot.name)


def _options(choices: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<option value="{value}">{label}</option>' for value, label in choices)


def _hidden(view: View) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in view.kept().items()
    )
