"""From findings to troubles: announce what lasts, and what has ended."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.dispatch import Signal
from django.utils.translation import override

from notifications import config
from notifications.models import Trouble
from notifications.monitoring.findings import RULES, Finding, Look
from spc_site import clock

log = logging.getLogger("notifications.monitoring")

trouble = Signal()
"""Something has gone wrong and lasts. Sent with `trouble` (a row); a receiver returns True if it told."""

trouble_ended = Signal()
"""It has been in order again for a while. Sent with `trouble` (a row that is about to go)."""

CLEAR_AFTER = timedelta(minutes=3)
"""A trouble that stays away for so long has ended; one that comes back sooner is the same one."""


def watch() -> int:
    """Look with every rule, announce what lasts and what has ended; return how many troubles there are.

    May run twice and beside itself. A rule that fails keeps its troubles as they are.
    """
    now = clock.now()
    known = {row.key: row for row in Trouble.objects.all()}
    look = Look(
        now=now,
        announced=frozenset(key for key, row in known.items() if row.told_at),
        values=config.load(),
    )
    found: dict[str, Finding] = {}
    failed: set[str] = set()
    with override(settings.LANGUAGE_CODE):  # one group reads what all have caused
        for name, look_with in RULES.items():
            try:
                found |= {finding.key: finding for finding in look_with(look)}
            except Exception:
                log.exception("monitoring rule %s failed", name)
                failed.add(name)
    for key, finding in found.items():
        _still_there(finding, known.get(key), now)
    for key, row in known.items():
        if key not in found and key.partition(":")[0] not in failed:
            _missed(row, now)
    return len(found)


def _still_there(finding: Finding, row: Trouble | None, now: datetime) -> None:
    words = {
        "severity": finding.severity,
        "title": finding.title[:255],
        "description": finding.description,
        "value": finding.value[:64],
        "threshold": finding.threshold[:64],
        "link": finding.link[:255],
        "avoid_channel": finding.avoid_channel[:16],
    }
    if row is None:
        row, _is_new = Trouble.objects.get_or_create(key=finding.key, defaults={**words, "seen_at": now})
    else:
        for name, value in words.items():
            setattr(row, name, value)
        row.clear_since = None
        row.save(update_fields=[*words, "clear_since"])
    if row.told_at is None and now - row.seen_at < finding.hold:
        return
    if row.told_at is not None and not row.is_unheard:
        return
    row.is_unheard = not _send(trouble, row)
    row.told_at = row.told_at or now
    row.save(update_fields=["told_at", "is_unheard"])
    log.warning("trouble %s: heard=%s", row.key, not row.is_unheard)


def _missed(row: Trouble, now: datetime) -> None:
    if row.told_at is None:
        row.delete()  # it did not last, and nobody was told
        return
    if row.clear_since is None:
        row.clear_since = now
        row.save(update_fields=["clear_since"])
    if now - row.clear_since >= CLEAR_AFTER:
        _send(trouble_ended, row)
        row.delete()
        log.info("trouble %s has ended", row.key)


def _send(signal: Signal, row: Trouble) -> bool:
    """Send to every receiver, though one of them fail; tell whether any of them told somebody."""
    heard = False
    for receiver, answer in signal.send_robust(sender=Trouble, trouble=row):
        if isinstance(answer, Exception):
            log.error("receiver %s of %s failed", receiver, row.key, exc_info=answer)
        heard = heard or answer is True
    return heard


def unheard() -> list[str]:
    """Return the titles of troubles that nobody could be told; one query."""
    return list(Trouble.objects.filter(is_unheard=True).values_list("title", flat=True)[:3])
