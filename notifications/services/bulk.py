"""Send many messages again: at once where they are few, as a run that can be watched where they are many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Count, Exists, Max, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications.choices import State
from notifications.models import BulkResend, Notification
from notifications.services import estimates
from notifications.services.acts import ASKS_FIRST, GONE, RESENDABLE, resend
from notifications.services.estimates import Estimate
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget

MOST = 10_000
"""So many are sent again in one run at most: who wants more narrows the filter, and looks again."""

AT_ONCE = 200
"""Up to so many are queued in the request."""

_CHUNK = 50


@dataclass(frozen=True, slots=True)
class Proposal:
    """What sending again would do, before anybody says yes."""

    rows: list[int] = field(default_factory=list)
    """The messages that nobody saw."""
    doubles: list[int] = field(default_factory=list)
    """Those that were shown, or may have been."""
    skipped: int = 0
    """Those that still wait, are part of another, or were sent again already."""
    channels: Counter[str] = field(default_factory=Counter)
    is_cut: bool = False
    """Say whether there were more than one run takes."""
    estimate: Estimate = field(default_factory=lambda: Estimate(None))
    reasons: Counter[str] = field(default_factory=Counter)


def propose(messages: QuerySet[Notification]) -> Proposal:
    """Look at the messages of a filter, the oldest first; two queries and those of the budgets."""
    living = Notification.objects.filter(resent_from=OuterRef("pk")).exclude(status__in=GONE)
    found = list(
        messages.order_by("pk")
        .annotate(is_again=Exists(living))
        .values_list("pk", "status", "channel", "target", "reason", "is_again")[: MOST + 1]
    )
    is_cut = len(found) > MOST
    proposal = Proposal(is_cut=is_cut)
    skipped = 0
    ways: Counter[tuple[str, str]] = Counter()
    for pk, status, channel, target, reason, is_again in found[:MOST]:
        if status not in RESENDABLE or is_again:
            skipped += 1
            continue
        (proposal.doubles if status in ASKS_FIRST else proposal.rows).append(pk)
        proposal.channels[channel] += 1
        proposal.reasons[reason] += 1
        ways[channel, target] += 1
    return Proposal(
        rows=proposal.rows,
        doubles=proposal.doubles,
        skipped=skipped,
        channels=proposal.channels,
        is_cut=is_cut,
        estimate=estimates.of_messages(ways) if ways else Estimate(None),
        reasons=proposal.reasons,
    )


def start(
    rows: Sequence[int], *, user: User, allows_doubles: bool = False, filter_text: str = ""
) -> BulkResend:
    """Send messages again, in the order given; return the run, which is over already where they are few.

    `allows_doubles` is the yes to show again what was or may have been shown. Raises AppError when there
    are none, or too many.
    """
    rows = list(dict.fromkeys(rows))
    if not rows:
        raise AppError("nothing", _("没有可以重发的消息。"))
    if len(rows) > MOST:
        raise AppError("too_many", _("一次最多重发 %(most)d 条，请缩小范围。") % {"most": MOST})
    run = BulkResend.objects.create(
        rows=rows,
        total=len(rows),
        requested_by=user,
        allows_doubles=allows_doubles,
        filter_text=filter_text[:500],
    )
    if len(rows) <= AT_ONCE:
        while _some(run):
            run.refresh_from_db()
    else:
        jobs.enqueue("notifications.resend")
    run.refresh_from_db()
    return run


def has_due() -> bool:
    return BulkResend.objects.filter(state=BulkResend.Run.RUNNING).exists()


def resend_due(*, budget_s: float = 50) -> int:
    """Go on with the runs that people started, for at most `budget_s`; return how many were queued."""
    budget, handled = Budget(budget_s), 0
    while budget:
        run = BulkResend.objects.filter(state=BulkResend.Run.RUNNING).order_by("pk").first()
        if run is None or not (some := _some(run)):
            break
        handled += some
    return handled


def stop(run: BulkResend) -> bool:
    """End a run where it stands; say whether it was running. What was queued stays queued."""
    return bool(
        BulkResend.objects.filter(pk=run.pk, state=BulkResend.Run.RUNNING).update(
            state=BulkResend.Run.CANCELLED, finished_at=timezone.now()
        )
    )


def _some(run: BulkResend) -> int:
    """Queue the next few messages of a run and note how far it is; return how many were looked at.

    Two processes at once, or one that died in between, double nothing: a message that has a living resend
    is refused.
    """
    place = run.done + run.skipped
    some = run.rows[place : place + _CHUNK]
    done, skipped, refusal = 0, 0, run.last_refusal
    rows = Notification.objects.in_bulk(some)
    for pk in some:
        row = rows.get(pk)
        try:
            if row is None:
                raise AppError("gone", _("消息已被清理。"))
            if run.requested_by is None:
                raise AppError("nobody", _("发起人已不存在。"))
            resend(row, user=run.requested_by, confirmed=run.allows_doubles)
            done += 1
        except AppError as refused:
            skipped, refusal = skipped + 1, refused.message
    here = BulkResend.objects.filter(
        pk=run.pk, state=BulkResend.Run.RUNNING, done=run.done, skipped=run.skipped
    )
    is_over = place + len(some) >= run.total
    here.update(
        done=run.done + done,
        skipped=run.skipped + skipped,
        last_refusal=refusal[:255],
        **({"state": BulkResend.Run.DONE, "finished_at": clock.now()} if is_over else {}),
    )
    return len(some)


@dataclass(frozen=True, slots=True)
class DeadGroup:
    """Dead letters of one reason, channel and template."""

    reason: str
    channel: str
    template_name: str
    count: int
    latest: Notification


def dead_groups(*, since: timedelta) -> list[DeadGroup]:
    """Return the dead letters of a time by what they have in common, the most first; two queries.

    What was sent again since is not counted: its successor tells how it went.
    """
    again = Notification.objects.filter(resent_from=OuterRef("pk")).exclude(status=State.DEAD)
    dead = Notification.objects.filter(
        ~Exists(again), status=State.DEAD, created_at__gte=clock.now() - since, is_test=False
    ).order_by()
    groups = list(
        dead.values("reason", "channel", "template_name")
        .annotate(count=Count("pk"), latest_pk=Max("pk"))
        .order_by("-count")
    )
    latest = Notification.objects.in_bulk([group["latest_pk"] for group in groups])
    return [
        DeadGroup(
            reason=group["reason"],
            channel=group["channel"],
            template_name=group["template_name"],
            count=group["count"],
            latest=latest[group["latest_pk"]],
        )
        for group in groups
        if group["latest_pk"] in latest
    ]
