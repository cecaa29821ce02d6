"""Work orders: open, tick off, complete, cancel, and see whether it helped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.dispatch import Signal
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.people import name_of
from alarms import events, hooked
from alarms.models import Alarm, AlarmEvent, Effect, OrderStatus, WorkOrder, WorkOrderStep
from alarms.services import telling
from hooks.services import is_wanted
from notifications.rendering import ByLanguage, Prepared
from notifications.routing import Event
from notifications.services import notify
from spc_site import clock
from spc_site.errors import AppError, Conflict
from wecom import markdown

REMIND_EVERY = timedelta(hours=24)
MOST_STEPS = 50

_NEWS = (AlarmEvent.Kind.RAISED, AlarmEvent.Kind.REPEATED, AlarmEvent.Kind.ESCALATED)


def open_work_order(
    *,
    title: str,
    alarm: Alarm | None = None,
    owner: User | None = None,
    due_at: datetime | None = None,
    steps: Sequence[str] = (),
    runbook: str = "",
    description: str = "",
    effect_days: int = 7,
    user: User | None = None,
    at: datetime | None = None,
) -> WorkOrder:
    """Open a work order, most often from an alarm; its owner is told, unless it is who opened it.

    Raises Conflict when the alarm has an open one, AppError for an empty title or too many steps.
    """
    at = at or clock.now()
    wanted = [text.strip()[:255] for text in steps if text.strip()]
    if not title.strip():
        raise AppError("no_title", _("请填写工单标题。"))
    if len(wanted) > MOST_STEPS:
        raise AppError("too_many_steps", _("步骤最多 %(most)d 条。") % {"most": MOST_STEPS})
    if effect_days < 1:
        raise AppError("bad_effect_days", _("效果确认至少在一天之后。"))
    try:
        with transaction.atomic():
            order = WorkOrder.objects.create(
                title=title.strip()[:255],
                description=description,
                alarm=alarm,
                key=alarm.key if alarm else "",
                owner=owner,
                due_at=due_at,
                runbook=runbook.strip()[:255],
                created_at=at,
                created_by=user,
                effect_days=effect_days,
            )
            WorkOrderStep.objects.bulk_create(
                [WorkOrderStep(order=order, position=place, text=text) for place, text in enumerate(wanted)]
            )
            _note(order, at, _("开工单 %(order)s") % {"order": order}, user=user)
            _announce(events.work_order_created, order, user)
            if owner is not None and owner != user:
                _tell(order, "work_order_opened", at=at)
    except IntegrityError as error:
        raise Conflict(_("此报警已经有进行中的工单。")) from error
    return order


def go_on_with(alarm: Alarm, *, at: datetime | None = None) -> WorkOrder | None:
    """Return the open order about what an alarm is about, after noting it there; None without any.

    What comes back before it was worked off is no second piece of work.
    """
    order = WorkOrder.objects.filter(key=alarm.key, status=OrderStatus.OPEN).order_by("pk").first()
    if order is None or order.alarm_id == alarm.pk:
        return order
    AlarmEvent.objects.create(
        alarm=alarm,
        at=at or clock.now(),
        kind=AlarmEvent.Kind.ORDERED,
        note=_("工单 %(order)s 仍在进行") % {"order": order},
    )
    return order


def _locked(order: WorkOrder) -> WorkOrder:
    row = WorkOrder.objects.select_for_update().get(pk=order.pk)
    if not row.is_open:
        raise Conflict(_("此工单已经结束。"))
    return row


def complete_step(
    step: WorkOrderStep, *, user: User, is_done: bool = True, at: datetime | None = None
) -> WorkOrderStep:
    """Tick a step off, or take the tick back; doing the same again changes nothing."""
    at = at or clock.now()
    with transaction.atomic():
        _locked(step.order)
        fresh = WorkOrderStep.objects.get(pk=step.pk)
        if (fresh.done_at is not None) != is_done:
            fresh.done_at, fresh.done_by = (at, user) if is_done else (None, None)
            fresh.save(update_fields=["done_at", "done_by"])
    return fresh


def complete(order: WorkOrder, *, user: User, note: str = "", at: datetime | None = None) -> WorkOrder:
    """Complete an order whose steps are all done; after its days the effect is judged."""
    at = at or clock.now()
    with transaction.atomic():
        row = _locked(order)
        if left := row.steps.filter(done_at=None).count():
            raise AppError("steps_left", _("还有 %(count)d 个步骤没有完成。") % {"count": left})
        row.status, row.completed_at, row.completed_by, row.note = OrderStatus.DONE, at, user, note.strip()
        if row.key:
            row.effect, row.effect_due_at = Effect.WAITING, at + timedelta(days=row.effect_days)
        row.save()
        said = _("完成工单 %(order)s") % {"order": row}
        _note(row, at, "：".join(filter(None, [said, row.note])), user=user)
        _announce(events.work_order_completed, row, user)
    return row


def cancel_work_order(
    order: WorkOrder, *, user: User, note: str = "", at: datetime | None = None
) -> WorkOrder:
    """End an order that is not needed any more."""
    at = at or clock.now()
    with transaction.atomic():
        row = _locked(order)
        row.status, row.completed_at, row.completed_by, row.note = (
            OrderStatus.CANCELLED,
            at,
            user,
            note.strip(),
        )
        row.save()
        said = _("取消工单 %(order)s") % {"order": row}
        _note(row, at, "：".join(filter(None, [said, row.note])), user=user)
    return row


def check_effect(order: WorkOrder, *, at: datetime | None = None) -> WorkOrder:
    """Judge now whether a completed order helped: did its key stay quiet since?"""
    _check([order], at or clock.now())
    order.refresh_from_db()
    return order


def check_due_effects(*, at: datetime | None = None) -> int:
    """Judge the effect of the orders whose day has come; return how many. A constant number of queries."""
    at = at or clock.now()
    due = WorkOrder.objects.filter(status=OrderStatus.DONE, effect=Effect.WAITING, effect_due_at__lte=at)
    orders = list(due.order_by("pk")[:500])
    return _check(orders, at) if orders else 0


def _check(orders: Sequence[WorkOrder], at: datetime) -> int:
    with transaction.atomic(), override(settings.LANGUAGE_CODE):
        locked = list(
            WorkOrder.objects.select_for_update()
            .filter(pk__in=[order.pk for order in orders], status=OrderStatus.DONE)
            .exclude(effect=Effect.NONE)
        )
        since = min((order.completed_at for order in locked if order.completed_at), default=at)
        news: dict[str, list[datetime]] = {}
        lines = AlarmEvent.objects.filter(
            alarm__key__in={order.key for order in locked}, kind__in=_NEWS, at__gt=since, at__lte=at
        )
        for key, moment in lines.values_list("alarm__key", "at"):
            news.setdefault(key, []).append(moment)
        for order in locked:
            assert order.completed_at is not None
            order.repeats = sum(moment > order.completed_at for moment in news.get(order.key, ()))
            order.effect = Effect.REPEATED if order.repeats else Effect.QUIET
            order.effect_at = at
        WorkOrder.objects.bulk_update(locked, ["effect", "effect_at", "repeats"])
        AlarmEvent.objects.bulk_create(
            AlarmEvent(
                alarm_id=order.alarm_id,
                at=at,
                kind=AlarmEvent.Kind.ORDERED,
                note=f"{order} · {order.get_effect_display()}",
            )
            for order in locked
            if order.alarm_id
        )
    return len(locked)


def remind_overdue(*, at: datetime | None = None) -> int:
    """Remind of the open orders that are past their day, once in 24 hours; return how many."""
    at = at or clock.now()
    late = WorkOrder.objects.filter(status=OrderStatus.OPEN, due_at__lt=at).filter(
        models.Q(reminded_at=None) | models.Q(reminded_at__lte=at - REMIND_EVERY)
    )
    reminded = 0
    for order in late.select_related("alarm", "owner__profile").order_by("pk")[:200]:
        with transaction.atomic():
            mine = late.filter(pk=order.pk).update(reminded_at=at)
            if mine:
                _tell(order, "work_order_overdue", at=at)
                reminded += 1
    return reminded


# --- telling ----------------------------------------------------------------------------------


def _note(order: WorkOrder, at: datetime, note: str, *, user: User | None) -> None:
    if order.alarm_id:
        AlarmEvent.objects.create(
            alarm_id=order.alarm_id, at=at, kind=AlarmEvent.Kind.ORDERED, actor=user, note=note
        )


def _tell(order: WorkOrder, template: str, *, at: datetime) -> list[str]:
    alarm = order.alarm
    userid = telling.userid_of(order.owner)
    with override(settings.LANGUAGE_CODE):
        event = Event(
            name="alarms.work_order",
            source=alarm.source if alarm else "alarms",
            severity=alarm.severity if alarm else "info",
            group=(alarm.group if alarm else "") or telling.EVERYBODY,
            template=template,
            variables=_variables(order),
            priority=2,
            is_alarm=True,
            subject=f"alarms.work_order:{order.pk}",
            link=order.get_absolute_url(),
            mentions=(userid,) if userid else (),
            dedupe_key=f"{template}:{order.pk}:{at.timestamp():.6f}",
        )
        return notify(event)


def _variables(order: WorkOrder) -> dict[str, object]:
    steps = "\n".join(f"- {markdown.escape(step.text)}" for step in order.steps.all())
    none = ByLanguage({"zh-hans": "未指派", "en": "nobody yet"})
    return {
        "title": order.title,
        "number": order.pk,
        "alarm": order.alarm.title if order.alarm else "—",
        "owner": name_of(order.owner) or none,
        "due_at": order.due_at or "—",
        "runbook": order.runbook or "—",
        "items": Prepared(steps),
        "url": settings.FRONTEND_URL.rstrip("/") + order.get_absolute_url(),
    }


def facts_of(order: WorkOrder) -> dict[str, Any]:
    """Return an order as plain data."""

    def moment(at: datetime | None) -> str:
        return at.isoformat() if at else ""

    return {
        "id": order.pk,
        "title": order.title,
        "description": order.description,
        "status": order.status,
        "alarm_id": order.alarm_id,
        "key": order.key,
        "owner": order.owner.get_username() if order.owner else "",
        "due_at": moment(order.due_at),
        "runbook": order.runbook,
        "steps": [{"text": step.text, "done_at": moment(step.done_at)} for step in order.steps.all()],
        "created_at": moment(order.created_at),
        "completed_at": moment(order.completed_at),
        "note": order.note,
        "url": settings.FRONTEND_URL.rstrip("/") + order.get_absolute_url(),
    }


def _announce(signal: Signal, order: WorkOrder, user: User | None) -> None:
    """Tell the other rooms and the customer's hooks; free where nobody listens."""
    by = user.get_username() if user else ""
    if signal.has_listeners(WorkOrder):
        signal.send(sender=WorkOrder, work_order=facts_of(order), by=by)
    if signal is events.work_order_created and is_wanted("on_work_order_created"):
        hooked.fire_order_created(facts_of(order))
    elif signal is events.work_order_completed and is_wanted("on_work_order_completed"):
        hooked.fire_order_completed(facts_of(order), by=by)


def steps_of(text: str) -> Iterable[str]:
    """Return the steps that somebody typed, one a line, without the marks of a list."""
    return [line.strip().lstrip("-*·").strip() for line in text.splitlines() if line.strip()]
