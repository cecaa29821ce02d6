"""Stored secrets: sealed anew with the newest key, told when unreadable, never seen anywhere."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from notifications.choices import Verb
from notifications.models import AuditEntry, Robot
from notifications.services import audit
from spc_site import sealed
from tests import builders

pytestmark = pytest.mark.django_db

OLD, NEW, LOST = "old-" + "a" * 20, "new-" + "b" * 20, "lost-" + "c" * 20
KEY = "693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa"


def _stored(robot: Robot) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM notifications_robot WHERE id = %s", [robot.pk])
        return str(cursor.fetchone()[0])


def _robots(settings: Any) -> tuple[Robot, Robot]:
    """One sealed with the old key, one with the new; the ring has both."""
    settings.SECRETS_KEYS = [OLD]
    old = Robot.objects.create(group="IQC", key=KEY)
    settings.SECRETS_KEYS = [NEW, OLD]
    new = Robot.objects.create(group="OQC", key=KEY.replace("6", "7"))
    return old, new


def _rotate(*options: str) -> tuple[int, str]:
    out, err = StringIO(), StringIO()
    try:
        call_command("rotate_secrets", *options, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue() + err.getvalue() + str(error)
    return 0, out.getvalue() + err.getvalue()


def _checks() -> list[str]:
    found = run_checks(databases=["default"], tags=["database"])
    return [one.id or "" for one in found if one.id in {"spc_site.E001", "spc_site.W010"}]


def test_after_a_rotation_the_old_key_can_go(settings: Any) -> None:
    old, new = _robots(settings)
    untouched = _stored(new)
    assert _checks() == ["spc_site.W010"]
    assert _rotate() == (0, "已是最新钥匙 1，用旧钥匙 1，打不开 0；旧的已重新加密。\n")
    settings.SECRETS_KEYS = [NEW]
    old.refresh_from_db()
    assert old.key == KEY
    assert _stored(new) == untouched
    assert _checks() == []
    entry = AuditEntry.objects.get(verb=Verb.ROTATED)
    assert entry.door == "command"
    assert KEY not in entry.note


def test_a_dry_run_counts_and_a_second_run_finds_nothing_to_do(settings: Any) -> None:
    old, _new = _robots(settings)
    before = _stored(old)
    assert "用旧钥匙 1" in _rotate("--dry-run")[1]
    assert _stored(old) == before
    _rotate()
    assert "用旧钥匙 0" in _rotate()[1]
    assert AuditEntry.objects.filter(verb=Verb.ROTATED).count() == 1


def test_a_rotation_that_was_stopped_goes_on(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _new = _robots(settings)
    settings.SECRETS_KEYS = [OLD]
    second = Robot.objects.create(group="ENERGY", key=KEY.replace("a", "e"))
    settings.SECRETS_KEYS = [NEW, OLD]
    plain, calls = sealed.unseal, []

    def stops(text: str) -> str:
        calls.append(text)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return plain(text)

    monkeypatch.setattr(sealed, "unseal", stops)
    with pytest.raises(KeyboardInterrupt):
        sealed.reseal()
    monkeypatch.setattr(sealed, "unseal", plain)
    assert sealed.is_current(_stored(old)) != sealed.is_current(_stored(second))
    _rotate()
    assert sealed.survey().old == 0


def test_what_no_key_opens_is_named_and_left_and_the_others_go_on(settings: Any) -> None:
    old, _new = _robots(settings)
    settings.SECRETS_KEYS = [LOST]
    lost = Robot.objects.create(group="ENERGY", key=KEY.replace("a", "f"))
    settings.SECRETS_KEYS = [NEW, OLD]
    before = _stored(lost)
    status, said = _rotate()
    assert status == 1
    assert f"notifications.Robot.key #{lost.pk}" in said
    assert _stored(lost) == before
    assert sealed.is_current(_stored(old))
    assert _checks() == ["spc_site.E001"]


def test_looking_at_a_page_with_a_masked_key_is_told(client: Client) -> None:
    robot = Robot.objects.create(group="IQC", key=KEY)
    client.force_login(builders.superuser(username="root"))
    page = client.get(reverse("admin:notifications_robot_change", args=[robot.pk])).text
    assert KEY not in page
    entry = AuditEntry.objects.get(verb=Verb.SHOWN)
    assert (entry.actor_name, entry.object_id) == ("root", str(robot.pk))


def test_a_changed_key_is_told_by_its_last_four_characters() -> None:
    robot = Robot.objects.create(group="IQC", key=KEY)
    robot.key = "new-key-of-the-robot-1234"
    audit.save(robot)
    entry = AuditEntry.objects.get()
    assert entry.changes["key"] == ["••••5aaa", "••••1234"]
    assert KEY not in str(entry.changes)
