"""The log of deliveries: the list, the page of one message, and what people do from there."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import previews, selectors, services, sources, timeline
from notifications.admin import contacts
from notifications.admin.filters import (
    EventFilter,
    PriorityFilter,
    SourceFilter,
    TargetFilter,
    TemplateFilter,
    TimeFilter,
)
from notifications.admin.messages import export, resending
from notifications.admin.messages.dead import SHOWN_FOR, dead_reasons
from notifications.admin.messages.resending import facts_of, with_query
from notifications.choices import STATE_TONES, channel_names
from notifications.models import BulkResend, DeliveryAttempt, Notification, NotificationTemplate
from notifications.services import bulk
from spc_site.admin import DASH, ReadOnlyAdmin, ReadOnlyInline, badge, badge_column, link, list_url, person_of


class AttemptInline(ReadOnlyInline):
    """The attempts as they stand in the table; the story above tells them in words."""

    model = DeliveryAttempt
    classes = ("collapse",)
    fields = (
        "number",
        "started_at",
        "duration_ms",
        "outcome_badge",
        "http_status",
        "errcode",
        "explanation_text",
        "answer_text",
    )

    @admin.display(description=gettext_lazy("结果"))
    def outcome_badge(self, attempt: DeliveryAttempt) -> SafeString:
        return badge(*timeline.OUTCOMES.get(attempt.outcome, (attempt.outcome, "grey")))

    @admin.display(description=gettext_lazy("说明"))
    def explanation_text(self, attempt: DeliveryAttempt) -> str:
        return contacts.shown(attempt, attempt.explanation)

    @admin.display(description=gettext_lazy("答复"))
    def answer_text(self, attempt: DeliveryAttempt) -> str:
        return contacts.shown(attempt, attempt.answer)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return contacts.marked(super().get_queryset(request), request)


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    """The log of deliveries: what was said to whom, how it went, and what people did about it."""

    menu_order = 300
    inlines = (AttemptInline,)
    change_list_template = "admin/notifications/log.html"
    actions = ("resend", "cancel")
    object_actions = ("resend", "cancel")
    list_display = (
        "title",
        "state_badge",
        "reason_text",
        "channel",
        "target_text",
        "event",
        "created_at",
    )
    list_filter = (
        "status",
        "channel",
        TimeFilter,
        TargetFilter,
        "reason",
        PriorityFilter,
        EventFilter,
        SourceFilter,
        TemplateFilter,
        "possible_duplicate",
    )
    search_fields = ("title", "content", "target", "=message_id", "=correlation_id", "=subject")
    search_help_text = gettext_lazy(
        "消息号、关联号、对象：全部记录；标题、内容、目标中的文字：所选范围内最近两万条"
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state_badge", "reason_text"),
                    "error_text",
                    ("channel", "target_text", "priority"),
                    "reserves",
                    "shown_as",
                    "carried",
                )
            },
        ),
        (gettext_lazy("经过"), {"fields": ("story",)}),
        (
            gettext_lazy("来历"),
            {
                "classes": ("collapse",),
                "fields": (
                    "message_id",
                    ("event", "subject"),
                    "source_shown",
                    "link_shown",
                    "template_used",
                    ("retries", "duplicate_badge"),
                    ("due_at", "expires_at"),
                    ("dedupe_key", "repeats"),
                    "correlation_id",
                    "payload",
                ),
            },
        ),
    )

    class Media:
        css = {"all": ["spc_site/delivery.css"]}

    state_badge = badge_column("status", STATE_TONES)

    @admin.display(description=gettext_lazy("来源"), ordering="source")
    def source_shown(self, row: Notification) -> str:
        return sources.label_of(row.source) or DASH

    @admin.display(description=gettext_lazy("原因"), ordering="reason")
    def reason_text(self, row: Notification) -> str:
        return row.get_reason_display() or DASH

    @admin.display(description=gettext_lazy("对方看到的"))
    def shown_as(self, row: Notification) -> SafeString:
        is_forgotten = row.payload.startswith(services.HASHED)
        if is_forgotten and not row.content:
            return format_html(
                "<p>{}</p><code>{}</code>", _("正文已按保存期限清除，留下的摘要："), row.payload
            )
        part = previews.of_payload((not is_forgotten and row.payload) or row.content)
        return format_html(
            '<div class="bubble">{}</div><p class="help">{}</p>',
            mark_safe(part.html),  # noqa: S308  wecom.markdown makes it safe
            _("%(size)d 字节") % {"size": part.size_bytes},
        )

    @admin.display(description=gettext_lazy("附件"))
    def carried(self, row: Notification) -> SafeString | str:
        files = [(name, filesizeformat(size)) for name, size in row.attachments.values_list("name", "size")]
        return format_html_join(", ", "{} ({})", files) or DASH

    @admin.display(description=gettext_lazy("链接"))
    def link_shown(self, row: Notification) -> SafeString | str:
        return link(row.link, row.link) if row.link.startswith("/") else row.link or DASH

    @admin.display(description=gettext_lazy("模板"))
    def template_used(self, row: Notification) -> SafeString | str:
        """Name the text and the version that made the message; its history shows the words of then."""
        if not row.template_name:
            return DASH
        language = dict(settings.LANGUAGES).get(row.template_language, row.template_language)
        version = (
            _("第 %(number)d 版") % {"number": row.template_version} if row.template_version else _("出厂")
        )
        words = f"{row.template_name} · {language} · {version}"
        rows = NotificationTemplate.objects.filter(template_name=row.template_name)
        template = rows.filter(language=row.template_language).first()
        if template is None:
            return words
        return link(reverse("admin:notifications_notificationtemplate_history", args=[template.pk]), words)

    @admin.display(description=gettext_lazy("目标"), ordering="target")
    def target_text(self, row: Notification) -> str:
        return contacts.shown(row, row.target)

    @admin.display(description=gettext_lazy("错误"))
    def error_text(self, row: Notification) -> str:
        """Show what went wrong; answers of servers name whom they refuse."""
        return contacts.shown(row, row.error_message) or DASH

    @admin.display(description=gettext_lazy("后备"))
    def reserves(self, row: Notification) -> str:
        """Show the further ways of the message, in order; contacts as this person may see them."""
        names = channel_names()
        ways = (
            f"{names.get(way['channel'], way['channel'])} {contacts.shown(row, way['target'])}"
            for way in row.fallbacks
        )
        return " → ".join(ways) or DASH

    @admin.display(description="")
    def story(self, row: Notification) -> SafeString:
        hides = row.hides_contacts  # type: ignore[attr-defined]
        context = {"story": timeline.of(row, hides_contacts=hides), "message": row}
        return mark_safe(render_to_string("admin/notifications/story.html", context))  # noqa: S308  a template

    @admin.display(description=gettext_lazy("重试"))
    def retries(self, row: Notification) -> str:
        return _("%(done)d 次，最多 %(most)d 次") % {"done": row.retry_count, "most": row.max_retries}

    @admin.display(description=gettext_lazy("可能重复"))
    def duplicate_badge(self, row: Notification) -> SafeString | str:
        return badge(_("对方可能看到两次"), "amber") if row.possible_duplicate else _("否")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return contacts.marked(super().get_queryset(request).select_related("merged_into"), request)

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet, search_term: str
    ) -> tuple[models.QuerySet, bool]:
        """Find a message by its number at once; look for words in the newest that the filters leave.

        No index finds words inside of texts on both databases, and reading a million texts takes seconds:
        who looks further back chooses a range of time.
        """
        term = search_term.strip()
        if not term:
            return queryset, False
        numbers = models.Q(message_id=term) | models.Q(correlation_id=term) | models.Q(subject=term)
        exact = queryset.filter(numbers)
        if exact.exists():
            return exact, False
        queryset = selectors.newest_of(queryset)
        for word in term.split():
            queryset = queryset.filter(
                models.Q(title__icontains=word)
                | models.Q(content__icontains=word)
                | models.Q(target__icontains=word)
            )
        return queryset, False

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("export/", view(self.export_view), name="notifications_notification_export"),
            path("dead/", view(self.dead_view), name="notifications_notification_dead"),
            path(
                "resend-matching/",
                view(self.resend_matching_view),
                name="notifications_notification_resend_matching",
            ),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        query = request.GET.urlencode()
        context = {
            "export_url": with_query("admin:notifications_notification_export", query),
            "dead_url": reverse("admin:notifications_notification_dead"),
            "resend_url": (
                with_query("admin:notifications_notification_resend_matching", query)
                if query and self.has_resend_permission(request)
                else ""
            ),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def matching(self, request: HttpRequest) -> models.QuerySet:
        """Return the messages that the filters and the search of an address leave."""
        return self.get_changelist_instance(request).get_queryset(request)

    # --- a file ---

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """Return the filtered log as CSV, row by row; people's addresses masked as on the page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = self.matching(request)[: export.MOST]
        name = f"notifications-{timezone.localtime():%Y%m%d-%H%M}.csv"
        return StreamingHttpResponse(
            export.csv_lines(rows.iterator(chunk_size=1000)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    # --- dead letters ---

    def dead_view(self, request: HttpRequest) -> TemplateResponse:
        """Show what died by reason, with what mends it, and the resend of each group."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("死信"),
            "opts": self.opts,
            "days": SHOWN_FOR.days,
            "reasons": dead_reasons(
                bulk.dead_groups(since=SHOWN_FOR),
                request=request,
                may_resend=self.has_resend_permission(request),
            ),
            "runs": BulkResend.objects.select_related("requested_by")[:5],
            "runs_url": list_url(BulkResend),
        }
        return TemplateResponse(request, "admin/notifications/dead.html", context)

    def resend_matching_view(self, request: HttpRequest) -> HttpResponse:
        """Say what sending all that match would do, and do it after a yes."""
        if not self.has_resend_permission(request):
            raise PermissionDenied
        if not request.GET:
            messages.warning(request, _("请先筛选，再重发所有符合的消息。"))
            return HttpResponseRedirect(list_url(Notification))
        return resending.answer(self, request, self.matching(request))

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.resend_notification")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.cancel_notification")

    def get_object_actions(self, request: HttpRequest, obj: Notification) -> tuple[str, ...]:
        possible = {"resend": services.RESENDABLE, "cancel": services.CANCELLABLE}
        return tuple(name for name, states in possible.items() if obj.status in states)

    @admin.action(description=gettext_lazy("重发"), permissions=["resend"])
    def resend(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Send again, after a yes that says how many, by which channels, and when they will have gone."""
        if request.POST.get("select_across") == "1":
            query = request.GET.urlencode()
            return HttpResponseRedirect(with_query("admin:notifications_notification_resend_matching", query))
        rows = list(queryset.order_by("pk"))
        doubles = [row for row in rows if row.status in services.ASKS_FIRST]
        if (doubles or len(rows) > 1) and "confirmed" not in request.POST:
            proposal = bulk.propose(queryset)
            facts = "；".join(f"{name}：{value}" for name, value in facts_of(proposal))
            warning = _("%(count)d 条消息已经或可能已经送达，重发后对方会看到两次。") % {
                "count": len(doubles)
            }
            return self.ask_first(
                request,
                rows,
                action="resend",
                title=_("重发消息"),
                question=f"{warning} {facts}" if doubles else facts,
                lines=[
                    f"{row.title} → {contacts.shown(row, row.target)}（{row.get_status_display()}）"
                    for row in rows
                ],
                button=_("仍要重发") if doubles else _("重发"),
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
