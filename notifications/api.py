"""Messages for programs: ask for one, ask where it stands."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status
from ninja.throttling import AuthRateThrottle
from pydantic import AfterValidator, Field

from accounts.api import REFUSALS, require
from notifications import channels, services
from spc_site.errors import AppError

router = Router(tags=["notifications"])

MOST_SENT = "60/m"
"""Requests per token and web process: a program that runs wild must not flood a group."""


def _known(channel: str) -> str:
    if channel not in channels.registered():
        raise ValueError(", ".join(channels.registered()))
    return channel


class Wanted(Schema):
    """A message to send. With `template_vars`, title and content may hold `{name}` placeholders."""

    title: str = Field(max_length=255)
    content: str = Field(max_length=20_000)
    channel: Annotated[str, AfterValidator(_known)]
    target: str = Field(min_length=1, max_length=255, description="群、人或地址，依渠道而定")
    priority: int = Field(default=1, ge=1, le=5, description="1 最高")
    template_vars: dict[str, str] | None = Field(default=None, max_length=100)
    dedupe_key: str = Field(default="", max_length=160, description="同一个键只发一条")


class WantedFromTemplate(Schema):
    """A message from a template of the system."""

    template_name: str = Field(min_length=1, max_length=64)
    target: str = Field(min_length=1, max_length=255)
    variables: dict[str, str] = Field(max_length=100)
    priority: int = Field(default=1, ge=1, le=5, description="1 最高")
    dedupe_key: str = Field(default="", max_length=160, description="同一个键只发一条")


class Accepted(Schema):
    message_id: str


class AttemptOut(Schema):
    number: int
    started_at: datetime
    duration_ms: int | None
    outcome: str
    errcode: int | None
    explanation: str


class MessageStatus(Schema):
    message_id: str
    status: str
    reason: str
    channel: str
    target: str
    priority: int
    retry_count: int
    max_retries: int
    possible_duplicate: bool
    part_no: int
    part_count: int
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
    error_message: str
    attempts: list[AttemptOut]


@router.post(
    "",
    response={202: Accepted, **REFUSALS},
    summary="发送一条消息",
    throttle=[AuthRateThrottle(MOST_SENT)],
)
def send(request: HttpRequest, wanted: Wanted) -> Status[dict[str, str]]:
    require(request, "notifications.add_notification")
    message_id = services.send_notification(
        wanted.title,
        wanted.content,
        wanted.channel,
        wanted.target,
        wanted.priority,
        wanted.template_vars,
        event="api",
        dedupe_key=_own_key(request, wanted.dedupe_key),
    )
    return Status(202, {"message_id": message_id})


@router.post(
    "/from-template",
    response={202: Accepted, **REFUSALS},
    summary="按模板发送一条消息",
    throttle=[AuthRateThrottle(MOST_SENT)],
)
def send_from_template(request: HttpRequest, wanted: WantedFromTemplate) -> Status[dict[str, str]]:
    require(request, "notifications.add_notification")
    message_id = services.send_template_notification(
        wanted.template_name,
        wanted.target,
        wanted.variables,
        priority=wanted.priority,
        event="api",
        dedupe_key=_own_key(request, wanted.dedupe_key),
    )
    return Status(202, {"message_id": message_id})


@router.get("/{message_id}", response={200: MessageStatus, **REFUSALS}, summary="一条消息的状态与发送记录")
def get_status(request: HttpRequest, message_id: str) -> dict[str, Any]:
    require(request, "notifications.view_notification")
    try:
        return services.get_notification_status(message_id)
    except AppError as unknown:
        raise Http404 from unknown


def _own_key(request: HttpRequest, key: str) -> str:
    """Keep callers' keys apart from the system's own and from each other's."""
    return f"api.{request.user.pk}.{key}"[:160] if key else ""
