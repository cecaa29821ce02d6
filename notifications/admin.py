"""Messages in the admin: templates with a preview, settings, channels, the log of deliveries."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import config, previews, rendering, services
from notifications.choices import STATE_TONES, State
from notifications.models import (
    Budget,
    Channel,
    DeliveryAttempt,
    Notification,
    NotificationConfig,
    NotificationEvent,
    NotificationTemplate,
)
from notifications.policy import Decision
from spc_site.admin import (
    DASH,
    BaseAdmin,
    PrettyJSONField,
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


# --- templates ------------------------------------------------------------------------------


def preview_html(template_fields: dict[str, Any]) -> SafeString:
    """Return the preview of a template as the panel shows it."""
    variables = template_fields.get("variables") or {}
    preview = previews.of_template(
        template_fields.get("title_template") or "",
        template_fields.get("content_template") or "",
        template_fields.get("channel") or "",
        variables if isinstance(variables, dict) else {},
    )
    return mark_safe(render_to_string("admin/notifications/preview.html", {"preview": preview}))  # noqa: S308


class TemplateForm(forms.ModelForm):
    """Refuse a template that its own sample values cannot fill."""

    variables = PrettyJSONField(
        label=gettext_lazy("变量"),
        required=False,
        help_text=gettext_lazy('变量名与示例值，如 {"supplier": "供应商甲"}；模板里写 {supplier}'),
    )

    class Meta:
        model = NotificationTemplate
        fields = ("template_name", "label", "channel", "title_template", "content_template", "variables")
        widgets = {
            "content_template": forms.Textarea(attrs={"rows": 9, "class": "vLargeTextField monospace"}),
        }

    def clean_variables(self) -> dict[str, Any]:
        variables = self.cleaned_data["variables"] or {}
        if not isinstance(variables, dict) or not all(map(_is_sample, variables.values())):
            raise forms.ValidationError(
                _('请写成 {"变量名": "示例值"}；已排好版的多行写成 {"变量名": {"prepared": "…"}}。')
            )
        return variables

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "variables" in cleaned:
            values = rendering.from_json(cleaned["variables"])
            for name in ("title_template", "content_template"):
                try:
                    rendering.render(cleaned.get(name, ""), values)
                except rendering.RenderError as error:
                    self.add_error(name, str(error))
        return cleaned


def _is_sample(value: object) -> bool:
    if isinstance(value, dict):
        return set(value) == {"prepared"} and isinstance(value["prepared"], str)
    return isinstance(value, str)


@admin.register(NotificationTemplate)
class TemplateAdmin(BaseAdmin):
    """Texts of messages; the form shows at once how WeCom will show them."""

    menu_order = 310
    form = TemplateForm
    change_form_template = "admin/notifications/template_form.html"
    fields = ("template_name", "label", "channel", "title_template", "content_template", "variables")
    list_display = ("template_name", "label", "channel", "title_template", "updated_at")
    list_filter = ("channel",)
    search_fields = ("template_name", "label", "title_template", "content_template")
    search_help_text = gettext_lazy("模板名、用途、内容")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Code sends by this name: it stays what it was."""
        return ("template_name",) if obj else ()

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.preview_view)
        return [
            path("preview/", view, name="notifications_notificationtemplate_preview"),
            *super().get_urls(),
        ]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show what stands in the form now; nothing is saved."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        fields: dict[str, Any] = request.POST.dict()
        try:
            fields["variables"] = forms.JSONField(required=False).clean(fields.get("variables", ""))
        except forms.ValidationError as error:
            return HttpResponse(format_html('<p class="errornote">{}</p>', " ".join(error.messages)))
        return HttpResponse(preview_html(fields))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        form = context["adminform"].form
        fields = {name: form[name].value() for name in form.fields} if form.fields else {}
        original = context.get("original")
        if original is not None and not form.is_bound:
            fields = {field.name: getattr(original, field.name) for field in original._meta.fields}
        elif form.is_bound:
            fields["variables"] = form.cleaned_data.get("variables", {})
        context["preview"] = preview_html(fields)
        context["preview_url"] = reverse("admin:notifications_notificationtemplate_preview")
        return super().render_change_form(request, context, *args, **kwargs)


