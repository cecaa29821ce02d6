"""A first mapping for somebody to look at: fields to the controls that have their names."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.mapping.controls import Control, Form
from contracts.mapping.rules import LIST_MARK, Rule

_WRITTEN = {"Money": "yuan", "Date": "date_chinese"}


def propose(fields: Iterable[str], form: Form) -> list[Rule]:
    """Return rules for the fields that a control is titled like; a column needs its table's title, too."""
    by_title: dict[str, tuple[str, Control]] = {}
    tables = {control.id: control for control in form.controls if control.kind == "Table"}
    for path, control in form.paths():
        if control.kind == "Table":
            continue
        table = tables.get(path.partition("/")[0]) if "/" in path else None
        name = f"{table.title}{LIST_MARK}{control.title}" if table else control.title
        by_title.setdefault(name, (path, control))
    rules = []
    for name in fields:
        if name in by_title:
            path, control = by_title[name]
            conversion = _WRITTEN.get(control.kind, "plain")
            rules.append(Rule(name, path=path, kind=control.kind, conversion=conversion))
    return rules
