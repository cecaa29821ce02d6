"""Send a message another way: the row itself moves to the next way of its route.

`fallbacks` are the ways that the row is not on, in order: `{"channel", "target"}`, and, once it
was on one, `"left"` with the reason. A way that failed a message for good is not tried again with
it; one that was dead is, when it has been mended. So a message is never under way twice at once,
and the first `left` of a row that has moved names the way on which it began.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from notifications import policy
from notifications.choices import Reason
from notifications.models import DeliveryAttempt, Notification, NotificationEvent
from notifications.policy import Decision
from notifications.services.composing import add_parts, compose
from notifications.services.lanes import Lane, Lanes


class Why(StrEnum):
    """Why a message leaves a way."""

    DEAD = "dead"
    LATE = "late"
    RETRIES = "retries"
    UNSURE = "unsure"


_WORDS = {
    Why.DEAD: "渠道故障",
    Why.LATE: "已延误",
    Why.RETRIES: "重试次数用尽",
    Why.UNSURE: "没有得到答复，可能重复",
}


def first_way(row: Notification) -> tuple[str, str]:
    """Return channel and target on which a message began."""
    began = next((way for way in row.fallbacks if way.get("left")), None)
    return (began["channel"], began["target"]) if began else (row.channel, row.target)


def ways(row: Notification) -> list[dict[str, str]]:
    """Return the whole route of a message in its first order, as `fallbacks` of a new one."""
    left = [way for way in row.fallbacks if way.get("left")]
    ahead = [way for way in row.fallbacks if not way.get("left")]
    route = [*left, {"channel": row.channel, "target": row.target}, *ahead]
    return [{"channel": way["channel"], "target": way["target"]} for way in route]


def may_go_late(row: Notification) -> bool:
    """Say whether a message has a way that it has not been on."""
    return not row.is_test and any(not way.get("left") for way in row.fallbacks)


def late_at(row: Notification) -> datetime | None:
    """Return from when on a message is late enough to take another way; None if it has none."""
    return policy.late_at(row.priority, row.due_at) if may_go_late(row) else None


def next_way(row: Notification, why: Why, lanes: Lanes, now: datetime) -> Lane | None:
    """Return the next way on which the message could go now; None when there is none."""
    if row.is_test:
        return None
    for way in row.fallbacks:
        left = way.get("left")
        if left and (why is not Why.DEAD or left in (Why.RETRIES, Why.UNSURE)):
            continue
        lane = lanes.of(way["channel"], way["target"])
        if lane.obstacle is None and (why is not Why.LATE or lane.free(now) > 0):
            return lane
    return None


def leave(row: Notification, why: Why, lanes: Lanes, now: datetime) -> dict[str, Any] | None:
    """Return the fields that put a message on its next way; None when there is none.

    Composes it anew and writes the line of its story; what becomes several parts there gets rows
    for the further ones. Call it in the transaction that writes the fields.
    """
    lane = next_way(row, why, lanes, now)
    if lane is None or lane.driver is None:
        return None
    carried = list(row.attachments.all())
    parts = compose(lane.driver, row.title, row.content, lane.target, lane.form, carried, button=row.button)
    first = parts[0]
    fallbacks = [
        way for way in row.fallbacks if (way["channel"], way["target"]) != (lane.channel, lane.target)
    ]
    fallbacks.append({"channel": row.channel, "target": row.target, "left": str(why)})
    may_double = row.possible_duplicate or _was_unsure(row, why)
    fields: dict[str, Any] = {
        "channel": lane.channel,
        "target": first.target,
        "payload": first.payload,
        "content": first.content,
        "fallbacks": fallbacks,
        "retry_count": 0,
        "next_at": now,
        "reason": Reason.FAILED_OVER,
        "possible_duplicate": may_double,
    }
    if row.part_count == 1:
        fields["part_count"] = len(parts)
    add_parts(row, parts, carried, **fields)
    words = f"{row.channel} {row.target} → {lane.channel} {lane.target}：{_WORDS[why]}"
    NotificationEvent.objects.create(notification_id=row.pk, kind="failed_over", note=words[:255])
    return fields


def _was_unsure(row: Notification, why: Why) -> bool:
    """Say whether an attempt may have been shown without our knowing."""
    if why is Why.UNSURE:
        return True
    lost = DeliveryAttempt.objects.filter(notification_id=row.pk, outcome=Decision.UNCERTAIN.value)
    return lost.exists()
