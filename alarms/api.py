"""Alarms for programs: what is open, taking on, closing, silencing, work orders."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from pydantic import AwareDatetime, Field

from accounts.api import REFUSALS, Cursor, Limit, caller, require
from alarms import selectors, services
from alarms.models import Alarm, Silence, WorkOrder
from spc_site import clock
from spc_site.errors import AppError

router = Router(tags=["alarms"])


class EventOut(Schema):
    at: datetime
    kind: str
    actor: str
    note: str

    @staticmethod
    def resolve_actor(event: Any) -> str:
        return event.actor.get_username() if event.actor else ""


class AlarmOut(Schema):
    id: int
    key: str
    source: str
    subject: str
    severity: str
    level: int
    level_label: str
    status: str
    resolution: str
    withheld: str
    withheld_by: str
    labels: dict[str, str]
    group_key: str
    title: str
    description: str
    value: str
    threshold: str
    link: str
    occurrences: int
    triggered_at: datetime
    active_since: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    owner: str
    cause: str
    action: str

    @staticmethod
    def resolve_owner(alarm: Any) -> str:
        return alarm.owner.get_username() if alarm.owner else ""


class AlarmDetail(AlarmOut):
    events: list[EventOut]

    @staticmethod
    def resolve_events(alarm: Any) -> list[Any]:
        return list(alarm.events.all())


class AlarmPage(Schema):
    items: list[AlarmOut]
    next: int | None


class Closing(Schema):
    """Why it happened and what was done; a cause must stand in an alarm before it is closed."""

    cause: str = Field(default="", max_length=4000)
    action: str = Field(default="", max_length=4000)
    note: str = Field(default="", max_length=4000)


class Explanation(Schema):
    """Why it happened and what is done about it."""

    cause: str = Field(max_length=4000)
    action: str = Field(default="", max_length=4000)


@router.get("", response={200: AlarmPage, **REFUSALS}, summary="报警列表，最新在前")
def list_alarms(
    request: HttpRequest,
    which: Literal["open", "active", "mine", "silenced", "resolved", "all"] = "open",
    severity: Literal["info", "warning", "critical"] | None = None,
    source: str = "",
    group_key: str = "",
    key: str = "",
    text: str = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    require(request, "alarms.view_alarm")
    narrowing = selectors.Narrowing(
        text=text, source=source, severity=severity or "", group_key=group_key, key=key
    )
    alarms = selectors.alarm_list(request.user, which=which, narrowing=narrowing).order_by("-pk")
    if before is not None:
        alarms = alarms.filter(pk__lt=before)
    rows = list(alarms[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


# --- silences: before the addresses that take a number -----------------------------------------


class SilenceOut(Schema):
    id: int
    matchers: str
    starts_at: datetime
    ends_at: datetime
    author: str
    reason: str

    @staticmethod
    def resolve_author(row: Any) -> str:
        return row.author.get_username() if row.author else ""


class NewSilence(Schema):
    """Which alarms (`source^=energy`, one condition a line), until when, why."""

    matchers: str = Field(max_length=4000)
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime
    reason: str = Field(max_length=255)


class Hush(Schema):
    hours: int = Field(ge=1, le=2160)
    reason: str = Field(default="", max_length=255)


@router.get("/silences", response={200: list[SilenceOut], **REFUSALS}, summary="静默，未结束的在前")
def list_silences(request: HttpRequest) -> list[Silence]:
    require(request, "alarms.view_silence")
    found = selectors.silences(at=clock.now())
    return [*(one.row for one in (*found.active, *found.upcoming)), *found.past]


@router.post("/silences", response={201: SilenceOut, **REFUSALS}, summary="设定静默")
def create_silence(request: HttpRequest, asked: NewSilence) -> Status[Silence]:
    require(request, "alarms.add_silence")
    made = services.silence(
        asked.matchers,
        starts_at=asked.starts_at,
        ends_at=asked.ends_at,
        reason=asked.reason,
        user=caller(request),
    )
    return Status(201, made)


@router.post("/silences/{silence_id}/end", response={200: SilenceOut, **REFUSALS}, summary="提前结束静默")
def end_silence(request: HttpRequest, silence_id: int) -> Silence:
    require(request, "alarms.add_silence")
    row = get_object_or_404(Silence, pk=silence_id)
    return services.end_silence(row, user=caller(request))


# --- work orders ------------------------------------------------------------------------------


class StepOut(Schema):
    id: int
    text: str
    done_at: datetime | None


class WorkOrderOut(Schema):
    id: int
    title: str
    description: str
    status: str
    alarm_id: int | None
    owner: str
    due_at: datetime | None
    runbook: str
    steps: list[StepOut]
    created_at: datetime
    completed_at: datetime | None
    note: str
    effect: str
    repeats: int

    @staticmethod
    def resolve_owner(row: Any) -> str:
        return row.owner.get_username() if row.owner else ""

    @staticmethod
    def resolve_steps(row: Any) -> list[Any]:
        return list(row.steps.all())


class WorkOrderPage(Schema):
    items: list[WorkOrderOut]
    next: int | None


class NewWorkOrder(Schema):
    """What has to be done; `owner` is a user name of somebody who may work on alarms."""

    title: str = Field(max_length=255)
    alarm_id: int | None = None
    owner: str = ""
    due_at: AwareDatetime | None = None
    steps: list[str] = Field(default=[], max_length=50)
    runbook: str = Field(default="", max_length=255)
    description: str = Field(default="", max_length=4000)
    effect_days: int = Field(default=7, ge=1, le=365)


class Ending(Schema):
    note: str = Field(default="", max_length=4000)


class Tick(Schema):
    is_done: bool = True


@router.get("/work-orders", response={200: WorkOrderPage, **REFUSALS}, summary="工单，最新在前")
def list_work_orders(
    request: HttpRequest,
    status: Literal["open", "done", "cancelled"] | None = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    require(request, "alarms.view_workorder")
    orders = selectors.work_orders(request.user).order_by("-pk")
    if status:
        orders = orders.filter(status=status)
    if before is not None:
        orders = orders.filter(pk__lt=before)
    rows = list(orders[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


@router.post("/work-orders", response={201: WorkOrderOut, **REFUSALS}, summary="开工单")
def create_work_order(request: HttpRequest, asked: NewWorkOrder) -> Status[WorkOrder]:
    require(request, "alarms.add_workorder")
    owner = None
    if asked.owner:
        owner = next((one for one in selectors.possible_owners() if one.username == asked.owner), None)
        if owner is None:
            raise AppError("no_owner", _("没有可以处理报警的用户 %(name)s。") % {"name": asked.owner})
    made = services.open_work_order(
        title=asked.title,
        alarm=_found(request, asked.alarm_id) if asked.alarm_id is not None else None,
        owner=owner,
        due_at=asked.due_at,
        steps=asked.steps,
        runbook=asked.runbook,
        description=asked.description,
        effect_days=asked.effect_days,
        user=caller(request),
    )
    return Status(201, _order(request, made.pk))


@router.get("/work-orders/{order_id}", response={200: WorkOrderOut, **REFUSALS}, summary="一张工单")
def get_work_order(request: HttpRequest, order_id: int) -> WorkOrder:
    require(request, "alarms.view_workorder")
    return _order(request, order_id)


@router.post(
    "/work-orders/{order_id}/steps/{step_id}",
    response={200: WorkOrderOut, **REFUSALS},
    summary="勾选或取消一个步骤",
)
def tick_step(request: HttpRequest, order_id: int, step_id: int, tick: Tick) -> WorkOrder:
    require(request, "alarms.change_workorder")
    step = get_object_or_404(_order(request, order_id).steps, pk=step_id)
    services.complete_step(step, user=caller(request), is_done=tick.is_done)
    return _order(request, order_id)


@router.post("/work-orders/{order_id}/complete", response={200: WorkOrderOut, **REFUSALS}, summary="完成工单")
def complete_work_order(request: HttpRequest, order_id: int, ending: Ending) -> WorkOrder:
    require(request, "alarms.change_workorder")
    services.complete(_order(request, order_id), user=caller(request), note=ending.note)
    return _order(request, order_id)


def _order(request: HttpRequest, order_id: int) -> WorkOrder:
    order = selectors.work_order(request.user, order_id)
    if order is None:
        raise Http404
    return order


# --- one alarm --------------------------------------------------------------------------------


@router.get("/{alarm_id}", response={200: AlarmDetail, **REFUSALS}, summary="一条报警及其经过")
def get_alarm(request: HttpRequest, alarm_id: int) -> Alarm:
    require(request, "alarms.view_alarm")
    return _found(request, alarm_id)


@router.post("/{alarm_id}/acknowledge", response={200: AlarmDetail, **REFUSALS}, summary="受理")
def acknowledge(request: HttpRequest, alarm_id: int) -> Alarm:
    require(request, "alarms.change_alarm")
    services.acknowledge(_found(request, alarm_id), user=caller(request))
    return _found(request, alarm_id)


@router.post("/{alarm_id}/explain", response={200: AlarmDetail, **REFUSALS}, summary="填写原因与措施")
def explain(request: HttpRequest, alarm_id: int, explanation: Explanation) -> Alarm:
    require(request, "alarms.change_alarm")
    found = _found(request, alarm_id)
    services.explain(found, user=caller(request), cause=explanation.cause, action=explanation.action)
    return _found(request, alarm_id)


@router.post("/{alarm_id}/silence", response={201: SilenceOut, **REFUSALS}, summary="静默这条报警")
def silence(request: HttpRequest, alarm_id: int, hush: Hush) -> Status[Silence]:
    require(request, "alarms.add_silence")
    found = _found(request, alarm_id)
    return Status(
        201, services.silence_alarm(found, hours=hush.hours, reason=hush.reason, user=caller(request))
    )


@router.post("/{alarm_id}/resolve", response={200: AlarmDetail, **REFUSALS}, summary="填写原因与措施并关闭")
def resolve(request: HttpRequest, alarm_id: int, closing: Closing) -> Alarm:
    require(request, "alarms.change_alarm")
    alarm, user = _found(request, alarm_id), caller(request)
    if closing.cause.strip():
        services.explain(alarm, user=user, cause=closing.cause, action=closing.action)
    services.resolve(alarm, user=user, note=closing.note)
    return _found(request, alarm_id)


def _found(request: HttpRequest, alarm_id: int) -> Alarm:
    alarm = selectors.alarm_with_timeline(request.user, alarm_id)
    if alarm is None:
        raise Http404
    return alarm
