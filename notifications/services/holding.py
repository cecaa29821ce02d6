"""Messages that wait for a channel to be mended, and what lets them go on by themselves."""

from __future__ import annotations

from django.db import transaction

from notifications import channels
from notifications.choices import State, Verb
from notifications.models import Budget, Channel, Notification
from notifications.services import audit
from spc_site import clock


def obstacle(channel: str, target: str) -> str:
    """Return why a target cannot be sent to now, in words; empty when it can."""
    driver = channels.driver_for(channel)
    if driver is None:
        return f"渠道 {channel} 尚未接入"
    if Channel.objects.filter(code=channel, is_enabled=False).exists():
        return f"渠道 {channel} 已停用"
    try:
        credential = driver.credentials(target)[0]
    except channels.NotConfigured as missing:
        return str(missing)
    dead = Budget.objects.filter(name=credential.name, is_dead=True).first()
    return (dead.note or "机器人已失效") if dead else ""


def release_mended() -> int:
    """Let held messages go whose obstacle is gone; return how many.

    Runs every minute, so that a mended setting needs no second step.
    """
    held = Notification.objects.filter(status=State.HELD)
    released = 0
    for channel, target in held.values_list("channel", "target").distinct().order_by():
        if obstacle(channel, target):
            continue
        now = clock.now()
        waiting = held.filter(channel=channel, target=target)
        for row in waiting.filter(payload=""):
            _compose(row)
        released += waiting.update(status=State.PENDING, reason="", next_at=now, updated_at=now)
    return released


def _compose(row: Notification) -> None:
    """Freeze the payload of a row that was written before its channel had a driver."""
    driver = channels.driver_for(row.channel)
    if driver is not None:
        row.payload = driver.compose(row.title, row.content, row.target, channels.Form())[0]
        row.save(update_fields=["payload", "updated_at"])


def mend(budget: Budget) -> int:
    """Trust a credential again after a person put it right; return how many messages go on."""
    before = (budget.is_dead, budget.note)
    budget.is_dead, budget.note, budget.blocked_until = False, "", None
    with transaction.atomic():
        budget.save(update_fields=["is_dead", "note", "blocked_until"])
        changes = {"is_dead": (before[0], False), "note": (before[1], "")}
        audit.record(Verb.MENDED, budget, changes=changes)
    return release_mended()
