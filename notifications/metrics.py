"""Delivery for Prometheus: totals from the hourly figures, the present from the open rows."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import Error as AnyDatabaseError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from notifications.choices import State
from notifications.models import Channel, HourlyFigure
from notifications.services import statistics
from spc_site import clock, jobs
from spc_site.lib import buckets
from spc_site.metrics import REGISTRY
from spc_site.models import WorkerBeat


class DeliveryCollector:
    """What all processes together have delivered. Four queries, none of them over the messages that ended.

    The totals are those of the figures, which are rolled up once a minute; they never fall, because the
    figures outlive the messages.
    """

    def describe(self) -> list[Metric]:
        return []  # nothing is asked for before a scrape

    def collect(self) -> Iterator[Metric]:
        try:
            yield from self._totals()
            yield from self._present()
        except AnyDatabaseError:
            return  # `qbo_up` says that the database is away

    def _totals(self) -> Iterator[Metric]:
        sums = statistics.by_channel(HourlyFigure.objects.order_by("channel").iterator())
        created = _counter("qbo_notifications", "Messages created", "channel")
        sent = _counter("qbo_notifications_sent", "Messages with a receipt", "channel")
        failed = _counter("qbo_notifications_failed", "Messages given up, by reason", "channel", "reason")
        suppressed = _counter(
            "qbo_notifications_suppressed", "Messages not sent on purpose, by reason", "channel", "reason"
        )
        requests = _counter("qbo_notification_requests", "Requests made", "channel")
        errors = _counter("qbo_notification_requests_failed", "Requests that failed", "channel", "cause")
        retries = _counter("qbo_notification_retries", "Requests that were not the first", "channel")
        doubles = _counter("qbo_possible_duplicates", "Messages that may have been shown twice", "channel")
        uncertain = _counter("qbo_uncertain", "Requests without an answer", "channel")
        expired = _counter("qbo_lease_expired", "Requests whose process died", "channel")
        latency = HistogramMetricFamily(
            "qbo_notification_latency_seconds", "Time to the answer of a request", labels=["channel"]
        )
        receipt = HistogramMetricFamily(
            "qbo_notification_receipt_seconds", "Time from the event to the receipt", labels=["channel"]
        )
        for channel, one in sums.items():
            created.add_metric([channel], one.created)
            sent.add_metric([channel], one.sent)
            requests.add_metric([channel], one.requests)
            retries.add_metric([channel], one.retried)
            doubles.add_metric([channel], one.possible_duplicates)
            uncertain.add_metric([channel], one.uncertain)
            expired.add_metric([channel], one.lease_expired)
            for name, count in sorted(one.reasons.items()):
                kind, _dot, reason = name.partition(".")
                if kind in ("dead", "suppressed"):
                    (failed if kind == "dead" else suppressed).add_metric([channel, reason], count)
            for cause, count in sorted(one.causes.items()):
                errors.add_metric([channel, cause], count)
            seconds = [bound / 1000 for bound in statistics.RESPONSE_MS]
            latency.add_metric(
                [channel], _cumulated(one.response_buckets, seconds), one.response_ms_sum / 1000
            )
            receipt.add_metric(
                [channel], _cumulated(one.receipt_buckets, statistics.RECEIPT_S), one.receipt_s_sum
            )
        yield from (created, sent, failed, suppressed, requests, errors, retries, doubles, uncertain, expired)
        yield from (latency, receipt)

    def _present(self) -> Iterator[Metric]:
        now = clock.now()
        queue = _gauge("qbo_queue_messages", "Open messages", "channel", "state")
        oldest = _gauge("qbo_queue_oldest_seconds", "Age of the oldest message that waits", "channel")
        wait = _gauge("qbo_rate_wait_seconds", "How long messages still wait for their budget", "channel")
        ages: dict[str, float] = {}
        waits: dict[str, float] = {}
        for row in statistics.open_by_channel():
            channel = row["channel"]
            queue.add_metric([channel, row["status"]], row["count"])
            if row["status"] != State.UNCERTAIN:
                age_s = max((now - row["oldest"]).total_seconds(), 0.0)
                ages[channel] = max(ages.get(channel, 0.0), age_s)
            if row["rate_until"] is not None and row["status"] == State.PENDING:
                waits[channel] = max((row["rate_until"] - now).total_seconds(), 0.0)
        up = _gauge("qbo_channel_up", "1 while a channel is on and its last request did not fail", "channel")
        for one in Channel.objects.all():
            up.add_metric([one.code], 1.0 if one.is_enabled and not one.consecutive_failures else 0.0)
            oldest.add_metric([one.code], ages.pop(one.code, 0.0))
            wait.add_metric([one.code], waits.pop(one.code, 0.0))
        for channel, age_s in ages.items():  # a channel without a row of its own
            oldest.add_metric([channel], age_s)
        rings = jobs.tally.ring_failures + sum(
            WorkerBeat.objects.fresh(now=now).values_list("ring_failures", flat=True)
        )
        yield from (queue, oldest, wait, up)
        yield CounterMetricFamily("qbo_ring_failed", "Rings that Redis did not take", value=rings)


def _counter(name: str, meaning: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, meaning, labels=labels)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=labels)


def _cumulated(counts: list[int], bounds: list[float] | tuple[float, ...]) -> list[tuple[str, float]]:
    sums = buckets.cumulative(buckets.add([counts], bounds))
    return list(zip([*(f"{bound:g}" for bound in bounds), "+Inf"], map(float, sums), strict=True))


REGISTRY.register(DeliveryCollector())
