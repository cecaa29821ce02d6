"""Messages for programs: ask for one, tell an event, ask where messages stand."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import Http404, HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.throttling import AuthRateThrottle
from pydantic import AfterValidator, AwareDatetime, Field

from accounts.api import REFUSALS, Cursor, Limit, caller, require
from notifications import channels, rendering, safety, selectors, services
from notifications.choices import Severity, State
from notifications.models import Notification
from notifications.routing import Event
from spc_site.errors import AppError

router = Router(tags=["notifications"])

MOST_SENT = "60/m"
"""Requests per token and web process: a program that runs wild must not flood a group."""
_KEY_LENGTH = 160


def _known(channel: str) -> str:
    if channel not in channels.registered():
        raise ValueError(", ".join(channels.registered()))
    return channel


Channel = Annotated[str, AfterValidator(_known)]


class Timed(Schema):
    """What every request may say about urgency, repetition and time."""

    priority: int = Field(default=1, ge=1, le=5, description="1 最高")
    dedupe_key: str = Field(default="", max_length=160, description="同一个键只发一条，重复的只计数")
    not_before: AwareDatetime | None = Field(default=None, description="不早于此时发送，带时区")
    expires_at: AwareDatetime | None = Field(default=None, description="过了此时不再发送，带时区")


class Wanted(Timed):
    """A message to send. With `template_vars`, title and content may hold `{name}` placeholders."""

    title: str = Field(max_length=255)
    content: str = Field(max_length=20_000)
    channel: Channel
    target: str = Field(min_length=1, max_length=255, description="群、人或地址，依渠道而定")
    template_vars: dict[str, str] | None = Field(default=None, max_length=100)


class WantedFromTemplate(Timed):
    """A message from a template of the system."""

    template_name: str = Field(min_length=1, max_length=64)
    target: str = Field(min_length=1, max_length=255)
    variables: dict[str, str] = Field(max_length=100)


class EventIn(Timed):
    """Something that happened: the routes say who is told, and how.

    The text is a template with variables, or title and content. `channel` and `target` are
    where it goes when no route matches; without them that is the group.
    """

    event: str = Field(min_length=1, max_length=64, description="事件名，如 plc.stop")
    severity: Severity | Literal[""] = ""
    supplier: str = Field(default="", max_length=255)
    part: str = Field(default="", max_length=255)
    group: str = Field(default="", max_length=255, description="组，也是没有路由匹配时的目标")
    template_name: str = Field(default="", max_length=64)
    variables: dict[str, str] = Field(default_factory=dict, max_length=100)
    title: str = Field(default="", max_length=255)
    content: str = Field(default="", max_length=20_000)
    channel: Channel | Literal[""] = ""
    target: str = Field(default="", max_length=255)


class Accepted(Schema):
    """A message that was taken; one that exceeds a limit is kept, but `suppressed` as `flooded`."""

    message_id: str
    status: str
    reason: str


class Told(Schema):
    """The messages of an event, one per recipient."""

    messages: list[Accepted]


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
    repeats: int
    expires_at: datetime | None
    created_at: datetime
    next_at: datetime | None
    sent_at: datetime | None
    error_message: str
    attempts: list[AttemptOut]


class MessageOut(Schema):
    """One message of the history; numbers and addresses are masked unless the role may see them."""

    message_id: str
    event: str
    source: str
    title: str
    content: str
    channel: str
    target: str
    priority: int
    status: str
    reason: str
    error_message: str
    link: str
    correlation_id: str
    part_no: int
    part_count: int
    repeats: int
    possible_duplicate: bool
    created_at: datetime
    sent_at: datetime | None


class MessagePage(Schema):
    items: list[MessageOut]
    next: int | None


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
        template_vars=wanted.template_vars,
        event="api",
        **_common(request, wanted),
    )
    return Status(202, _accepted([message_id])[0])


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
        event="api",
        **_common(request, wanted),
    )
    return Status(202, _accepted([message_id])[0])


@router.post(
    "/events",
    response={202: Told, **REFUSALS},
    summary="报告一个事件，由路由决定通知谁",
    throttle=[AuthRateThrottle(MOST_SENT)],
)
def tell(request: HttpRequest, told: EventIn) -> Status[dict[str, Any]]:
    require(request, "notifications.add_notification")
    title, content = told.title, told.content
    if told.variables and not told.template_name:
        try:
            title = rendering.in_title(rendering.render(title, told.variables))
            content = rendering.render(content, told.variables)
        except rendering.RenderError as error:
            raise AppError("bad_template", str(error)) from error
    ids = services.notify(
        Event(
            name=told.event,
            severity=str(told.severity),
            supplier=told.supplier,
            part=told.part,
            group=told.group,
            template=told.template_name,
            variables=told.variables,
            title=title,
            content=content,
            channel=told.channel,
            target=told.target,
            **_common(request, told),
        )
    )
    return Status(202, {"messages": _accepted(ids)})


@router.get("", response={200: MessagePage, **REFUSALS}, summary="消息记录，最新在前")
def history(
    request: HttpRequest,
    event: Annotated[str, Query(max_length=64, description="事件名；末尾的 * 表示以此开头")] = "",
    target: Annotated[str, Query(max_length=255)] = "",
    text: Annotated[str, Query(max_length=100, description="标题或内容里的文字，看最近的两万条")] = "",
    since: Annotated[AwareDatetime | None, Query(description="创建时间从，带时区")] = None,
    until: Annotated[AwareDatetime | None, Query(description="创建时间至（不含），带时区")] = None,
    status: State | None = None,
    channel: Annotated[str, Query(max_length=16)] = "",
    source: Annotated[str, Query(max_length=64)] = "",
    correlation_id: Annotated[str, Query(max_length=32)] = "",
    before: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    require(request, "notifications.view_notification")
    messages = selectors.history(
        event=event,
        target=target,
        text=text,
        since=since,
        until=until,
        status=status or "",
        channel=channel,
        source=source,
        correlation_id=correlation_id,
    )
    if before is not None:
        messages = messages.filter(pk__lt=before)
    rows = list(messages[: limit + 1])
    if not request.user.has_perm("notifications.view_contacts"):
        for row in rows:
            row.target = safety.mask_contacts(row.target)
            row.error_message = safety.mask_contacts(row.error_message)
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


@router.get("/{message_id}", response={200: MessageStatus, **REFUSALS}, summary="一条消息的状态与发送记录")
def get_status(request: HttpRequest, message_id: str) -> dict[str, Any]:
    require(request, "notifications.view_notification")
    try:
        status = services.get_notification_status(message_id)
    except AppError as unknown:
        raise Http404 from unknown
    if not request.user.has_perm("notifications.view_contacts"):
        for name in ("target", "error_message"):
            status[name] = safety.mask_contacts(status[name])
        for attempt in status["attempts"]:
            attempt["explanation"] = safety.mask_contacts(attempt["explanation"])
    return status


def _common(request: HttpRequest, wanted: Timed) -> dict[str, Any]:
    """Return what every request says; its source is the program's user, for whom limits count."""
    return {
        "priority": wanted.priority,
        "source": f"api:{caller(request).get_username()}"[:64],
        "dedupe_key": _own_key(request, wanted.dedupe_key),
        "not_before": wanted.not_before,
        "expires_at": wanted.expires_at,
    }


def _accepted(ids: list[str]) -> list[Any]:
    """Tell the sender at once what became of each message, in the order of their ids."""
    found = {
        row["message_id"]: row
        for row in Notification.objects.filter(message_id__in=ids).values("message_id", "status", "reason")
    }
    return [found[one] for one in ids]


def _own_key(request: HttpRequest, key: str) -> str:
    """Keep callers' keys apart from the system's own and from each other's."""
    own = f"api.{request.user.pk}.{key}"
    if len(own) > _KEY_LENGTH:  # cut, two long keys could become the same
        own = f"api.{request.user.pk}.{hashlib.sha256(key.encode()).hexdigest()}"
    return own if key else ""
