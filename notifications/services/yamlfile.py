"""Apply a YAML file of settings: all of it or nothing, through the services that people use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from notifications import channels, config, yamlform
from notifications.choices import ChannelCode, Verb
from notifications.models import Channel, NotificationConfig
from notifications.services import audit, templates
from notifications.yamlform import BadForm, Located, Problem
from spc_site.errors import AppError

_CHANNEL_FIELDS = {
    "enabled": "is_enabled",
    "priority": "priority",
    "rate_limit": "rate_limit",
    "timeout": "timeout_s",
}
_RETRY_KEYS = {
    "max_attempts": "max_retries",
    "base_delay": "retry_delay",
    "max_delay": "max_delay",
    "backoff_factor": "backoff_factor",
}
_TEMPLATE_FIELDS = {"title": "title_template", "content": "content_template", "channel": "channel"}


@dataclass(frozen=True, slots=True)
class Change:
    """One value that the file changes, in the words of the file; `old` None for something new."""

    path: str
    old: Any
    new: Any


def load(data: bytes, *, name: str = "", is_dry_run: bool = False) -> list[Change]:
    """Apply a file; return what that changed, or would change. The same file again changes nothing.

    `max_attempts` counts all sends: 3 is the first and two retries. Raises BadForm with every
    mistake of the file, each with its place; then nothing was changed.
    """
    form, problems = yamlform.read(data, channels=known_channels())
    changes: list[Change] = []
    with transaction.atomic():
        for code, fields in form.channels.items():
            changes += _put_channel(code, fields, problems)
        changes += _put_retry(form.retry, problems)
        for template, fields in form.templates.items():
            changes += _put_template(template, fields, problems)
        if problems or is_dry_run:
            transaction.set_rollback(True)
        elif changes:
            digest = hashlib.sha256(data).hexdigest()
            told = {change.path: (change.old, change.new) for change in changes}
            audit.record(Verb.LOADED, name=name, changes=told, note=f"sha256 {digest}")
    if problems:
        raise BadForm(problems)
    return changes


def known_channels() -> list[str]:
    """Return the channels that a file may name: those that ship and those that are connected."""
    return list(dict.fromkeys([*ChannelCode.values, *channels.registered()]))


def _put_channel(code: str, fields: dict[str, Located], problems: list[Problem]) -> list[Change]:
    path = f"notification.channels.{code}"
    row = Channel.objects.filter(code=code).first()
    is_new = row is None
    row = row or Channel(code=code)
    wanted = {name: located.value for name, located in fields.items()}
    changes = [
        Change(f"{path}.{name}", None if is_new else getattr(row, _CHANNEL_FIELDS[name]), value)
        for name, value in wanted.items()
        if is_new or getattr(row, _CHANNEL_FIELDS[name]) != value
    ]
    for name, value in wanted.items():
        setattr(row, _CHANNEL_FIELDS[name], value)
    try:
        row.full_clean(exclude=["code"])  # the file may name what is not connected yet
    except ValidationError as error:
        problems += _placed(path, fields, error.message_dict)
        return []
    if changes:
        audit.save(row)
    return changes


def _placed(path: str, fields: dict[str, Located], messages: dict[str, list[str]]) -> Iterable[Problem]:
    """Give each complaint of a row the place of the value that caused it."""
    names = {field: name for name, field in _CHANNEL_FIELDS.items()}
    first = min(fields.values(), key=lambda one: (one.line, one.column))
    for field, sentences in messages.items():
        at = fields.get(names.get(field, ""), first)
        yield Problem(at.line, at.column, f"{path}：{' '.join(sentences)}")


def _put_retry(fields: dict[str, Located], problems: list[Problem]) -> list[Change]:
    changes = []
    before = config.load()
    wanted = {
        _RETRY_KEYS[name]: located.value - 1 if name == "max_attempts" else located.value
        for name, located in fields.items()
    }
    if fields and (clash := config.contradictions(before | wanted)):
        at = fields.get("max_delay") or next(iter(fields.values()))
        problems.append(Problem(at.line, at.column, f"notification.retry：{' '.join(clash)}"))
        return []
    for name, key in _RETRY_KEYS.items():
        if key not in wanted or before[key] == wanted[key]:
            continue
        row = NotificationConfig.objects.filter(config_key=key).first() or NotificationConfig(config_key=key)
        row.config_value = config.text_of(wanted[key])
        audit.save(row)
        plus = 1 if name == "max_attempts" else 0
        changes.append(Change(f"notification.retry.{name}", before[key] + plus, wanted[key] + plus))
    return changes


def _put_template(name: str, fields: dict[str, Located], problems: list[Problem]) -> list[Change]:
    if not {"title", "content"} <= set(fields):
        return []  # already told
    path = f"notification.templates.{name}"
    try:
        old = templates.find(name)
    except AppError:
        old = None
    before = {key: getattr(old, field) for key, field in _TEMPLATE_FIELDS.items()} if old else {}
    wanted = {key: located.value for key, located in fields.items()}
    changes = [
        Change(f"{path}.{key}", before.get(key), value)
        for key, value in wanted.items()
        if before.get(key) != value
    ]
    if not changes:
        return []
    try:
        templates.put_template(
            name,
            title=wanted["title"],
            content=wanted["content"],
            channel=wanted.get("channel") or before.get("channel") or ChannelCode.WECHAT_BOT.value,
        )
    except AppError as error:
        at = fields["content"]
        problems.append(Problem(at.line, at.column, f"{path}：{error.message}"))
        return []
    return changes
