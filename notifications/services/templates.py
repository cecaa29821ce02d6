"""Texts of messages: find the one to use, save it as a version, go back to an older one.

Every change goes through here, so that each has a number, an author and a time, and a
message can say which version made it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import acting
from notifications import defaults, rendering
from notifications import variables as declarations
from notifications.choices import VariableType
from notifications.models import NotificationTemplate, TemplateVersion
from notifications.models.templates import TEXT_FIELDS
from notifications.rendering import Prepared, RenderError
from notifications.services import audit
from spc_site.errors import AppError, Conflict

BUILT_IN = {"mention": declarations.Variable("mention", VariableType.USERID, "lin.qc")}
"""What every template may name without declaring it: whom the route of the message calls."""

# --- finding and filling --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Text:
    """A filled template: what will be said, and which version says it."""

    title: str
    content: str
    problem: str = ""


def find(name: str, language: str = "") -> NotificationTemplate:
    """Return the text for a recipient's language, else the one of the default language.

    A plant's row goes before the shipped default, which stands in where the row was deleted.
    Raises AppError when no text of that name exists. One query.
    """
    rows = {row.language: row for row in NotificationTemplate.objects.filter(template_name=name)}
    wanted = list(dict.fromkeys((language or settings.LANGUAGE_CODE, settings.LANGUAGE_CODE)))
    for one in wanted:
        if one in rows:
            return rows[one]
        if shipped := defaults.template(name, one):
            return NotificationTemplate(**shipped)
    if rows:
        return next(iter(rows.values()))
    raise AppError("no_template", _("没有名为 %(name)s 的消息模板。") % {"name": name})


def fill(template: NotificationTemplate, values: Mapping[str, object]) -> Text:
    """Fill a template with values as they came from `rendering.from_json`.

    Where it cannot be filled, the text holds the template itself and the problem.
    """
    try:
        types = declarations.types(declarations.read(template.variables))
        return Text(
            title=rendering.in_title(rendering.render(template.title_template, values, types=types)),
            content=rendering.render(template.content_template, values, types=types),
        )
    except ValueError as error:
        return Text(template.title_template, template.content_template, problem=str(error))


def sample_values(template: NotificationTemplate) -> dict[str, object]:
    """Return the samples of a template as the values that a sender would give."""
    return samples(BUILT_IN | declarations.read(template.variables))


def samples(variables: Mapping[str, declarations.Variable]) -> dict[str, object]:
    """Return sample values; lines are markup of the plant's own, as senders prepare them."""
    return {
        name: Prepared(one.sample) if one.type == "lines" else one.sample for name, one in variables.items()
    }


def problems(template: NotificationTemplate) -> dict[str, list[str]]:
    """Return what keeps a template from being saved, by field: each with the place."""
    found: dict[str, list[str]] = {}
    try:
        variables = declarations.read(template.variables)
    except ValueError as error:
        return {"variables": [str(error)]}
    if wrong := declarations.problems(variables):
        found["variables"] = wrong
    variables = BUILT_IN | variables
    types = declarations.types(variables)
    values = samples(variables)
    for field in ("title_template", "content_template"):
        text = getattr(template, field)
        unknown = [name for name in rendering.names(text) if name not in variables]
        # An undeclared name is told as what it is, not as a missing value.
        stand_in = dict.fromkeys(unknown, "") | values
        wrong = [
            _("%(line)s{%(name)s} 不在变量表里") % {"line": _place(text, name), "name": name}
            for name in unknown
            if declarations.NAME.match(name)
        ]
        try:
            rendering.render(text, stand_in, types=dict.fromkeys(unknown, "text") | types)
        except RenderError as error:
            wrong.extend(_placed(text, str(error)))
        if wrong:
            found[field] = wrong
    return found


def _place(text: str, name: str) -> str:
    """Say in which line of a text of several lines a placeholder stands first."""
    lines = text.splitlines()
    if len(lines) < 2:
        return ""
    return next(
        (
            _("第 %(number)d 行：") % {"number": number}
            for number, line in enumerate(lines, start=1)
            if name in rendering.names(line)
        ),
        "",
    )


def _placed(text: str, problem: str) -> Iterator[str]:
    """Give each reason of a render error its line."""
    for reason in problem.split("；"):
        name = next(iter(rendering.names(reason)), None)
        yield (_place(text, name) if name is not None else _stray_brace(text)) + reason


def _stray_brace(text: str) -> str:
    """Say in which line the first brace without a partner stands."""
    for number, line in enumerate(text.splitlines(), start=1):
        rest = line.replace("{{", "").replace("}}", "")
        if rest.count("{") != rest.count("}"):
            return _("第 %(number)d 行：") % {"number": number}
    return ""


# --- saving ---------------------------------------------------------------------------------