# --- settings -------------------------------------------------------------------------------


class ConfigForm(forms.ModelForm):
    """Offer the settings that exist, and read the value as they do."""

    config_key = forms.ChoiceField(label=gettext_lazy("配置项"))

    class Meta:
        model = NotificationConfig
        fields = ("config_key", "config_value", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config_key" in self.fields:
            self.fields["config_key"].choices = [  # type: ignore[attr-defined]
                (item.key, f"{item.key} — {item.meaning}") for item in config.ITEMS.values()
            ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        key = cleaned.get("config_key") or self.instance.config_key
        if key and "config_value" in cleaned:
            try:
                config.check(key, cleaned["config_value"])
            except ValueError as error:
                self.add_error("config_value", str(error))
        return cleaned


@admin.register(NotificationConfig)
class ConfigAdmin(BaseAdmin):
    menu_order = 330
    form = ConfigForm
    list_display = ("config_key", "config_value", "description", "updated_at")
    search_fields = ("config_key", "description")
    search_help_text = gettext_lazy("配置项、说明")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("config_key",) if obj else ()


# --- channels -------------------------------------------------------------------------------


@admin.register(Channel)
class ChannelAdmin(BaseAdmin):
    """Ways of sending: the switch, the limits, the health."""

    menu_order = 320
    list_display = (
        "code",
        "enabled_badge",
        "health_badge",
        "priority",
        "rate_limit",
        "timeout_s",
        "last_ok_at",
        "last_error_at",
        "last_error",
    )
    readonly_fields = ("health_badge", "consecutive_failures", "last_ok_at", "last_error_at", "last_error")
    fieldsets = (
        (None, {"fields": ("code", "is_enabled", "priority", "rate_limit", "timeout_s")}),
        (
            gettext_lazy("健康"),
            {"fields": ("health_badge", "consecutive_failures", "last_ok_at", "last_error_at", "last_error")},
        ),
    )

    @admin.display(description=gettext_lazy("启用"), ordering="is_enabled")
    def enabled_badge(self, channel: Channel) -> SafeString:
        return badge(_("启用"), "green") if channel.is_enabled else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("健康"), ordering="consecutive_failures")
    def health_badge(self, channel: Channel) -> SafeString:
        if channel.consecutive_failures:
            return badge(_("连续失败 %(count)d 次") % {"count": channel.consecutive_failures}, "red")
        if channel.last_ok_at:
            return badge(_("正常"), "green")
        return badge(_("尚未发送"), "grey")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "code") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A channel is switched off, not deleted: messages name it."""
        return False


@admin.register(Budget)
class BudgetAdmin(ReadOnlyAdmin):
    """Credentials by their digest: which of them rests, which is dead."""

    menu_order = 340
    actions = ("mend",)
    object_actions = ("mend",)
    list_display = ("name", "state", "blocked_until", "note")
    fields = ("name", "state", "blocked_until", "note")

    @admin.display(description=gettext_lazy("状态"), ordering="is_dead")
    def state(self, budget: Budget) -> SafeString:
        if budget.is_dead:
            return badge(_("失效"), "red")
        if budget.blocked_until and budget.blocked_until > timezone.now():
            return badge(_("暂停"), "amber")
        return badge(_("可用"), "green")

    def get_object_actions(self, request: HttpRequest, obj: Budget) -> tuple[str, ...]:
        return ("mend",) if obj.is_dead or obj.blocked_until else ()

    @admin.action(description=gettext_lazy("已修复，恢复使用"), permissions=["act"])
    def mend(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request, queryset, services.mend, done=_("已恢复 %(count)d 个凭据，暂缓的消息将继续发送。")
        )


# --- messages -------------------------------------------------------------------------------


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

    def get_object_actions(self, request: HttpRequest, obj: Notification) -> tuple[str, ...]:
        possible = {"resend": services.RESENDABLE, "cancel": services.CANCELLABLE}
        return tuple(name for name, states in possible.items() if obj.status in states)

    @admin.action(description=gettext_lazy("重发"), permissions=["act"])
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

    @admin.action(description=gettext_lazy("取消发送"), permissions=["act"])
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
