"""The audit: every act leaves one line that nobody can change, with who, what, whence, no secret."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.acting import Acting, Door, acting, current
from notifications import services, timeline
from notifications.channels import driver_for
from notifications.choices import State, Verb
from notifications.models import (
    AuditEntry,
    Budget,
    Channel,
    ContentRule,
    DeliveryAttempt,
    NotificationTemplate,
)
from notifications.models.safety import AppendOnly
from notifications.services import audit, configuration
from tests import builders
from tests.notifications.conftest import ScriptedChannel

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(client: Client) -> Client:
    """The notification administrator at work."""
    client.force_login(builders.person("通知管理员", username="keeper"))
    return client


def _lines() -> list[tuple[Any, ...]]:
    return [
        (entry.verb, entry.actor_name, entry.door, entry.kind, entry.changes)
        for entry in AuditEntry.objects.order_by("pk")
    ]


# --- who acts -------------------------------------------------------------------------------


def test_without_a_request_the_system_acts_and_a_block_says_otherwise() -> None:
    user = builders.person()
    assert current() == Acting(Door.SYSTEM, None)
    with acting(Door.COMMAND, user):
        assert current() == Acting(Door.COMMAND, user)
    assert current() == Acting(Door.SYSTEM, None)


@pytest.mark.parametrize(
    ("path", "door"), [("/admin/", Door.ADMIN), ("/api/v1/x", Door.API), ("/", Door.PAGE)]
)
def test_a_request_acts_through_its_door(rf: Any, path: str, door: str) -> None:
    from accounts.middleware import ActingMiddleware

    seen: list[Acting] = []
    request = rf.get(path)
    request.user = builders.person()
    ActingMiddleware(lambda _request: seen.append(current()))(request)  # type: ignore[arg-type, func-returns-value]
    assert seen == [Acting(Door(door), request.user)]


# --- settings -------------------------------------------------------------------------------


def test_a_setting_changed_in_the_admin_is_told_from_old_to_new(keeper: Client) -> None:
    url = reverse("admin:notifications_notificationconfig_add")
    keeper.post(url, {"config_key": "max_retries", "config_value": "5", "description": "试"})
    row = configuration.NotificationConfig.objects.get()
    change = reverse("admin:notifications_notificationconfig_change", args=[row.pk])
    keeper.post(change, {"config_value": "6", "description": "试"})
    keeper.post(change, {"config_value": "6", "description": "试"})
    keeper.post(reverse("admin:notifications_notificationconfig_delete", args=[row.pk]), {"post": "yes"})
    kind = "notifications.NotificationConfig"
    assert [(verb, who, door, of) for verb, who, door, of, _changes in _lines()] == [
        ("added", "keeper", "admin", kind),
        ("changed", "keeper", "admin", kind),
        ("removed", "keeper", "admin", kind),
    ]
    assert _lines()[1][4] == {"config_value": ["5", "6"]}
    assert _lines()[2][4]["config_value"] == ["6", None]


@pytest.mark.parametrize("model", [Channel, ContentRule, NotificationTemplate])
def test_settings_of_every_kind_are_told(model: Any) -> None:
    row = model.objects.first()
    field = {Channel: "rate_limit", ContentRule: "note", NotificationTemplate: "label"}[model]
    old = getattr(row, field)
    setattr(row, field, 19 if model is Channel else "新")
    assert audit.save(row) is Verb.CHANGED
    assert audit.save(row) is None
    assert _lines() == [("changed", "", "system", row._meta.label, {field: [old, getattr(row, field)]})]


def test_a_long_value_is_told_shortened() -> None:
    rule = ContentRule(name="长", kind="warn", pattern="词" * 5000)
    audit.save(rule)
    assert len(AuditEntry.objects.get().changes["pattern"][1]) == 501


# --- messages -------------------------------------------------------------------------------


def test_resending_cancelling_and_mending_are_told(channel: ScriptedChannel) -> None:
    user = builders.person(username="li")
    dead = builders.notification(State.DEAD)
    waiting = builders.notification(State.PENDING)
    budget = Budget.objects.create(name="wechat_bot:x", is_dead=True, note="93000")
    with acting(Door.ADMIN, user):
        new = services.resend(dead, user=user)
        services.cancel(waiting, user=user, note="误报")
        services.mend(budget)
    kind = "notifications.Notification"
    assert _lines() == [
        ("resent", "li", "admin", kind, {"status": ["dead", "pending"]}),
        ("cancelled", "li", "admin", kind, {"status": ["pending", "cancelled"]}),
        ("mended", "li", "admin", "notifications.Budget", {"is_dead": [True, False], "note": ["93000", ""]}),
    ]
    assert AuditEntry.objects.get(verb="resent").note == new.message_id


def test_a_credential_is_told_by_its_name_and_not_by_its_digest(settings: Any) -> None:
    settings.WEBHOOK_KEYS = {"IQC": "key-0000-1234"}
    (robot,) = driver_for("wechat_bot").pool()
    services.mend(Budget.objects.create(name=robot.name, is_dead=True))
    assert AuditEntry.objects.get().object_name == "IQC_WEBHOOK_KEY ••••1234"
    row = builders.notification(State.SENT)
    DeliveryAttempt.objects.create(
        notification=row,
        number=1,
        channel="wechat_bot",
        credential=robot.name,
        outcome="sent",
        started_at=row.created_at,
    )
    told = "\n".join(line for one in timeline.of(row).lines for line in one.step.details)
    assert "IQC_WEBHOOK_KEY ••••1234" in told
    assert robot.name not in told


def test_an_act_that_was_refused_leaves_no_line(channel: ScriptedChannel) -> None:
    sent = builders.notification(State.SENT)
    for act in (services.cancel, services.resend):
        with pytest.raises(Exception, match="这条消息"):
            act(sent, user=builders.person())
    assert not AuditEntry.objects.exists()


# --- nobody can change it ---------------------------------------------------------------------


def test_a_line_can_be_neither_changed_nor_deleted(keeper: Client) -> None:
    entry = audit.record(Verb.CLEANED, note="x")
    entry.note = "y"
    for act in (entry.save, entry.delete, AuditEntry.objects.all().delete):
        with pytest.raises(AppendOnly):
            act()
    with pytest.raises(AppendOnly):
        AuditEntry.objects.update(note="y")
    url = reverse("admin:notifications_auditentry_change", args=[entry.pk])
    assert keeper.get(url).status_code == 200
    keeper.logout()
    keeper.force_login(builders.superuser())
    assert keeper.post(url, {"note": "y"}).status_code == 403
    assert keeper.post(reverse("admin:notifications_auditentry_delete", args=[entry.pk])).status_code == 403
    assert AuditEntry.objects.get().note == "x"


def test_a_line_outlives_the_account_and_keeps_its_name() -> None:
    user = builders.person(username="gone")
    with acting(Door.ADMIN, user):
        audit.record(Verb.TESTED, name="渠道")
    User.objects.get(username="gone").delete()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.actor_name) == (None, "gone")


def test_the_page_shows_who_changed_what_and_filters(keeper: Client) -> None:
    configuration.set_config("max_retries", "8")
    configuration.set_config("max_retries", "9")
    AuditEntry.objects.create(at=timezone.now(), verb="rotated", door="command", object_name="三把钥匙")
    url = reverse("admin:notifications_auditentry_changelist")
    page = keeper.get(url, {"verb__exact": "added"}).text
    assert "max_retries" in page
    assert "三把钥匙" not in page
    assert "三把钥匙" in keeper.get(url, {"door__exact": "command"}).text
    assert "值 8" in page
    page = keeper.get(url, {"kind__exact": "notifications.NotificationConfig"}).text
    assert "值 8 → 9" in page
    assert "三把钥匙" not in page
