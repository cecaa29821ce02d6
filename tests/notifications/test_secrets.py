"""Stored secrets: sealed anew with the newest key, told when unreadable, never seen anywhere."""

from __future__ import annotations

import logging
import smtplib
from io import StringIO
from typing import Any

import pytest
import requests
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from notifications.choices import State, Verb
from notifications.models import (
    AuditEntry,
    Budget,
    Channel,
    DeliveryAttempt,
    Notification,
    NotificationConfig,
    Robot,
    Trouble,
)
from notifications.services import audit, deliver_due, get_notification_status, send_notification
from spc_site import sealed
from spc_site.logs import ScrubbedFormatter
from tests import builders, services

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


# --- seen nowhere -------------------------------------------------------------------------------

PLANTED = {
    "robot": "planted-robot-key-7aoc-4bc4-97a0",
    "corp": "planted-corp-secret-Zx81kQ",
    "smtp": "planted-smtp-password-9Wq",
}


@pytest.fixture
def planted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of each kind, and nobody who answers."""
    port = services.free_port()
    settings.ALLOW_HTTP = True
    settings.WEBHOOK_BASE_URL = f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key="
    settings.WECHAT_API_BASE_URL = f"http://127.0.0.1:{port}"
    settings.WECHAT_CORP_ID = "ww-corp-id"
    settings.WECHAT_CORP_SECRET = PLANTED["corp"]
    settings.WECHAT_AGENT_ID = 7
    settings.MAIL_SERVER = {
        "host": "127.0.0.1",
        "port": port,
        "security": "tls",
        "user": "u@example.com",
        "password": PLANTED["smtp"],
        "sender": "u@example.com",
    }
    Robot.objects.create(group="IQC", key=PLANTED["robot"])
    for code in ("wechat_bot", "wechat_api", "email"):
        Channel.objects.get_or_create(code=code)


def _line_of(record: logging.LogRecord) -> str:
    return ScrubbedFormatter("%(message)s").format(record)


def _fail_in_each_way(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Send by every channel: to nobody, and through a library whose error repeats the secrets."""
    messages = [
        send_notification("标题", "内容", channel, target)
        for channel, target in (("wechat_bot", "IQC"), ("wechat_api", "lin"), ("email", "a@example.com"))
    ]
    deliver_due()
    Notification.objects.update(status=State.PENDING, next_at=timezone.now(), retry_count=0)
    Budget.objects.update(is_dead=False, blocked_until=None)

    def breaks(*_args: Any, **_kwargs: Any) -> Any:
        secrets = PLANTED.values()
        raise RuntimeError(f"cannot reach http://x/send?key={' secret='.join(secrets)} {' '.join(secrets)}")

    monkeypatch.setattr(requests.Session, "send", breaks)
    monkeypatch.setattr(smtplib.SMTP, "connect", breaks)
    deliver_due()
    return messages


def _database() -> str:
    """Every value of every column that stands in clear in the database."""
    texts = []
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608  names come from the database
            texts += [str(row) for row in cursor.fetchall()]
    return "\n".join(texts)


def _pages(client: Client) -> str:
    client.force_login(builders.superuser())
    models = [Notification, Robot, Channel, Budget, AuditEntry, NotificationConfig, Trouble]
    texts = []
    for model in models:
        name = f"admin:notifications_{model._meta.model_name}"
        texts.append(client.get(reverse(f"{name}_changelist")).text)
        for row in model._default_manager.all():
            texts.append(client.get(reverse(f"{name}_change", args=[row.pk])).text)
    return "\n".join(texts)


def test_planted_secrets_are_seen_nowhere_whatever_fails(
    planted: None, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    messages = _fail_in_each_way(monkeypatch)
    assert set(DeliveryAttempt.objects.values_list("channel", flat=True)) == {
        "wechat_bot",
        "wechat_api",
        "email",
    }
    places = {
        "database": _database(),
        "pages": _pages(client),
        "answers": str([get_notification_status(message_id) for message_id in messages]),
        "log": "\n".join(map(_line_of, caplog.records)),
    }
    seen = [(place, kind) for place, text in places.items() for kind, it in PLANTED.items() if it in text]
    assert seen == []
    assert "delivery of message" in places["log"]


def test_the_log_of_the_running_system_is_the_scrubbed_one(settings: Any) -> None:
    settings.SECRET_KEY = "a-signing-key-of-this-site"
    formatter = settings.LOGGING["formatters"]["line"]["()"]
    assert formatter == "spc_site.logs.ScrubbedFormatter"
    record = logging.LogRecord("x", logging.ERROR, "", 1, "failed: %s", ("a-signing-key-of-this-site",), None)
    assert ScrubbedFormatter("%(message)s").format(record) == "failed: ***"
