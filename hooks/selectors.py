"""What can be read of hooks: the figures, the points that rest, what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count

from hooks import loader, policy
from hooks.models import CustomKpi, EventState, HookEvent, HookPoint, HookRun
from spc_site import clock

OLD_AFTER = timedelta(seconds=3 * policy.KPI_EVERY_S)


@dataclass(frozen=True, slots=True)
class Figures:
    """The customer's figures and when they were calculated."""

    rows: tuple[CustomKpi, ...]
    calculated_at: datetime | None
    is_old: bool


def figures() -> Figures | None:
    """Return the customer's figures; None where there are none. One query where a customer is set."""
    if not settings.CUSTOMER:
        return None
    rows = tuple(CustomKpi.objects.all())
    if not rows:
        return None
    at = min(row.calculated_at for row in rows)
    return Figures(rows, at, clock.now() - at > OLD_AFTER)


@dataclass(frozen=True, slots=True)
class State:
    """How the hooks are: for the health page, the banner and `/metrics`."""

    customer: str
    problems: tuple[loader.Problem, ...]
    paused: tuple[str, ...]

    @property
    def word(self) -> str:
        """Return it as one word for programs."""
        if not self.customer:
            return "none"
        if self.problems:
            return "unusable"
        return "paused" if self.paused else "ok"


def state() -> State:
    """Return how the hooks are; one query where a customer is set."""
    loaded = loader.current()
    if not loaded.customer:
        return State("", (), ())
    paused = HookPoint.objects.filter(paused_until__gt=clock.now()).order_by("name")
    return State(loaded.customer, loaded.problems, tuple(paused.values_list("name", flat=True)))


def waiting() -> int:
    """Return how many events wait for their hooks. One query."""
    return HookEvent.objects.filter(state__in=[EventState.PENDING, EventState.RUNNING]).count()


def failed_lately() -> int:
    """Return how many events came to nothing during the last day. One query."""
    since = clock.now() - timedelta(days=1)
    return HookEvent.objects.filter(state=EventState.FAILED, finished_at__gte=since).count()


def runs_by_outcome() -> list[tuple[str, str, int]]:
    """Return point, outcome and number of the runs that are kept. One query."""
    rows = HookRun.objects.order_by().values_list("point", "outcome").annotate(count=Count("pk"))
    return sorted((point, outcome, count) for point, outcome, count in rows)
