"""The story of one message, from the event to the receipt and to whoever took it on.

Made from the rows that delivery leaves (the message, its attempts, what people and failover did) and from
what the rooms above add: they receive `story_wanted` and return steps of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.dispatch import Signal
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.people import name_of
from notifications import safety
from notifications.causes import ADVICE, REASON_ADVICE, Cause, cause_of
from notifications.choices import CodeState, Reason, State, channel_names
from notifications.credentials import labels
from notifications.models import DeliveryAttempt, Notification, NotificationEvent
from notifications.policy import Decision
from notifications.services import estimates
from notifications.services.failover import first_way
from spc_site import clock

story_wanted = Signal()
"""Sent with `message`; a receiver returns the steps that it knows of (`list[Step]`)."""

_MOST_MEMBERS = 50

OUTCOMES = {
    "": (gettext_lazy("进行中"), "blue"),
    Decision.SENT.value: (gettext_lazy("送达"), "green"),
    Decision.RETRY.value: (gettext_lazy("失败，将重试"), "amber"),
    Decision.WAIT.value: (gettext_lazy("超过频率"), "amber"),
    Decision.DEAD.value: (gettext_lazy("拒收"), "red"),
    Decision.CHANNEL_DEAD.value: (gettext_lazy("渠道故障"), "red"),
    Decision.UNCERTAIN.value: (gettext_lazy("不确定"), "amber"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when, what in a few words, and the details below."""

    at: datetime
    title: str
    tone: str = "blue"
    details: tuple[str, ...] = ()
    url: str = ""
    link_text: str = ""
    is_to_come: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A step as it is shown: with the time since the event."""

    step: Step
    offset: str


@dataclass(frozen=True, slots=True)
class Story:
    """The steps of a message, and what belongs to it: parts, members, the message that it went into."""

    lines: list[Line] = field(default_factory=list)
    parts: list[Notification] = field(default_factory=list)
    members: list[Notification] = field(default_factory=list)
    more_members: int = 0


def of(row: Notification, *, hides_contacts: bool = False) -> Story:
    """Return the story of a message; a fixed number of queries, however long it is."""
    steps = [*_steps(row), *_from_above(row)]
    if row.merged_into is not None:
        steps += _digest_steps(row.merged_into)
    steps.sort(key=lambda step: (step.is_to_come, step.at))
    members: list[Notification] = []
    count = 0
    if row.is_digest:
        members = list(row.members.order_by("pk")[: _MOST_MEMBERS + 1])
        count = row.members.count() if len(members) > _MOST_MEMBERS else len(members)
    parts = (
        list(
            Notification.objects.filter(
                correlation_id=row.correlation_id, part_count=row.part_count, resent_from=row.resent_from_id
            ).order_by("part_no", "pk")[:50]
        )
        if row.part_count > 1
        else []
    )
    lines = [
        Line(_masked(step) if hides_contacts else step, _offset(step.at - row.created_at)) for step in steps
    ]
    return Story(lines, parts, members[:_MOST_MEMBERS], max(count - _MOST_MEMBERS, 0))


def page_of(row: Notification) -> str:
    """Return the address of a message's page."""
    return reverse("admin:notifications_notification_change", args=[row.pk])


def _masked(step: Step) -> Step:
    return Step(
        step.at,
        safety.mask_contacts(step.title),
        step.tone,
        tuple(map(safety.mask_contacts, step.details)),
        step.url,
        step.link_text,
        step.is_to_come,
    )


