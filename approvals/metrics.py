"""Callbacks for Prometheus: what waits, since when, what was refused, what had to be found again."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import Error as AnyDatabaseError
from django.db.models import Count, Min, Sum
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from approvals.choices import EventState
from approvals.models import InboundEvent, ReconcileRun, Refusal
from approvals.services import reconciling
from spc_site import clock
from spc_site.metrics import REGISTRY
from wecom.crypto import Stage


class CallbackCollector:
    """Four queries, none of them over the events that are done."""

    def describe(self) -> list[Metric]:
        return []  # nothing is asked for before a scrape

    def collect(self) -> Iterator[Metric]:
        try:
            yield from self._events()
            yield from self._looks()
        except AnyDatabaseError:
            return  # `qbo_up` says that the database is away

    def _events(self) -> Iterator[Metric]:
        now = clock.now()
        open_ones = InboundEvent.objects.filter(state=EventState.WAITING)
        waiting = open_ones.aggregate(count=Count("pk"), oldest=Min("received_at"))
        yield GaugeMetricFamily("qbo_callback_events_waiting", "Events to act on", value=waiting["count"])
        age_s = max((now - waiting["oldest"]).total_seconds(), 0.0) if waiting["oldest"] else 0.0
        yield GaugeMetricFamily("qbo_callback_oldest_seconds", "Age of the oldest of them", value=age_s)
        dead = InboundEvent.objects.filter(state=EventState.DEAD).count()
        yield GaugeMetricFamily("qbo_callback_events_dead", "Events that wait for a person", value=dead)
        refused = CounterMetricFamily("qbo_callback_refused", "Callbacks refused", labels=["stage"])
        counts = dict.fromkeys((stage.value for stage in Stage), 0)
        counts |= dict(Refusal.objects.values_list("stage").annotate(total=Sum("count")).order_by())
        for stage, count in sorted(counts.items()):
            refused.add_metric([stage], count)
        yield refused

    def _looks(self) -> Iterator[Metric]:
        found = ReconcileRun.objects.aggregate(total=Sum("recovered"))["total"] or 0
        yield CounterMetricFamily("qbo_callback_recovered", "Approvals found without an event", value=found)
        if last := reconciling.last_success():
            yield GaugeMetricFamily(
                "qbo_reconcile_age_seconds",
                "Age of the last look for lost events that succeeded",
                value=max((clock.now() - last).total_seconds(), 0.0),
            )


REGISTRY.register(CallbackCollector())
