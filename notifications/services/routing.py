"""Decide who gets an event: the rows are read here, the decision is `notifications.routing`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import routing
from notifications.choices import Verb
from notifications.models import Route, RouteStep
from notifications.routing import Chain, Event, Outcome, Skip, Verdict, Way
from notifications.services import audit
from spc_site.errors import AppError


@dataclass(frozen=True, slots=True)
class Judged:
    """One route, what became of it, and the messages it makes."""

    route: Route
    verdict: Verdict
    chains: tuple[Chain, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Who gets an event: every active route with its verdict, and the messages that result.

    `is_default`: no route told anybody, so it goes where the event itself says.
    """

    judged: tuple[Judged, ...]
    chains: tuple[Chain, ...]
    is_default: bool = False


def plan(event: Event, *, at: datetime, default: Way | None) -> Plan:
    """Return who gets an event at a moment; one query, and one more where a route matches.

    Routes whose people are all gone or have no address tell nobody: then the default does, for
    a mistake in the routes must not lose an alarm. Who does not want the event is no mistake.
    Raises AppError where nobody is left and there is no default either.
    """
    local = timezone.localtime(at)
    routes = list(Route.objects.filter(is_active=True))
    verdicts = routing.decide([route.as_rule() for route in routes], event, local)
    matched = [
        route for route, verdict in zip(routes, verdicts, strict=True) if verdict.outcome is Outcome.MATCHED
    ]
    steps = _steps(matched)
    judged = tuple(
        Judged(route, verdict, tuple(routing.chains(steps.get(route.pk, ()), event, local)))
        for route, verdict in zip(routes, verdicts, strict=True)
    )
    found = routing.once_each(chain for one in judged for chain in one.chains if _tells(chain))
    if found:
        return Plan(judged, tuple(found))
    if default is None:
        raise AppError(
            "no_route",
            _("没有路由匹配事件 %(name)s，也没有给出默认的目标；请添加路由或给出组。") % {"name": event.name},
        )
    return Plan(judged, (Chain(ways=(default,)),), is_default=True)


def _tells(chain: Chain) -> bool:
    """Say whether a chain reaches somebody, or somebody chose that it does not."""
    return bool(chain.ways) or any(why is Skip.MUTED for _person, why in chain.skipped)


def _steps(routes: Sequence[Route]) -> dict[int, list[routing.Step]]:
    if not routes:
        return {}
    rows = RouteStep.objects.filter(route__in=routes).select_related("recipient__user__profile")
    found: dict[int, list[routing.Step]] = {}
    for row in rows.order_by("position", "pk"):
        found.setdefault(row.route_id, []).append(row.as_step())
    return found


def move(route: Route, *, up: bool) -> bool:
    """Change places with the neighbour; say whether there was one.

    Numbers the routes anew, so that two of the same position have an order from then on.
    """
    with transaction.atomic():
        rows = list(Route.objects.select_for_update().order_by("position", "pk"))
        place = next((number for number, row in enumerate(rows) if row.pk == route.pk), None)
        other = None if place is None else place - 1 if up else place + 1
        if place is None or other is None or not 0 <= other < len(rows):
            return False
        rows[place], rows[other] = rows[other], rows[place]
        before = route.position
        for position, row in enumerate(rows, start=1):
            row.position = position
        Route.objects.bulk_update(rows, ["position"])
        audit.record(Verb.CHANGED, route, changes={"position": (before, other + 1)})
    return True


def append(route: Route) -> None:
    """Put a new route at the end."""
    last = Route.objects.order_by("-position").values_list("position", flat=True).first()
    route.position = (last or 0) + 1