def _offset(span: timedelta) -> str:
    """Say how long after the event, in the unit that tells enough."""
    seconds = max(span.total_seconds(), 0.0)
    if seconds < 0.0005:
        return "0"
    if seconds < 10:
        return _("+%(seconds)s 秒") % {"seconds": f"{seconds:.1f}"}
    if seconds < 60:
        return _("+%(seconds)s 秒") % {"seconds": f"{seconds:.0f}"}
    if seconds < 3600:
        return _("+%(minutes)d 分 %(seconds)d 秒") % {"minutes": seconds // 60, "seconds": seconds % 60}
    if seconds < 86_400:
        return _("+%(hours)d 时 %(minutes)d 分") % {"hours": seconds // 3600, "minutes": seconds % 3600 // 60}
    return _("+%(days)d 天 %(hours)d 时") % {"days": seconds // 86_400, "hours": seconds % 86_400 // 3600}


# --- the steps --------------------------------------------------------------------------------


def _steps(row: Notification) -> Iterator[Step]:
    yield _created(row)
    yield _routed(row)
    attempts = list(row.attempts.order_by("number"))
    yield from _attempts(attempts)
    yield from _events(row.events.select_related("actor").order_by("at", "pk"))
    yield from _cards(row)
    yield from _now_or_end(row)


def _created(row: Notification) -> Step:
    details = [
        _("来源 %(source)s") % {"source": row.source} if row.source else "",
        _("模板 %(name)s") % {"name": row.template_name} if row.template_name else "",
        ngettext("同一事件又来 %(count)d 次，没有另发", "同一事件又来 %(count)d 次，没有另发", row.repeats)
        % {"count": row.repeats}
        if row.repeats
        else "",
        _("第 %(number)d 段，共 %(count)d 段") % {"number": row.part_no, "count": row.part_count}
        if row.part_count > 1
        else "",
    ]
    title = _("事件 %(event)s") % {"event": row.event} if row.event else _("请求发送")
    if row.is_digest:
        title = _("合并消息写成")
    if row.is_test:
        title = _("测试发送")
    return Step(row.created_at, title, details=tuple(filter(None, details)))


def _routed(row: Notification) -> Step:
    channel, target = first_way(row)
    names = channel_names()
    ahead = [
        f"{names.get(way['channel'], way['channel'])} {way['target']}"
        for way in row.fallbacks
        if not way.get("left")
    ]
    due = timezone.localtime(row.due_at)
    details = [
        _("优先级 %(priority)d，应在 %(due)s 前发出") % {"priority": row.priority, "due": f"{due:%H:%M:%S}"}
    ]
    if ahead:
        details.append(_("后备：%(ways)s") % {"ways": "、".join(ahead)})
    return Step(
        row.created_at,
        _("选定 %(channel)s → %(target)s") % {"channel": names.get(channel, channel), "target": target},
        details=tuple(details),
    )


def _attempts(attempts: Iterable[DeliveryAttempt], *, prefix: str = "") -> Iterator[Step]:
    attempts = list(attempts)
    names = channel_names()
    called = labels(attempt.credential for attempt in attempts if attempt.credential)
    for attempt in attempts:
        outcome, tone = OUTCOMES.get(attempt.outcome, (attempt.outcome, "grey"))
        cause = cause_of(
            attempt.outcome,
            http_status=attempt.http_status,
            errcode=attempt.errcode,
            was_answered=attempt.duration_ms is not None,
        )
        facts = [
            names.get(attempt.channel, attempt.channel),
            called.get(attempt.credential, attempt.credential),
            f"{attempt.duration_ms} ms" if attempt.duration_ms is not None else "",
            f"HTTP {attempt.http_status}" if attempt.http_status is not None else "",
            f"errcode {attempt.errcode}" if attempt.errcode is not None else "",
        ]
        details = [" · ".join(filter(None, facts)), attempt.explanation, attempt.answer]
        if cause is not None:
            details.append(f"{Cause(cause).label}：{ADVICE[cause]}")
        title = _("第 %(number)d 次发送：%(outcome)s") % {"number": attempt.number, "outcome": outcome}
        yield Step(attempt.started_at, prefix + title, str(tone), tuple(filter(None, details)))


_CODES = {
    CodeState.DUE: (gettext_lazy("卡片待更新"), "amber"),
    CodeState.DONE: (gettext_lazy("卡片已更新"), "green"),
    CodeState.DEAD: (gettext_lazy("卡片未能更新"), "red"),
}


def _cards(row: Notification) -> Iterator[Step]:
    """Yield what the card of a message was made to say; one query, none for a message without button."""
    if not row.button:
        return
    for code in row.card_codes.filter(state__in=_CODES).defer("code").order_by("said_at", "pk"):
        title, tone = _CODES[CodeState(code.state)]
        who = _("只给 %(user)s") % {"user": code.user} if code.user else ""
        details = tuple(filter(None, (code.notice, who, code.error)))
        yield Step(code.ended_at or code.said_at or row.created_at, str(title), tone, details)


_EVENTS = {
    "resent": (gettext_lazy("重发"), "blue"),
    "resend_of": (gettext_lazy("由重发而来"), "blue"),
    "cancelled": (gettext_lazy("取消发送"), "grey"),
    "failed_over": (gettext_lazy("改走后备渠道"), "amber"),
    "masked": (gettext_lazy("内容已掩码"), "grey"),
    "warned": (gettext_lazy("命中内容规则"), "amber"),
}


def _events(events: Iterable[NotificationEvent]) -> Iterator[Step]:
    for event in events:
        words, tone = _EVENTS.get(event.kind, (event.kind, "blue"))
        actor = event.actor
        who = name_of(actor)
        message_id = event.note.removeprefix("→ ").removeprefix("← ")
        is_link = event.kind in ("resent", "resend_of")
        search = f"{reverse('admin:notifications_notification_changelist')}?q={message_id}" if is_link else ""
        yield Step(
            event.at,
            f"{words} · {who}" if who else str(words),
            str(tone),
            () if is_link or not event.note else (event.note,),
            url=search,
            link_text=message_id if is_link else "",
        )


def _now_or_end(row: Notification) -> Iterator[Step]:
    """Tell how the message ended, or what it waits for and until when."""
    reason = str(row.get_reason_display())
    advice = str(REASON_ADVICE.get(row.reason, ""))
    if row.status == State.SENT:
        details = [_("回执 %(receipt)s") % {"receipt": row.receipt} if row.receipt else ""]
        if row.missed:
            details.append(_("没有收到的人：%(names)s") % {"names": "、".join(map(str, row.missed))})
        if row.possible_duplicate:
            details.append(_("对方可能看到两次：此前有一次发送没有得到答复"))
        tone = "amber" if row.missed or row.possible_duplicate else "green"
        took = _offset((row.sent_at or row.updated_at) - row.created_at).removeprefix("+")
        title = _("送达，用时 %(time)s") % {"time": took}
        yield Step(row.sent_at or row.updated_at, title, tone, tuple(filter(None, details)))
    elif row.status == State.MERGED:
        digest = row.merged_into
        others = digest.members.count() - 1 if digest else 0
        title = ngettext("与另外 %(count)d 条合并", "与另外 %(count)d 条合并", others) % {"count": others}
        url = page_of(digest) if digest else ""
        yield Step(row.updated_at, title, "grey", url=url, link_text=_("打开合并消息") if digest else "")
    elif row.status in (State.DEAD, State.SUPPRESSED, State.CANCELLED, State.UNCERTAIN):
        tones = {State.DEAD: "red", State.UNCERTAIN: "amber"}
        title = f"{row.get_status_display()}：{reason}" if reason else str(row.get_status_display())
        details = [row.error_message, _("怎么办：%(advice)s") % {"advice": advice} if advice else ""]
        tone = tones.get(State(row.status), "grey")
        yield Step(row.updated_at, title, tone, tuple(filter(None, details)))
    elif row.status == State.HELD:
        title = _("暂缓：%(reason)s") % {"reason": reason}
        details = [row.error_message, _("怎么办：%(advice)s") % {"advice": advice} if advice else ""]
        yield Step(row.updated_at, title, "amber", tuple(filter(None, details)), is_to_come=True)
    elif row.status == State.PENDING:
        yield _waiting(row, reason)


def _waiting(row: Notification, reason: str) -> Step:
    """Tell what a message waits for, and when it will go by the budgets."""
    estimate = estimates.of_message(row)
    words = reason or _("排队")
    if estimate.at is None:
        return Step(row.next_at, _("等待：%(why)s") % {"why": estimate.obstacle}, "amber", is_to_come=True)
    at = timezone.localtime(estimate.at)
    when = f"{at:%H:%M:%S}" if at.date() == timezone.localtime(clock.now()).date() else f"{at:%m-%d %H:%M}"
    title = _("等待：%(why)s，预计 %(when)s 发出") % {"why": words, "when": when}
    tone = "amber" if row.reason == Reason.RATE else "blue"
    return Step(estimate.at, title, tone, tuple(filter(None, [row.error_message])), is_to_come=True)


def _digest_steps(digest: Notification) -> list[Step]:
    """Tell how the message went into which this one was merged."""
    prefix = _("合并消息 ")
    steps = list(_attempts(digest.attempts.order_by("number"), prefix=prefix))
    for step in _now_or_end(digest):
        steps.append(
            Step(
                step.at,
                prefix + step.title,
                step.tone,
                step.details,
                step.url,
                step.link_text,
                step.is_to_come,
            )
        )
    return steps


def _from_above(row: Notification) -> list[Step]:
    """Ask the rooms above for what they know; one that fails costs only its own steps."""
    steps: list[Step] = []
    for _receiver, answer in story_wanted.send_robust(sender=Notification, message=row):
        if isinstance(answer, list):
            steps += answer
    return steps
