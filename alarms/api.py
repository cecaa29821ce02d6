"""Alarms for programs: what is open, taking on, closing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Router, Schema
from pydantic import Field

from accounts.api import REFUSALS, Cursor, Limit, caller, require
from alarms import selectors, services
from alarms.models import Alarm

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
    status: str
    title: str
    description: str
    value: str
    threshold: str
    link: str
    occurrences: int
    triggered_at: datetime
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


@router.get("", response={200: AlarmPage, **REFUSALS}, summary="报警列表，最新在前")
def list_alarms(
    request: HttpRequest,
    which: Literal["open", "active", "mine", "resolved", "all"] = "open",
    severity: Literal["info", "warning", "critical"] | None = None,
    source: str = "",
    text: str = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    require(request, "alarms.view_alarm")
    alarms = selectors.alarm_list(request.user, which=which, text=text).order_by("-pk")
    if severity:
        alarms = alarms.filter(severity=severity)
    if source:
        alarms = alarms.filter(source=source)
    if before is not None:
        alarms = alarms.filter(pk__lt=before)
    rows = list(alarms[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


@router.get("/{alarm_id}", response={200: AlarmDetail, **REFUSALS}, summary="一条报警及其经过")
def get_alarm(request: HttpRequest, alarm_id: int) -> Alarm:
    require(request, "alarms.view_alarm")
    return _found(request, alarm_id)


@router.post("/{alarm_id}/acknowledge", response={200: AlarmDetail, **REFUSALS}, summary="受理")
def acknowledge(request: HttpRequest, alarm_id: int) -> Alarm:
    require(request, "alarms.change_alarm")
    services.acknowledge(_found(request, alarm_id), user=caller(request))
    return _found(request, alarm_id)


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
