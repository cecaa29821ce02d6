"""When will it go? Told from the budgets of the lane and from what stands before it; never a promise.

What waits is often merged into digests, so that it goes sooner than told: this is the time at the latest
while nothing more urgent comes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifications import policy
from notifications.choices import State
from notifications.models import Notification
from notifications.services.lanes import Lane, Lanes
from spc_site import clock

MOST_COUNTED = 5_000
"""A row with more than so many before it is told to be after that many."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """When messages will have gone; without a time, what has to be mended first."""

    at: datetime | None
    obstacle: str = ""


def turn(logs: Sequence[tuple[Sequence[float], int]], now: float, *, ahead: int, window_s: float) -> float:
    """Return when the message goes that has `ahead` others before it, for sliding logs side by side. Pure.

    A log is the moments of the last sends of one credential, and how many it may have in a window.
    """
    places: list[float] = []
    for stamps, limit in logs:
        recent = sorted(at for at in stamps if now - at < window_s)[-limit:] if limit > 0 else []
        places += [at + window_s for at in recent]
        places += [now] * max(limit - len(recent), 0)
    if not places:
        return now + window_s
    heapq.heapify(places)
    at = now
    for _each in range(ahead + 1):
        at = heapq.heappop(places)
        heapq.heappush(places, at + window_s)
    return at


def of_message(row: Notification) -> Estimate:
    """Return when a message that waits will go; a few queries."""
    lane = Lanes().of(row.channel, row.target)
    before = Notification.objects.filter(
        status=State.PENDING, channel=row.channel, target=row.target, due_at__lt=row.due_at
    )
    ahead = before.order_by().values("pk")[:MOST_COUNTED].count()
    estimate = _of_lane(lane, ahead)
    if estimate.at is None:
        return estimate
    return Estimate(max(estimate.at, row.next_at))


def of_messages(counts: Mapping[tuple[str, str], int]) -> Estimate:
    """Return when the last of new messages will have gone; `counts` by channel and target.

    Targets that share a credential share its budget, and are counted together.
    """
    lanes = Lanes()
    lanes.look(counts)
    shared: dict[tuple[str, ...], tuple[Lane, int]] = {}
    for way, count in counts.items():
        lane = lanes.of(*way)
        key = tuple(sorted(lane.logs)) or way
        known, so_far = shared.get(key, (lane, 0))
        shared[key] = (known, so_far + count)
    found = [_of_lane(lane, count - 1) for lane, count in shared.values()]
    obstacle = "；".join(dict.fromkeys(one.obstacle for one in found if one.obstacle))
    return Estimate(max((one.at for one in found if one.at), default=None), obstacle)


def _moments(sends: Iterable[policy.Entry]) -> list[float]:
    """Return one moment per send: a log of many keeps them by the second, with their number."""
    found: list[float] = []
    for entry in sends:
        if isinstance(entry, int | float):
            found.append(float(entry))
        else:
            found += [float(entry[0])] * int(entry[1])
    return found


def _of_lane(lane: Lane, ahead: int) -> Estimate:
    if (obstacle := lane.obstacle) is not None:
        return Estimate(None, obstacle.words)
    now = clock.now()
    logs = [(_moments(log.sends), log.limit) for log in lane.logs.values() if not log.is_dead]
    at = turn(logs, now.timestamp(), ahead=ahead, window_s=policy.RATE_WINDOW.total_seconds())
    rests = [log.blocked_until for log in lane.logs.values() if not log.is_dead]
    moment = max(datetime.fromtimestamp(at, UTC), now)
    if rests and all(rest is not None and rest > now for rest in rests):
        rest = min(rest for rest in rests if rest is not None)
        moment += max(rest - now, timedelta(0))
    return Estimate(moment)
