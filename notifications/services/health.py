"""Whether a channel could send: its settings, its credentials, the other side's own word.

What a plant does not use is not broken. Nothing here sends a message, and no network call stands
inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from notifications import channels, policy
from notifications.channels import Credential
from notifications.defaults import CHANNELS
from notifications.models import Budget, Channel
from notifications.services.holding import mend
from spc_site import clock

log = logging.getLogger("notifications.health")

EVERY = timedelta(minutes=5)
SELDOM = timedelta(minutes=30)
"""After an answer that only a person can change: WeCom blocks an address for an hour that asks with
a wrong secret again and again."""


class Health(Enum):
    """How a channel stands; `UNKNOWN` is one that can only be tried by sending."""

    WELL = "well"
    UNKNOWN = "unknown"
    UNUSED = "unused"
    OFF = "off"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to, in words for people."""

    health: Health
    note: str = ""
    is_lasting: bool = False


def ensure_channels(model: Any = Channel) -> None:
    """Give every connected channel its row; what a plant has set stays.

    `model` is that of a migration's state, where it runs in one.
    """
    shipped = {row["code"]: row for row in CHANNELS}
    for code in channels.registered():
        model.objects.get_or_create(code=code, defaults=shipped.get(code, {}))


def examine(channel: Channel, *, with_network: bool = True) -> Finding:
    """Look at a channel's settings, its credentials, and (`with_network`) at the other side."""
    driver = channels.driver_for(channel.code)
    if driver is None:
        return Finding(Health.OFF, _("此渠道尚未接入"))
    if not channel.is_enabled:
        return Finding(Health.OFF, _("已停用"))
    if not driver.is_set_up():
        return Finding(Health.UNUSED, _("没有配置"))
    if problems := driver.check():
        words = "；".join(f"{name}：{problem}" for name, problem in problems.items())
        return Finding(Health.BROKEN, words, is_lasting=True)
    if dead := refused(channel):
        return Finding(Health.BROKEN, "；".join(dead), is_lasting=True)
    if not with_network:
        return Finding(Health.UNKNOWN, _("配置完整，未联网检查"))
    probe = driver.probe(timeout_s=channel.timeout_s)
    if probe.is_well is None:
        return Finding(Health.UNKNOWN, probe.note)
    return Finding(Health.WELL if probe.is_well else Health.BROKEN, probe.note, is_lasting=probe.is_lasting)


def refused(channel: Channel) -> list[str]:
    """Return which credentials are out of use and why. One query beside the driver's own."""
    driver = channels.driver_for(channel.code)
    try:
        pool: Sequence[Credential] = driver.pool() if driver is not None else ()
    except channels.NotConfigured:
        return []
    labels = {one.name: one.label for one in pool}
    rows = Budget.objects.filter(name__in=labels, is_dead=True).order_by("name")
    return [f"{labels[row.name]}：{row.note or _('失效')}" for row in rows]


def check_channel(channel: Channel, *, with_network: bool = True) -> Finding:
    """Examine a channel and write down in its row what was found."""
    finding = examine(channel, with_network=with_network)
    now = clock.now()
    problem = finding.note[:255] if finding.health is Health.BROKEN else ""
    if problem and problem != channel.check_problem:
        log.warning("channel %s is broken", channel.code)
    channel.checked_at, channel.check_problem = now, problem
    channel.next_check_at = now + (SELDOM if finding.is_lasting else EVERY)
    Channel.objects.filter(pk=channel.pk).update(
        checked_at=channel.checked_at,
        check_problem=channel.check_problem,
        next_check_at=channel.next_check_at,
    )
    return finding


def check_due_channels() -> int:
    """Check every channel whose turn it is; return how many."""
    due = list(Channel.objects.filter(Q(next_check_at=None) | Q(next_check_at__lte=clock.now())))
    for channel in due:
        check_channel(channel)
    return len(due)


def mend_channel(channel: Channel) -> int:
    """Trust the channel's refused credentials again and check it; return how many there were."""
    refused = Budget.objects.filter(name__startswith=f"{channel.code}:").filter(
        Q(is_dead=True) | Q(blocked_until__gt=clock.now())
    )
    count = 0
    for budget in refused:
        mend(budget)
        count += 1
    check_channel(channel)
    return count


@dataclass(frozen=True, slots=True)
class PoolPlace:
    """One credential of a channel and what is left of its minute."""

    credential: Credential
    used: int
    rate: int
    rests_until: datetime | None
    dead_note: str
    is_dead: bool


def pool_of(channel: Channel) -> list[PoolPlace]:
    """Return the channel's credentials with their budgets. One query beside the driver's own."""
    driver = channels.driver_for(channel.code)
    try:
        pool = driver.pool() if driver is not None else ()
    except channels.NotConfigured:
        return []
    now = clock.now()
    budgets = {row.name: row for row in Budget.objects.filter(name__in=[one.name for one in pool])}
    places = []
    for one in pool:
        row = budgets.get(one.name) or Budget(name=one.name)
        is_resting = row.blocked_until is not None and row.blocked_until > now
        places.append(
            PoolPlace(
                credential=one,
                used=channel.rate_limit - policy.places(row.sent_at, channel.rate_limit, now.timestamp()),
                rate=channel.rate_limit,
                rests_until=row.blocked_until if is_resting else None,
                dead_note=row.note,
                is_dead=row.is_dead,
            )
        )
    return places