def save_template(
    template: NotificationTemplate,
    *,
    user: User | None = None,
    note: str = "",
    base_version: int | None = None,
) -> NotificationTemplate:
    """Save a template and number the version; saving what stands there already makes none.

    With `base_version` somebody else's save since then is a Conflict. Raises AppError, naming
    every reason, for a template that its own samples cannot fill.
    """
    if wrong := problems(template):
        reasons = "；".join(reason for several in wrong.values() for reason in several)
        raise AppError("bad_template", reasons)
    template.variables = declarations.write(declarations.read(template.variables))
    with transaction.atomic():
        stored = (
            NotificationTemplate.objects.select_for_update().filter(pk=template.pk).first()
            if template.pk
            else None
        )
        if stored is not None:
            if base_version is not None and stored.version != base_version:
                raise Conflict(
                    _("有人在此期间保存了第 %(number)d 版，请看过之后再改。") % {"number": stored.version}
                )
            if texts_of(stored) == texts_of(template):
                return stored
            template.version = stored.version
        template.version += 1
        audit.save(template, note=note, store=lambda: _store(template, user=user, note=note))
    return template


def put_template(
    name: str,
    *,
    title: str,
    content: str,
    channel: str,
    language: str = "",
    label: str = "",
    user: User | None = None,
    note: str = "",
) -> NotificationTemplate:
    """Write a template by its name, as a file of settings knows it: title, content, channel.

    Variables that the row does not declare yet become text with their own name as sample.
    Raises AppError like `save_template`.
    """
    language = language or settings.LANGUAGE_CODE
    row = NotificationTemplate.objects.filter(template_name=name, language=language).first()
    if row is None:
        shipped = defaults.template(name, language) or {"template_name": name, "language": language}
        row = NotificationTemplate(**shipped)
    row.title_template, row.content_template, row.channel = title, content, channel
    row.label = label or row.label
    known = declarations.read(row.variables)
    for used in (*rendering.names(title), *rendering.names(content)):
        if declarations.NAME.match(used):
            known.setdefault(used, declarations.Variable(used, "text", used))
    row.variables = declarations.write(known)
    return save_template(row, user=user, note=note)


def restore_version(
    template: NotificationTemplate, number: int, *, user: User | None = None
) -> NotificationTemplate:
    """Make an older version the newest again; raises AppError when there is none of that number."""
    old = template.versions.filter(number=number).first()
    if old is None:
        raise AppError("no_version", _("没有第 %(number)d 版。") % {"number": number})
    return _become(template, texts_of(old), user=user, note=_("恢复第 %(number)d 版") % {"number": number})


def restore_default(template: NotificationTemplate, *, user: User | None = None) -> NotificationTemplate:
    """Make the shipped text the newest version; raises AppError for a template of the plant's own."""
    shipped = defaults.template(template.template_name, template.language)
    if shipped is None:
        raise AppError("no_default", _("“%(name)s”没有出厂文字。") % {"name": template})
    fields = {name: shipped[name] for name in TEXT_FIELDS}
    return _become(template, fields, user=user, note=_("恢复出厂文字"))


def is_shipped(template: NotificationTemplate) -> bool:
    """Say whether a text of this name and language ships."""
    return defaults.template(template.template_name, template.language) is not None


def differs_from_default(template: NotificationTemplate) -> bool:
    """Say whether a shipped template was changed; one of the plant's own has nothing to differ from."""
    shipped = defaults.template(template.template_name, template.language)
    return shipped is not None and texts_of(template) != {name: shipped[name] for name in TEXT_FIELDS}


def _become(
    template: NotificationTemplate, fields: Mapping[str, Any], *, user: User | None, note: str
) -> NotificationTemplate:
    row = NotificationTemplate.objects.get(pk=template.pk)
    for name, value in fields.items():
        setattr(row, name, value)
    return save_template(row, user=user, note=note)


def _store(template: NotificationTemplate, *, user: User | None, note: str) -> None:
    template.save()
    TemplateVersion.objects.create(
        template=template,
        number=template.version,
        author=user or acting.current().user,
        note=note[:255],
        **texts_of(template),
    )


def texts_of(row: NotificationTemplate | TemplateVersion) -> dict[str, Any]:
    """Return what a version keeps, by field."""
    return {name: getattr(row, name) for name in TEXT_FIELDS}


# --- history --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the difference between two versions: `+` added, `-` removed, ` ` kept."""

    sign: str
    text: str


def difference(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> dict[str, list[Change]]:
    """Return what changed from one version to the next, by field, line by line."""
    before = dict.fromkeys(TEXT_FIELDS, None) if old is None else old
    return {
        name: list(_lines_changed(_as_lines(before[name]), _as_lines(new[name])))
        for name in TEXT_FIELDS
        if before[name] != new[name] and not (old is None and not new[name])
    }


def _as_lines(value: Any) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [_("是") if value else _("否")]
    if isinstance(value, str):
        return value.splitlines()
    try:
        return [f"{name} ({one.type}) = {one.sample}" for name, one in declarations.read(value).items()]
    except ValueError:
        return [json.dumps(value, ensure_ascii=False)]


def _lines_changed(old: list[str], new: list[str]) -> Iterator[Change]:
    """Yield the lines of both: of what was replaced first the old ones, then the new."""
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            yield from (Change(" ", line) for line in new[new_from:new_to])
        else:
            yield from (Change("-", line) for line in old[old_from:old_to])
            yield from (Change("+", line) for line in new[new_from:new_to])
