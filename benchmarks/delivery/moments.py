"""B4, B5: how long one message takes, to be made and to arrive."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from statistics import median, quantiles

from benchmarks.delivery.plant import Plant, unsent
from benchmarks.delivery.report import head, tell, word
from benchmarks.delivery.server import serving


def spread(values: Sequence[float]) -> str:
    """Percentiles in milliseconds."""
    cuts = quantiles(values, n=100, method="inclusive")
    return f"{cuts[49] * 1000:.0f} / {cuts[94] * 1000:.0f} / {cuts[98] * 1000:.0f}"


def latency(plant: Plant, database: str, options: argparse.Namespace) -> bool:
    """B5: from the commit to the request, and to the receipt, with an idle queue."""
    from django.db import transaction

    from notifications.models import Notification
    from notifications.services import send_notification
    from tests.services import wait_until

    head(
        f"B5 {database}: one message into an idle queue",
        "way",
        "messages",
        "to request, ms p50/95/99",
        "to receipt, ms p50/95/99",
        "",
        "goal",
    )
    dice = random.Random(4)
    held = True
    with serving(0) as server:
        for with_redis in (True, False):
            samples = options.samples if with_redis else max(options.samples // 2, 10)
            plant.clear()
            plant.point_at(server, samples)
            if with_redis:
                plant.start("--queue", "notify")
            else:
                from django.conf import settings

                settings.REDIS_URL = ""
                path = plant.directory / "settings.json"
                path.write_text(
                    json.dumps({**json.loads(path.read_text(encoding="utf-8")), "REDIS_URL": ""}),
                    encoding="utf-8",
                )
            plant.start("--workers", "0")
            time.sleep(3)
            server.forget()
            committed: dict[str, float] = {}
            for number in range(samples):
                marker = f"M{number:05}"
                with transaction.atomic():
                    send_notification(f"演练 {marker}", marker, "wechat_bot", f"G{number}", 1)
                committed[marker] = time.monotonic()
                time.sleep(dice.uniform(0.2, 1.0) if with_redis else dice.uniform(0.5, 2.0))
            arrivals = dict(server.await_arrivals(samples, seconds=20))
            wait_until(lambda: not unsent(), seconds=20, what="the last receipt is written")
            plant.stop()
            requests = [arrivals[marker] - at for marker, at in committed.items()]
            receipts = [
                (sent_at - created_at).total_seconds()
                for created_at, sent_at in Notification.objects.values_list("created_at", "sent_at")
            ]
            middle, late = median(requests), quantiles(requests, n=20, method="inclusive")[18]
            most, most_late = (0.3, 1.5) if with_redis else (1.5, 3.0)
            good = middle <= most and late <= most_late
            held &= good
            tell(
                "Redis rings a worker" if with_redis else "no Redis, the pump looks",
                samples,
                spread(requests),
                spread(receipts),
                "",
                f"p50 ≤ {most} s, p95 ≤ {most_late} s: {word(good)}",
            )
    return held


def creation(plant: Plant, database: str, options: argparse.Namespace) -> bool:
    """B4 and queries: what a message costs the event that causes it, and the worker that sends it."""
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from notifications.services import deliver_due, send_notification

    head(
        f"B4 {database}: cost of a message in the caller's transaction, and of its delivery",
        "what",
        "messages",
        "ms each",
        "queries each",
        "",
        "goal",
    )
    with serving(0) as server:
        plant.clear()
        plant.point_at(server, 400)

        def create(number: int) -> None:
            with transaction.atomic():
                send_notification(f"演练 M{number:05}", f"M{number:05}", "wechat_bot", f"G{number % 400}", 2)

        for number in range(20):
            create(number)
        times = []
        for number in range(20, 220):
            with transaction.atomic():  # the caller's own: what the message adds to it
                began = time.perf_counter()
                send_notification(f"演练 M{number:05}", f"M{number:05}", "wechat_bot", f"G{number % 400}", 2)
                times.append(time.perf_counter() - began)
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            send_notification("演练 M99999", "M99999", "wechat_bot", "G399", 2)
        queries = [
            q for q in captured if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
        ]
        middle = median(times) * 1000
        good = middle <= 3 and len(queries) <= 2
        tell(
            "ask for a message",
            len(times),
            f"{middle:.2f}",
            len(queries),
            "",
            f"≤ 3 ms: {word(middle <= 3)}; ≤ 2 queries: {word(len(queries) <= 2)}",
        )
        began = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            tried = 0
            while sent := deliver_due():
                tried += sent
        spent = (time.perf_counter() - began) * 1000
        queries = [
            q for q in captured if not q["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
        ]
        tell(
            "deliver it (in this process)",
            tried,
            f"{spent / tried:.2f}",
            f"{len(queries) / tried:.1f}",
            "",
            "",
        )
    return good
