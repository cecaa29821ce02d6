"""How well alarms are answered: times to acknowledge and to resolve, repeats, by source and by week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median

from django.utils import timezone

from alarms.models import AlarmStatus, Resolution
from alarms.selectors.alarms import Viewer, visible_to
from notifications import sources

_MOST_ROWS = 100_000


@dataclass(slots=True)
class Times:
    """Durations in minutes."""

    minutes: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        return len(self.minutes)

    @property
    def half(self) -> float | None:
        """Return the median; None without any."""
        return median(self.minutes) if self.minutes else None

    @property
    def most(self) -> float | None:
        """Return the time within which nine of ten were done (nearest rank); None without any."""
        ordered = sorted(self.minutes)
        return ordered[-(-9 * len(ordered) // 10) - 1] if ordered else None


@dataclass(slots=True)
class Figures:
    """What happened to some alarms: how many there were, how they were answered."""

    count: int = 0
    occurrences: int = 0
    open_count: int = 0
    acknowledge: Times = field(default_factory=Times)
    resolve: Times = field(default_factory=Times)


@dataclass(frozen=True, slots=True)
class Repeater:
    """One thing that kept coming back."""

    key: str
    title: str
    source: str
    episodes: int
    occurrences: int
    last_pk: int

    @property
    def source_label(self) -> str:
        """Return what people call where it comes from."""
        return sources.label_of(self.source)


@dataclass(frozen=True, slots=True)
class Statistics:
    """All figures of a period. `things` is how many different keys there were."""

    since: date
    total: Figures
    things: int
    by_source: dict[str, Figures]
    weeks: list[date]
    by_week: dict[date, dict[str, Figures]]
    repeaters: list[Repeater]
    by_reason: Counter[str]

    @property
    def repeat_share(self) -> float | None:
        """Return which share of all occurrences was not the first of its thing; None without any."""
        total = self.total.occurrences
        return (total - self.things) / total if total else None


def statistics(user: Viewer, *, weeks: int, at: datetime, most: int = 10) -> Statistics:
    """Return the figures of the last calendar weeks, this one included (1 query).

    The time to acknowledge runs from when the alarm became active, or got worse, last; the time to
    resolve from when it was raised. An alarm counts in the week in which it was raised. What was over
    when it was found is counted, but has no times.
    """
    today = timezone.localtime(at).date()
    monday = today - timedelta(days=today.weekday())
    mondays = [monday - timedelta(weeks=number) for number in range(weeks - 1, -1, -1)]
    start = timezone.make_aware(datetime.combine(mondays[0], datetime.min.time()))
    rows = visible_to(user).filter(triggered_at__gte=start).order_by("pk")
    total, by_source = Figures(), dict[str, Figures]()
    by_week: dict[date, dict[str, Figures]] = {week: {} for week in mondays}
    episodes: dict[str, list[tuple[int, str, str, int]]] = {}
    by_reason: Counter[str] = Counter()
    columns = ("pk", "key", "title", "source", "status", "resolution", "occurrences")
    moments = ("triggered_at", "active_since", "acknowledged_at", "resolved_at")
    for (
        pk,
        key,
        title,
        source,
        status,
        reason,
        occurrences,
        raised,
        active,
        taken,
        closed,
    ) in rows.values_list(*columns, *moments)[:_MOST_ROWS]:
        local = timezone.localtime(raised).date()
        week = local - timedelta(days=local.weekday())
        places = [total, by_source.setdefault(source, Figures())]
        if week in by_week:
            places.append(by_week[week].setdefault(source, Figures()))
        for place in places:
            place.count += 1
            place.occurrences += occurrences
            place.open_count += status != AlarmStatus.RESOLVED
            if reason == Resolution.CLOSED_LATE:
                continue
            if taken is not None:
                place.acknowledge.minutes.append((taken - active).total_seconds() / 60)
            if closed is not None:
                place.resolve.minutes.append((closed - raised).total_seconds() / 60)
        episodes.setdefault(key, []).append((pk, title, source, occurrences))
        if reason:
            by_reason[reason] += 1
    return Statistics(
        since=mondays[0],
        total=total,
        things=len(episodes),
        by_source=dict(sorted(by_source.items(), key=lambda one: (-one[1].count, one[0]))),
        weeks=mondays,
        by_week=by_week,
        repeaters=_repeaters(episodes)[:most],
        by_reason=by_reason,
    )


def _repeaters(episodes: dict[str, list[tuple[int, str, str, int]]]) -> list[Repeater]:
    """Return what came more than once, by how often."""
    found = []
    for key, rows in episodes.items():
        occurrences = sum(row[3] for row in rows)
        if occurrences > 1:
            pk, title, source, _count = rows[-1]
            found.append(Repeater(key, title, source, len(rows), occurrences, pk))
    return sorted(found, key=lambda one: (-one.occurrences, -one.episodes, one.key))


def merged(figures: Sequence[Figures]) -> Figures:
    """Return the figures of several sources together."""
    one = Figures()
    for other in figures:
        one.count += other.count
        one.occurrences += other.occurrences
        one.open_count += other.open_count
        one.acknowledge.minutes += other.acknowledge.minutes
        one.resolve.minutes += other.resolve.minutes
    return one
