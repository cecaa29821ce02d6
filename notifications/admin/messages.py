"""The log of deliveries in the admin: what was said to whom, how it went, what people did about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import previews, services
from notifications.choices import STATE_TONES, State
from notifications.models import (
    DeliveryAttempt,
    Notification,
    NotificationEvent,
)
from notifications.policy import Decision
from spc_site.admin import (
    DASH,
    ReadOnlyAdmin,
    ReadOnlyInline,
    Tile,
    badge,
    badge_column,
    change_url,
    link,
    list_url,
    person_of,
    tiles,
)

_DEAD_SHOWN_FOR = timedelta(days=7)

_OUTCOMES = {
    "": (gettext_lazy("进行中"), "blue"),
    Decision.SENT.value: (gettext_lazy("送达"), "green"),
    Decision.RETRY.value: (gettext_lazy("将重试"), "amber"),
    Decision.WAIT.value: (gettext_lazy("超过频率"), "amber"),
    Decision.DEAD.value: (gettext_lazy("拒收"), "red"),
    Decision.CHANNEL_DEAD.value: (gettext_lazy("渠道故障"), "red"),
    Decision.UNCERTAIN.value: (gettext_lazy("不确定"), "amber"),
}
_ACTS = {
    "resent": gettext_lazy("重发为"),
    "resend_of": gettext_lazy("重发自"),
    "cancelled": gettext_lazy("取消发送"),
    "masked": gettext_lazy("内容已掩码"),
    "warned": gettext_lazy("命中内容规则"),
}


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    fields = (
        "number",
        "started_at",
        "duration_ms",
        "outcome_badge",
        "http_status",
        "errcode",
        "explanation",
        "answer",
    )

    @admin.display(description=gettext_lazy("结果"))
    def outcome_badge(self, attempt: DeliveryAttempt) -> SafeString:
        return badge(*_OUTCOMES.get(attempt.outcome, (attempt.outcome, "grey")))


class EventInline(ReadOnlyInline):
    model = NotificationEvent
    fields = ("at", "act", "actor", "note")

    @admin.display(description=gettext_lazy("事件"))
    def act(self, event: NotificationEvent) -> str:
        return str(_ACTS.get(event.kind, event.kind))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("actor")


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """The log of deliveries: what was said to whom, how it went, and what people did about it."""

    menu_order = 300
    inlines = (AttemptInline, EventInline)
    actions = ("resend", "cancel")
    object_actions = ("resend", "cancel")
    list_display = (
        "title",
        "state_badge",
        "reason_text",
        "channel",
        "target",
        "event",
        "created_at",
    )
    list_filter = ("status", "created_at", "channel", "event", "reason", "possible_duplicate")
    search_fields = ("title", "content", "target", "=message_id", "=correlation_id", "=subject")
    search_help_text = gettext_lazy("标题、内容、目标、消息号")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state_badge", "reason_text"),
                    "error_message",
                    ("channel", "target", "priority"),
                    "shown_as",
                )
            },
        ),
        (
            gettext_lazy("经过"),
            {
                "fields": (
                    ("created_at", "due_at"),
                    ("next_at", "sent_at"),
                    ("retries", "duplicate_badge"),
                    "resent_from_link",
                )
            },
        ),
        (
            gettext_lazy("来历"),
            {
                "classes": ("collapse",),
                "fields": (
                    "message_id",
                    ("event", "subject"),
                    "link_shown",
                    "template_name",
                    "part",
                    "dedupe_key",
                    "correlation_id",
                    "payload",
                ),
            },
        ),
    )

    state_badge = badge_column("status", STATE_TONES)

    @admin.display(description=gettext_lazy("原因"), ordering="reason")
    def reason_text(self, row: Notification) -> str:
        return row.get_reason_display() or DASH

    @admin.display(description=gettext_lazy("对方看到的"))
    def shown_as(self, row: Notification) -> SafeString:
        part = previews.of_payload(row.payload or row.content)
        return format_html(
            '<div class="bubble">{}</div><p class="help">{}</p>',
            mark_safe(part.html),  # noqa: S308  wecom.markdown makes it safe
            _("%(size)d 字节") % {"size": part.size_bytes},
        )

    @admin.display(description=gettext_lazy("链接"))
    def link_shown(self, row: Notification) -> SafeString | str:
        return link(row.link, row.link) if row.link.startswith("/") else row.link or DASH

    @admin.display(description=gettext_lazy("第几段"))
    def part(self, row: Notification) -> str:
        return f"{row.part_no} / {row.part_count}"

    @admin.display(description=gettext_lazy("重试"))
    def retries(self, row: Notification) -> str:
        return _("%(done)d 次，最多 %(most)d 次") % {"done": row.retry_count, "most": row.max_retries}

    @admin.display(description=gettext_lazy("可能重复"))
    def duplicate_badge(self, row: Notification) -> SafeString | str:
        return badge(_("对方可能看到两次"), "amber") if row.possible_duplicate else _("否")

    @admin.display(description=gettext_lazy("重发自"))
    def resent_from_link(self, row: Notification) -> SafeString | str:
        return link(change_url(row.resent_from), row.resent_from.message_id) if row.resent_from else DASH

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("resent_from")

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.resend_notification")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.cancel_notification")

    def get_object_actions(self, request: HttpRequest, obj: Notification) -> tuple[str, ...]:
        possible = {"resend": services.RESENDABLE, "cancel": services.CANCELLABLE}
        return tuple(name for name, states in possible.items() if obj.status in states)

    @admin.action(description=gettext_lazy("重发"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Send again; what was or may have been shown already is asked about first."""
        rows = list(queryset.order_by("pk"))
        doubles = [row for row in rows if row.status in services.ASKS_FIRST]
        if doubles and "confirmed" not in request.POST:
            return self.ask_first(
                request,
                rows,
                action="resend",
                title=_("重发消息"),
                question=_("%(count)d 条消息已经或可能已经送达，重发后对方会看到两次。")
                % {"count": len(doubles)},
                lines=[f"{row}（{row.get_status_display()}）" for row in rows],
                button=_("仍要重发"),
            )
        self.act_on_each(
            request,
            rows,
            lambda row: services.resend(row, user=person_of(request), confirmed="confirmed" in request.POST),
            done=_("已重新排队 %(count)d 条消息。"),
        )
        return None

    @admin.action(description=gettext_lazy("取消发送"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Call off what has not left yet."""
        rows = list(queryset.order_by("pk"))
        if "confirmed" not in request.POST:
            return self.ask_first(
                request,
                rows,
                action="cancel",
                title=_("取消发送"),
                question=_("将取消 %(count)d 条消息，它们不会再发出；之后仍可重发。") % {"count": len(rows)},
                lines=[f"{row}（{row.get_status_display()}）" for row in rows],
                button=_("取消发送"),
            )
        self.act_on_each(
            request,
            rows,
            lambda row: services.cancel(row, user=person_of(request)),
            done=_("已取消 %(count)d 条消息。"),
        )
        return None


@tiles(order=300)
def message_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show what waits, what is stuck, and what died lately."""
    if not request.user.has_perm("notifications.view_notification"):
        return
    counts = dict(
        Notification.objects.filter(status__in=[State.PENDING, State.SENDING, State.HELD, State.UNCERTAIN])
        .values_list("status")
        .annotate(count=models.Count("pk"))
        .order_by()
    )
    waiting = counts.get(State.PENDING, 0) + counts.get(State.SENDING, 0)
    held, unsure = counts.get(State.HELD, 0), counts.get(State.UNCERTAIN, 0)
    yield Tile(
        label=_("待发消息"),
        value=waiting,
        tone="amber" if held else "blue" if waiting else "green",
        note=_("另有 %(count)d 条暂缓") % {"count": held} if held else "",
        url=list_url(Notification, status__exact=State.HELD if held else State.PENDING),
    )
    if unsure:
        yield Tile(
            label=_("不确定的消息"),
            value=unsure,
            tone="amber",
            note=_("可能已送达，请确认"),
            url=list_url(Notification, status__exact=State.UNCERTAIN),
        )
    since = timezone.now() - _DEAD_SHOWN_FOR
    dead = Notification.objects.filter(status=State.DEAD, created_at__gte=since).count()
    yield Tile(
        label=_("死信（7 天内）"),
        value=dead,
        tone="red" if dead else "green",
        note=_("没有送达") if dead else "",
        url=list_url(Notification, status__exact=State.DEAD),
    )
