"""F6–F9: Redis emptied, away, slow, full."""

from __future__ import annotations

import time
from typing import Any

from benchmarks.fault_drills.field import Range, Result


def f6(field: Range) -> tuple[Any, Result]:
    """Redis emptied under load."""
    times = field.many(10)
    with field.drill(groups=1000, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        for _ in range(2):
            drill.start("--queue", "notify")
        for _ in range(times):
            drill.create(50)
            field.redis.flush()
            time.sleep(0.2)
        took = drill.settle(seconds=60, leaping=False)
    return drill, Result(f"{times} × FLUSHALL under load", took, "nothing, or a short notice", 0, 0, 5)


def f7(field: Range) -> tuple[Any, Result]:
    """Redis killed and away for a while."""
    from spc_site import health, jobs
    from tests.services import wait_until

    slowest, seen = 0.0, set()
    aways = (1, 1, 1, 30, 30, 30) if field.options.scale >= 1 else (1, 5)
    with field.drill(groups=1000, limit=None, channel_limit=20_000) as drill:
        drill.start("--workers", "0")
        for queue in jobs.QUEUES:
            drill.start("--queue", queue)
        for away_s in aways:
            field.redis.kill()
            drill.create(20)
            if away_s > 1:
                slowest = max(slowest, drill.settle(seconds=40, leaping=False))
                health._kept = None
                seen.add(health.system_banner())
                time.sleep(max(away_s - 10, 0))
            else:
                time.sleep(1)
            field.redis.start()
        slowest = max(slowest, drill.settle(seconds=40, leaping=False))

        def clear() -> bool:
            health._kept = None
            return not health.system_banner()

        wait_until(clear, seconds=40, what="the notice is gone")
    told = "notice on every page, gone afterwards" if seen and "" not in seen else "NOTHING was shown"
    if not told.startswith("notice"):
        drill.judge.complaints.append(told)
    return drill, Result(f"Redis killed, away for {', '.join(map(str, aways))} s", slowest, told, 0, 0, 15)


def _callers_wait(field: Range, drill: Any, url: str, count: int) -> float:
    """Create while Redis is somewhere else; return the longest that a caller waited."""
    from django.conf import settings

    from spc_site import jobs

    usual = settings.REDIS_URL, settings.RQ_QUEUES
    settings.REDIS_URL = url
    settings.RQ_QUEUES = {name: {**queue, "URL": url} for name, queue in settings.RQ_QUEUES.items()}
    longest = 0.0
    try:
        for _ in range(count):
            jobs._quiet_until = 0.0
            began = time.monotonic()
            drill.create()
            longest = max(longest, time.monotonic() - began)
    finally:
        settings.REDIS_URL, settings.RQ_QUEUES = usual
        jobs._quiet_until = 0.0
    return longest


def f8(field: Range) -> tuple[Any, Result]:
    """Slow Redis: two seconds for each command."""
    from tests.faults.test_doorbell import slow_redis

    count = field.many(20)
    with field.drill(groups=count) as drill:
        drill.start("--workers", "0")
        with slow_redis(field.redis, seconds=2.0) as url:
            longest = _callers_wait(field, drill, url, count)
        took = drill.settle(seconds=30, leaping=False)
    if longest > 0.6:
        drill.judge.complaints.append(f"a caller waited {longest:.2f} s for the ring")
    return drill, Result(
        f"Redis takes 2 s a command, {count} ×", took, f"callers wait {longest:.2f} s at most", 0, 0, 15
    )


def f9(field: Range) -> tuple[Any, Result]:
    """Full Redis."""
    from spc_site import jobs

    count = field.many(50)
    with field.drill(groups=count) as drill:
        drill.start("--workers", "0")
        drill.start("--queue", "notify")
        field.redis.command("CONFIG SET maxmemory 1")
        before = jobs.tally.ring_failures
        jobs._quiet_until = 0.0
        drill.create(count)
        took = drill.settle(seconds=40, leaping=False)
        field.redis.command("CONFIG SET maxmemory 0")
    failures = jobs.tally.ring_failures - before
    if not failures:
        drill.judge.complaints.append("no failed ring was counted")
    return drill, Result("maxmemory 1, noeviction", took, f"{failures} ring failures in /metrics", 0, 0, 15)
