"""Who may do what with notifications, role by role: each page of the admin, each act."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from notifications.choices import State
from notifications.models import Budget
from tests import builders

pytestmark = pytest.mark.django_db

PAGES = (
    "notification",
    "notificationtemplate",
    "notificationconfig",
    "contentrule",
    "channel",
    "budget",
    "auditentry",
)
KEEPER = set(PAGES)
MAY_SEE = {
    "质检员": set(),
    "质量工程师": {"notification"},
    "质量经理": {"notification"},
    "供应商": set(),
    "能源管理员": set(),
    "合同查阅员": set(),
    "合同管理员": set(),
    "运维": {"notification", "notificationconfig", "channel", "budget", "auditentry"},
    "通知管理员": KEEPER,
}
MAY_ADD = {"通知管理员": {"notificationtemplate", "notificationconfig", "contentrule"}}
MAY_ACT = {"通知管理员"}


def _signed_in(client: Client, role: str) -> Client:
    client.force_login(builders.person(role))
    return client


@pytest.mark.parametrize("role", MAY_SEE)
def test_each_role_sees_its_pages_and_no_other(client: Client, role: str) -> None:
    _signed_in(client, role)
    seen = {
        page
        for page in PAGES
        if client.get(reverse(f"admin:notifications_{page}_changelist")).status_code == 200
    }
    assert seen == MAY_SEE[role]


@pytest.mark.parametrize("role", MAY_SEE)
def test_each_role_adds_what_it_may(client: Client, role: str) -> None:
    _signed_in(client, role)
    added = {
        page for page in PAGES if client.get(reverse(f"admin:notifications_{page}_add")).status_code == 200
    }
    assert added == MAY_ADD.get(role, set())


@pytest.mark.parametrize("role", MAY_SEE)
def test_resending_cancelling_and_mending_are_for_the_administrator_of_notifications(
    client: Client, role: str
) -> None:
    _signed_in(client, role)
    dead, waiting = builders.notification(State.DEAD), builders.notification(State.PENDING)
    budget = Budget.objects.create(name="wechat_bot:x", is_dead=True)
    rows: list[tuple[str, str, Any]] = [
        ("notification", "resend", dead),
        ("notification", "cancel", waiting),
        ("budget", "mend", budget),
    ]
    for model, action, row in rows:
        data = {"action": action, "index": "0", "_selected_action": [row.pk], "confirmed": "yes"}
        client.post(reverse(f"admin:notifications_{model}_changelist"), data)
        row.refresh_from_db()
    done = (dead.resends.exists(), waiting.status == State.CANCELLED, not budget.is_dead)
    assert done == ((True, True, True) if role in MAY_ACT else (False, False, False))
