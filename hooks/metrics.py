"""Hooks for Prometheus: the customer's figures, what waits, what rests."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import Error as AnyDatabaseError
from prometheus_client.core import GaugeMetricFamily, Metric

from hooks import selectors
from spc_site import clock
from spc_site.metrics import REGISTRY


class HooksCollector:
    """Four queries where a customer is set, else nothing at all."""

    def describe(self) -> list[Metric]:
        return []  # nothing is asked for before a scrape

    def collect(self) -> Iterator[Metric]:
        if not settings.CUSTOMER:
            return
        try:
            yield from self._collect()
        except AnyDatabaseError:
            return  # `qbo_up` says that the database is away

    def _collect(self) -> Iterator[Metric]:
        state = selectors.state()
        usable = "1 while the customer's hooks can be loaded"
        yield GaugeMetricFamily("qbo_hooks_usable", usable, value=0.0 if state.problems else 1.0)
        waiting = "Events that wait for their hooks"
        yield GaugeMetricFamily("qbo_hook_events_waiting", waiting, value=selectors.waiting())
        paused = GaugeMetricFamily("qbo_hook_paused", "1 while a point rests", labels=["point"])
        for point in state.paused:
            paused.add_metric([point], 1.0)
        yield paused
        runs = GaugeMetricFamily("qbo_hook_runs_kept", "Runs on record", labels=["point", "outcome"])
        for point, outcome, count in selectors.runs_by_outcome():
            runs.add_metric([point, outcome], count)
        yield runs
        if (figures := selectors.figures()) is not None and figures.calculated_at is not None:
            values = GaugeMetricFamily("qbo_custom_kpi", "A figure of the customer", labels=["name"])
            for row in figures.rows:
                values.add_metric([row.name], row.value)
            yield values
            age_s = max((clock.now() - figures.calculated_at).total_seconds(), 0.0)
            yield GaugeMetricFamily("qbo_custom_kpi_age_seconds", "Age of these figures", value=age_s)


REGISTRY.register(HooksCollector())
