"""Silences, work orders, people on call: what the rooms beside the list of alarms show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from alarms import matching
from alarms.models import (
    Alarm,
    Effect,
    EscalationPolicy,
    InhibitionRule,
    OrderStatus,
    Rota,
    Silence,
    WorkOrder,
)
from alarms.selectors.alarms import Viewer
from notifications.models import Recipient

_DONE_SHOWN = timedelta(days=30)
_MOST = 100
_TURNS_AHEAD = 4


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """One silence, and the open alarms that it keeps quiet or would."""

    row: Silence
    alarms: tuple[Alarm, ...]


@dataclass(frozen=True, slots=True)
class Silences:
    """All silences by where they stand in time."""

    active: list[ShownSilence]
    upcoming: list[ShownSilence]
    past: list[Silence]


def silences(*, at: datetime) -> Silences:
    """Return the silences with the alarms that they mean (2 queries)."""
    rows = list(Silence.objects.select_related("author", "ended_by")[:_MOST])
    living = [row for row in rows if row.ends_at > at]
    opened = list(Alarm.objects.open().order_by("-pk")[:2000]) if living else []
    facts = [(alarm, matching.facts_of(alarm)) for alarm in opened]

    def shown(row: Silence) -> ShownSilence:
        matchers = matching.parse(row.matchers)
        return ShownSilence(row, tuple(one for one, known in facts if matching.matches(matchers, known)))

    living.sort(key=lambda row: row.ends_at)
    return Silences(
        active=[shown(row) for row in living if row.starts_at <= at],
        upcoming=[shown(row) for row in living if row.starts_at > at],
        past=[row for row in rows if row.ends_at <= at],
    )


def silences_on(alarm: Alarm, *, at: datetime) -> list[Silence]:
    """Return the silences that act on an alarm now (1 query)."""
    facts = matching.facts_of(alarm)
    rows = Silence.objects.active(at).select_related("author").order_by("ends_at")
    return [row for row in rows if matching.matches(matching.parse(row.matchers), facts)]


def inhibition_rules() -> list[InhibitionRule]:
    """Return the rules that are in force (1 query)."""
    return list(InhibitionRule.objects.filter(is_active=True))


# --- work orders ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Board:
    """The work orders by what they wait for."""

    overdue: list[WorkOrder]
    open: list[WorkOrder]
    waiting: list[WorkOrder]
    ended: list[WorkOrder]


def work_orders(user: Viewer) -> QuerySet[WorkOrder]:
    """Return the work orders that a person may see, with what a list shows of them."""
    if not user.has_perm("alarms.view_workorder"):  # type: ignore[union-attr]
        return WorkOrder.objects.none()
    return WorkOrder.objects.select_related("owner", "alarm").prefetch_related("steps")


def work_orders_on(user: Viewer, alarm: Alarm) -> QuerySet[WorkOrder]:
    """Return the work orders of an alarm, and those still open about the same thing (2 queries when read)."""
    goes_on = Q(key=alarm.key, status=OrderStatus.OPEN)
    return work_orders(user).filter(Q(alarm=alarm) | goes_on)


def board(user: Viewer, *, at: datetime, is_mine: bool = False) -> Board:
    """Return the board: what is open, what is to be judged, what ended of late (2 queries)."""
    shown = work_orders(user).filter(
        Q(status=OrderStatus.OPEN) | Q(effect=Effect.WAITING) | Q(completed_at__gte=at - _DONE_SHOWN)
    )
    if is_mine:
        shown = shown.filter(owner=user.pk)
    rows = list(shown.order_by("due_at", "-pk")[:500])
    opened = [row for row in rows if row.is_open]
    return Board(
        overdue=[row for row in opened if row.due_at and row.due_at < at],
        open=[row for row in opened if not row.due_at or row.due_at >= at],
        waiting=[row for row in rows if row.effect == Effect.WAITING],
        ended=sorted(
            (row for row in rows if not row.is_open and row.effect != Effect.WAITING),
            key=lambda row: row.completed_at or row.created_at,
            reverse=True,
        ),
    )


def work_order(user: Viewer, pk: int) -> WorkOrder | None:
    """Return one work order with its steps and who did them (2 queries), or None."""
    found = work_orders(user).prefetch_related("steps__done_by")
    return found.select_related("created_by", "completed_by").filter(pk=pk).first()


# --- on call ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnAhead:
    """Who is on call from a moment on."""

    starts_at: datetime
    person: Recipient
    is_stand_in: bool


@dataclass(frozen=True, slots=True)
class OnCall:
    """A rota now: who has it, and who comes next."""

    rota: Rota
    now: Recipient | None
    is_stand_in: bool
    ahead: list[TurnAhead]


def on_call(*, at: datetime) -> list[OnCall]:
    """Return who is on call in every rota, and the next turns (5 queries)."""
    rotas = Rota.objects.prefetch_related("members__recipient", "exceptions__recipient")
    return [_on_call(rota, timezone.localtime(at)) for rota in rotas]


def _on_call(rota: Rota, at: datetime) -> OnCall:
    def who(moment: datetime) -> tuple[Recipient | None, bool]:
        people = rota.on_call(moment)
        stands_in = any(one.starts_at <= moment < one.ends_at for one in rota.exceptions.all())
        return (people[0] if people else None), stands_in

    first = datetime.combine(rota.first_day_of(at), rota.handover_at, tzinfo=at.tzinfo)
    moments = {first + timedelta(days=rota.turn_days * number) for number in range(1, _TURNS_AHEAD + 1)}
    last = max(moments)
    for one in rota.exceptions.all():
        moments |= {moment for moment in (one.starts_at, one.ends_at) if at < moment <= last}
    ahead = []
    before = who(at)
    for moment in sorted(moments):
        local = timezone.localtime(moment)
        person, stands_in = who(local)
        if person is not None and (person, stands_in) != before:
            ahead.append(TurnAhead(local, person, stands_in))
        before = (person, stands_in)
    person, stands_in = who(at)
    return OnCall(rota, person, stands_in, ahead)


def policies() -> list[EscalationPolicy]:
    """Return the policies with their steps and the sources that follow them (4 queries)."""
    rows = EscalationPolicy.objects.prefetch_related("steps__recipient", "steps__rota", "sources")
    return list(rows)
