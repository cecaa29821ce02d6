"""Alarms on cards with buttons: the button, what it means, and what the card says afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms.models import Alarm, AlarmEvent, AlarmStatus
from notifications.routing import Button
from notifications.services import cards
from spc_site import clock

_ACKNOWLEDGE = "alarm.acknowledge:"


def card_key(alarm: Alarm) -> str:
    """Return the `EventKey` of the button that acknowledges an alarm on a WeCom card."""
    return f"{_ACKNOWLEDGE}{alarm.pk}"


def alarm_of_card(key: str) -> int | None:
    """Return which alarm a pressed button means; None for the button of something else."""
    prefix, pk = key[: len(_ACKNOWLEDGE)], key[len(_ACKNOWLEDGE) :]
    return int(pk) if prefix == _ACKNOWLEDGE and pk.isdecimal() and pk.isascii() else None


def button_of(alarm: Alarm) -> Button | None:
    """Return the button of a message about one alarm; None where somebody has taken it on already."""
    if alarm.status != AlarmStatus.ACTIVE:
        return None
    words = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            words[code] = _("受理")
    return Button(card_key(alarm), words)


def notice_of(alarm: Alarm) -> str:
    """Return what the card of an alarm says in the place of its button: who took it on, or that it is over.

    Not in the language of whoever acts: all its readers read it. One query for who it was.
    """
    with override(settings.LANGUAGE_CODE):
        if not alarm.is_open:
            return _("已解除 %(time)s") % {"time": _moment(alarm.resolved_at)}
        done = alarm.events.filter(kind=AlarmEvent.Kind.ACKNOWLEDGED).select_related("actor")
        event = done.order_by("-at", "-pk").first()
        # Whoever it was assigned to need not be who pressed.
        words = {"person": event.who if event else "", "time": _moment(alarm.acknowledged_at)}
        return _("已由 %(person)s 受理 %(time)s") % words


def _moment(at: datetime | None) -> str:
    """Return the time of day, with the date of another day."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    is_today = local.date() == timezone.localtime(clock.now()).date()
    return f"{local:%H:%M}" if is_today else f"{local:%m-%d %H:%M}"


def show(alarms: Sequence[Alarm]) -> None:
    """Have the cards of alarms say what became of them; a query for 500 alarms where none has a card."""
    at = clock.now()
    by_key = {card_key(alarm): alarm for alarm in alarms}
    if reachable := cards.reachable(by_key, at=at):
        cards.tell({key: notice_of(by_key[key]) for key in reachable}, at=at)
