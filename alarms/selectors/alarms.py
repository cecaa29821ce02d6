"""Alarms: lists, one with its story, how fast people answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Avg, Case, Count, DurationField, ExpressionWrapper, F, IntegerField, Min, Q, When
from django.utils import timezone

from alarms.models import OPEN, Alarm, AlarmEvent, AlarmQuerySet, AlarmStatus
from notifications.models import Notification

Viewer = AbstractBaseUser | AnonymousUser

_UNACKNOWLEDGED_FIRST = Case(
    When(status=AlarmStatus.ACTIVE, then=0),
    When(status=AlarmStatus.ACKNOWLEDGED, then=1),
    default=2,
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class AlarmCounts:
    """How many alarms stand where, for the tabs of the list."""

    active: int
    acknowledged: int
    resolved: int
    mine: int
    silenced: int

    @property
    def open(self) -> int:
        return self.active + self.acknowledged


@dataclass(frozen=True, slots=True)
class Response:
    """How fast people answer: open alarms now, and the time to acknowledge over a period."""

    open_count: int
    active_count: int
    oldest_active_at: datetime | None
    mean_to_acknowledge: timedelta | None
    acknowledged_count: int


def visible_to(user: Viewer) -> AlarmQuerySet:
    """Return the alarms that a person may see: all, for those whose role lets them see alarms."""
    if not user.has_perm("alarms.view_alarm"):  # type: ignore[union-attr]
        return Alarm.objects.none()
    return Alarm.objects.all()


def active_count(user: Viewer) -> int:
    """Count the alarms that nobody has acknowledged (1 query)."""
    return visible_to(user).filter(status=AlarmStatus.ACTIVE).count()


def counts(user: Viewer) -> AlarmCounts:
    """Count the alarms by status (1 query)."""
    row = visible_to(user).aggregate(
        active=Count("pk", filter=Q(status=AlarmStatus.ACTIVE)),
        acknowledged=Count("pk", filter=Q(status=AlarmStatus.ACKNOWLEDGED)),
        resolved=Count("pk", filter=Q(status=AlarmStatus.RESOLVED)),
        mine=Count("pk", filter=Q(status__in=OPEN, owner=user.pk)),
        silenced=Count("pk", filter=Q(status__in=OPEN) & ~Q(withheld="")),
    )
    return AlarmCounts(**row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What a list of alarms may be narrowed by; blank asks nothing."""

    text: str = ""
    source: str = ""
    severity: str = ""
    group_key: str = ""
    key: str = ""


def alarm_list(
    user: Viewer, *, which: str, text: str = "", narrowing: Narrowing | None = None
) -> AlarmQuerySet:
    """Return the alarms of one tab, the most urgent first (1 query when read).

    `which` is `open`, `active`, `mine`, `silenced`, `resolved` or `all`; `text` looks in title and
    description.
    """
    narrowing = narrowing or Narrowing(text=text)
    alarms = visible_to(user).select_related("owner")
    match which:
        case "active":
            alarms = alarms.filter(status=AlarmStatus.ACTIVE)
        case "mine":
            alarms = alarms.open().filter(owner=user.pk)
        case "silenced":
            alarms = alarms.open().exclude(withheld="")
        case "resolved":
            alarms = alarms.filter(status=AlarmStatus.RESOLVED)
        case "open":
            alarms = alarms.open()
    if narrowing.text:
        found = Q(title__icontains=narrowing.text) | Q(description__icontains=narrowing.text)
        alarms = alarms.filter(found)
    for name in ("source", "severity", "group_key", "key"):
        if asked := getattr(narrowing, name):
            alarms = alarms.filter(**{name: asked})
    if which == "resolved":
        return alarms.order_by("-resolved_at", "-pk")
    return alarms.order_by(_UNACKNOWLEDGED_FIRST, "-triggered_at", "-pk")


def sources(user: Viewer) -> list[str]:
    """Return the sources of which there are alarms (1 query)."""
    return list(visible_to(user).order_by("source").values_list("source", flat=True).distinct())


def messages_about(alarm: Alarm) -> list[Notification]:
    """Return the messages that told of an alarm, alone or with others, the newest first (1 query)."""
    about = Q(link=alarm.get_absolute_url())
    if alarm.subject:
        about |= Q(subject=alarm.subject)
    if alarm.group_key:
        about |= Q(link=f"/alarms/?group_key={alarm.group_key}")
    found = Notification.objects.filter(about, part_no=1, created_at__gte=alarm.triggered_at)
    return list(found.order_by("-pk")[:_MOST_MESSAGES])


def alarm_with_timeline(user: Viewer, pk: int) -> Alarm | None:
    """Return one alarm with its events and their actors (2 queries), or None."""
    return visible_to(user).select_related("owner").prefetch_related("events__actor").filter(pk=pk).first()


def latest_about(user: Viewer, subject: str) -> Alarm | None:
    """Return the open alarm about a row, else the last one, with its events (at most 3 queries)."""
    return (
        visible_to(user)
        .select_related("owner")
        .prefetch_related("events__actor")
        .filter(subject=subject)
        .order_by(_UNACKNOWLEDGED_FIRST, "-triggered_at", "-pk")
        .first()
    )


def open_about(user: Viewer, subject: str) -> list[Alarm]:
    """Return the open alarms about a row, the worst first (1 query)."""
    found = visible_to(user).open().filter(subject=subject).select_related("owner")
    return sorted(found, key=lambda alarm: (alarm.rank, alarm.triggered_at), reverse=True)


def possible_owners() -> list[User]:
    """Return the people who may work on alarms (1 query)."""
    people = User.objects.with_perm("alarms.change_alarm")
    return list(people.order_by("first_name", "username"))


def response(user: Viewer, *, since: datetime | None = None) -> Response:
    """Return open counts and the mean time to acknowledge of what was raised since then (1 query)."""
    since = since or timezone.now() - timedelta(days=7)
    took = ExpressionWrapper(F("acknowledged_at") - F("active_since"), output_field=DurationField())
    answered = Q(acknowledged_at__isnull=False, triggered_at__gte=since)
    row = visible_to(user).aggregate(
        open_count=Count("pk", filter=Q(status__in=OPEN)),
        active_count=Count("pk", filter=Q(status=AlarmStatus.ACTIVE)),
        oldest_active_at=Min("triggered_at", filter=Q(status=AlarmStatus.ACTIVE)),
        mean_to_acknowledge=Avg(took, filter=answered),
        acknowledged_count=Count("pk", filter=answered),
    )
    return Response(**row)


_ANSWERS = (AlarmEvent.Kind.ACKNOWLEDGED, AlarmEvent.Kind.EXPLAINED, AlarmEvent.Kind.RESOLVED)
_MOST_ANSWERS = 20
_MOST_MESSAGES = 20


def answers_to(subject: str, link: str, *, since: datetime) -> list[AlarmEvent]:
    """Return what people did about the alarms that a message told of, oldest first (1 query).

    A message about one thing has its alarm's subject; one about a report has the address above those of
    its alarms.
    """
    about = Q()
    if subject:
        about |= Q(alarm__subject=subject)
    if link:
        about |= Q(alarm__link=link) | Q(alarm__link__startswith=link.rstrip("/") + "/")
    if not about:
        return []
    found = AlarmEvent.objects.filter(about, at__gte=since, kind__in=_ANSWERS, actor__isnull=False)
    return list(found.select_related("alarm", "actor").order_by("at", "pk")[:_MOST_ANSWERS])
