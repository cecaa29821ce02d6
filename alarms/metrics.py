"""Alarms for Prometheus: what is open, how fast they are answered, how the requests do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import Error as AnyDatabaseError
from django.db.models import Count, Q
from prometheus_client.core import GaugeMetricFamily, Metric

from alarms.metering import BOUNDS_MS
from alarms.models import Alarm, Effect, OrderStatus, Resolution, Silence, WorkOrder
from alarms.services.system import Look
from spc_site import clock
from spc_site.lib import buckets
from spc_site.metrics import REGISTRY

_DAY = timedelta(days=1)


class AlarmCollector:
    """The present of alarms and work orders, and the last day's answers. Five queries."""

    def describe(self) -> list[Metric]:
        return []  # nothing is asked for before a scrape

    def collect(self) -> Iterator[Metric]:
        try:
            yield from self._alarms()
            yield from self._work()
            yield from self._requests()
        except AnyDatabaseError:
            return  # `qbo_up` says that the database is away

    def _alarms(self) -> Iterator[Metric]:
        now = clock.now()
        labels = ["source", "severity", "status"]
        opened = GaugeMetricFamily("qbo_alarms_open", "Open alarms", labels=labels)
        hushed = GaugeMetricFamily(
            "qbo_alarms_withheld", "Open alarms that people are not told of", labels=["reason"]
        )
        counts = Alarm.objects.open().values_list("source", "severity", "status", "withheld")
        by_state: dict[tuple[str, ...], int] = {}
        by_reason = {"silenced": 0, "inhibited": 0}
        for *state, withheld, count in counts.annotate(count=Count("pk")).order_by():
            by_state[tuple(state)] = by_state.get(tuple(state), 0) + count
            if withheld:
                by_reason[withheld] += count
        for key, count in by_state.items():
            opened.add_metric(list(key), count)
        for reason, count in by_reason.items():
            hushed.add_metric([reason], count)
        yield from (opened, hushed)
        acknowledge = GaugeMetricFamily(
            "qbo_alarms_acknowledge_seconds", "Mean time to acknowledge, last day", labels=["source"]
        )
        resolve = GaugeMetricFamily(
            "qbo_alarms_resolve_seconds", "Mean time to resolve, last day", labels=["source"]
        )
        took: dict[str, tuple[list[float], list[float]]] = {}
        recent = Alarm.objects.filter(
            Q(acknowledged_at__gte=now - _DAY) | Q(resolved_at__gte=now - _DAY)
        ).exclude(resolution=Resolution.CLOSED_LATE)
        for source, raised, active, taken, closed in recent.values_list(
            "source", "triggered_at", "active_since", "acknowledged_at", "resolved_at"
        )[:100_000]:
            answers, ends = took.setdefault(source, ([], []))
            if taken is not None and taken >= now - _DAY:
                answers.append((taken - active).total_seconds())
            if closed is not None and closed >= now - _DAY:
                ends.append((closed - raised).total_seconds())
        for source, (answers, ends) in took.items():
            if answers:
                acknowledge.add_metric([source], sum(answers) / len(answers))
            if ends:
                resolve.add_metric([source], sum(ends) / len(ends))
        yield from (acknowledge, resolve)

    def _work(self) -> Iterator[Metric]:
        now = clock.now()
        counts = WorkOrder.objects.aggregate(
            open=Count("pk", filter=Q(status=OrderStatus.OPEN)),
            overdue=Count("pk", filter=Q(status=OrderStatus.OPEN, due_at__lt=now)),
            waiting=Count("pk", filter=Q(effect=Effect.WAITING)),
            repeated=Count("pk", filter=Q(effect=Effect.REPEATED)),
        )
        orders = GaugeMetricFamily("qbo_work_orders", "Work orders", labels=["state"])
        for state, count in counts.items():
            orders.add_metric([state], count)
        yield orders
        active = Silence.objects.active(now).count()
        yield GaugeMetricFamily("qbo_silences_active", "Silences that act now", value=active)

    def _requests(self) -> Iterator[Metric]:
        count, failed, counts = Look(clock.now()).requests
        yield GaugeMetricFamily("qbo_requests_recent", "Requests of the last five minutes", value=count)
        if count:
            yield GaugeMetricFamily(
                "qbo_requests_failed_ratio", "Share that failed, last five minutes", value=failed / count
            )
            most = buckets.quantile(counts, BOUNDS_MS, 0.99)
            if most is not None:
                yield GaugeMetricFamily(
                    "qbo_request_p99_seconds", "99th percentile, last five minutes", value=most / 1000
                )


REGISTRY.register(AlarmCollector())
