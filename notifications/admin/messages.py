"""The log of deliveries in the admin: what was said to whom, how it went, what people did about it."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import previews, safety, services, timeline
from notifications.admin.filters import (
    EventFilter,
    PriorityFilter,
    SourceFilter,
    TargetFilter,
    TemplateFilter,
    TimeFilter,
)
from notifications.causes import REASON_ADVICE
from notifications.choices import STATE_TONES, Reason, State, channel_names
from notifications.models import (
    BulkResend,
    Channel,
    DeliveryAttempt,
    Notification,
    NotificationTemplate,
    Recipient,
)
from notifications.services import bulk
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
from spc_site.errors import AppError

_DEAD_SHOWN_FOR = timedelta(days=7)

LOOKED_AT = 20_000
"""A search for words looks at so many messages, the newest that the filters leave."""

EXPORTED = 100_000
"""So many rows go into one file at most."""

_RUN_TONES = {BulkResend.Run.RUNNING: "blue", BulkResend.Run.DONE: "green", BulkResend.Run.CANCELLED: "grey"}


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
        "explanation",
        "answer",
    )

    @admin.display(description=gettext_lazy("结果"))
    def outcome_badge(self, attempt: DeliveryAttempt) -> SafeString:
        return badge(*timeline.OUTCOMES.get(attempt.outcome, (attempt.outcome, "grey")))


def target_shown(row: Notification) -> str:
    """Return the target, masked for whoever may not see addresses of people."""
    return safety.mask_contacts(row.target) if row.hides_contacts else row.target  # type: ignore[attr-defined]


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
                    "error_message",
                    ("channel", "target_text", "priority"),
                    "reserves",
                    "shown_as",
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
                    "source",
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
        return target_shown(row)

    @admin.display(description=gettext_lazy("后备"))
    def reserves(self, row: Notification) -> str:
        """Show the further ways of the message, in order; contacts as this person may see them."""
        hides = row.hides_contacts  # type: ignore[attr-defined]
        names = channel_names()
        return (
            " → ".join(
                f"{names.get(way['channel'], way['channel'])}"
                f" {safety.mask_contacts(way['target']) if hides else way['target']}"
                for way in row.fallbacks
            )
            or DASH
        )

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
        hides = not request.user.has_perm("notifications.view_contacts")
        rows = super().get_queryset(request).select_related("merged_into")
        return rows.annotate(hides_contacts=models.Value(hides, output_field=models.BooleanField()))

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
        newest = queryset.order_by("-created_at", "-pk").values_list("created_at", flat=True)
        # A moment, not a list of rows: with it both databases read one range of one index.
        if edge := list(newest[LOOKED_AT - 1 : LOOKED_AT]):
            queryset = queryset.filter(created_at__gte=edge[0])
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
            "export_url": _with_query("admin:notifications_notification_export", query),
            "dead_url": reverse("admin:notifications_notification_dead"),
            "resend_url": (
                _with_query("admin:notifications_notification_resend_matching", query)
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
        rows = self.matching(request)[:EXPORTED]
        name = f"notifications-{timezone.localtime():%Y%m%d-%H%M}.csv"
        return StreamingHttpResponse(
            csv_lines(rows.iterator(chunk_size=1000)),
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
            "days": _DEAD_SHOWN_FOR.days,
            "reasons": dead_reasons(
                bulk.dead_groups(since=_DEAD_SHOWN_FOR), may_resend=self.has_resend_permission(request)
            ),
            "runs": BulkResend.objects.select_related("requested_by")[:5],
            "runs_url": list_url(BulkResend),
        }
        return TemplateResponse(request, "admin/notifications/dead.html", context)

    # --- sending again what matches a filter ---

    def resend_matching_view(self, request: HttpRequest) -> HttpResponse:
        """Say what sending all that match would do, and do it after a yes."""
        if not self.has_resend_permission(request):
            raise PermissionDenied
        if not request.GET:
            messages.warning(request, _("请先筛选，再重发所有符合的消息。"))
            return HttpResponseRedirect(list_url(Notification))
        found = self.matching(request)
        if request.method == "POST" and (last := request.POST.get("up_to", "")).isdigit():
            # Only what the person was shown: messages that came since are left alone.
            found = found.filter(pk__lte=int(last))
        proposal = bulk.propose(found)
        if request.method == "POST":
            doubles = "doubles" in request.POST
            rows = sorted([*proposal.rows, *(proposal.doubles if doubles else [])])
            try:
                run = bulk.start(
                    rows,
                    user=person_of(request),
                    allows_doubles=doubles,
                    filter_text=request.GET.urlencode(),
                )
            except AppError as refusal:
                messages.warning(request, refusal.message)
                return HttpResponseRedirect(list_url(Notification))
            tell_run(request, run)
            return HttpResponseRedirect(change_url(run))
        context = {
            **self.admin_site.each_context(request),
            "title": _("重发所有符合筛选的消息"),
            "opts": self.opts,
            "proposal": proposal,
            "up_to": max([*proposal.rows, *proposal.doubles], default=0),
            "count": len(proposal.rows),
            "doubles": len(proposal.doubles),
            "most": bulk.MOST,
            "facts": facts_of(proposal),
            "back": _with_query("admin:notifications_notification_changelist", request.GET.urlencode()),
            "in_background": len(proposal.rows) + len(proposal.doubles) > bulk.AT_ONCE,
        }
        return TemplateResponse(request, "admin/notifications/resend_matching.html", context)

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
            return HttpResponseRedirect(
                _with_query("admin:notifications_notification_resend_matching", query)
            )
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
                lines=[f"{row.title} → {target_shown(row)}（{row.get_status_display()}）" for row in rows],
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


def _with_query(name: str, query: str) -> str:
    return f"{reverse(name)}?{query}" if query else reverse(name)


def facts_of(proposal: bulk.Proposal) -> list[tuple[str, str]]:
    """Return what a resend would do, as names and values."""
    names = channel_names()
    count = len(proposal.rows) + len(proposal.doubles)
    found = [
        (_("条数"), str(count)),
        (
            _("渠道"),
            "、".join(f"{names.get(code, code)} {many}" for code, many in proposal.channels.most_common())
            or DASH,
        ),
        (
            _("此前"),
            "、".join(
                f"{Reason(reason).label} {many}" if reason else _("已送达 %(count)d") % {"count": many}
                for reason, many in proposal.reasons.most_common(6)
            )
            or DASH,
        ),
    ]
    if proposal.estimate.at is not None:
        at = timezone.localtime(proposal.estimate.at)
        found.append((_("预计全部发出"), f"{at:%m-%d %H:%M:%S}"))
    if proposal.estimate.obstacle:
        found.append((_("先要修好"), proposal.estimate.obstacle))
    if proposal.skipped:
        found.append((_("不重发（仍在等待、已合并或已重发过）"), str(proposal.skipped)))
    return found


def tell_run(request: HttpRequest, run: BulkResend) -> None:
    """Say how a resend of many went, or that it goes on."""
    if run.state == BulkResend.Run.RUNNING:
        messages.info(request, _("已开始重发 %(count)d 条，本页显示进度。") % {"count": run.total})
        return
    messages.success(request, _("已重新排队 %(count)d 条消息。") % {"count": run.done})
    if run.skipped:
        words = {"count": run.skipped, "reason": run.last_refusal}
        messages.warning(request, _("跳过 %(count)d 条：%(reason)s") % words)


@dataclass(frozen=True, slots=True)
class DeadRow:
    """Dead letters of one reason, channel and template."""

    channel: str
    template_name: str
    count: int
    latest: Notification
    list_url: str
    resend_url: str


@dataclass(frozen=True, slots=True)
class DeadReason:
    """Dead letters of one reason: what mends it, and what can be sent again then."""

    label: str
    advice: str | Promise
    count: int
    fix_url: str
    fix_text: str
    list_url: str
    resend_url: str
    rows: list[DeadRow]


def dead_reasons(groups: Sequence[bulk.DeadGroup], *, may_resend: bool) -> list[DeadReason]:
    """Return the groups by reason, the most first, with the pages that mend them."""
    by_reason: dict[str, list[bulk.DeadGroup]] = {}
    for group in groups:
        by_reason.setdefault(group.reason, []).append(group)
    start = timezone.localtime() - _DEAD_SHOWN_FOR
    names = channel_names()

    def urls(**filters: str) -> tuple[str, str]:
        filters = {"status__exact": State.DEAD, "from": f"{start:%Y-%m-%dT%H:%M}", **filters}
        url = list_url(Notification, **{name: value for name, value in filters.items() if value})
        matching = _with_query("admin:notifications_notification_resend_matching", url.partition("?")[2])
        return url, matching if may_resend else ""

    found = []
    for reason, some in by_reason.items():
        fix_url, fix_text = _fix_of(reason, some)
        url, resend_url = urls(reason__exact=reason)
        rows = []
        for group in some:
            own = urls(reason__exact=reason, channel__exact=group.channel, template=group.template_name)
            name = names.get(group.channel, group.channel)
            rows.append(DeadRow(name, group.template_name, group.count, group.latest, *own))
        found.append(
            DeadReason(
                label=str(Reason(reason).label) if reason else DASH,
                advice=REASON_ADVICE.get(reason, ""),
                count=sum(group.count for group in some),
                fix_url=fix_url,
                fix_text=fix_text,
                list_url=url,
                resend_url=resend_url,
                rows=rows,
            )
        )
    return sorted(found, key=lambda one: -one.count)


def _fix_of(reason: str, groups: Sequence[bulk.DeadGroup]) -> tuple[str, str]:
    """Return the page on which a reason is put right, and its name."""
    templates = {group.template_name for group in groups}
    if reason in (Reason.BAD_TEMPLATE, Reason.REFUSED, Reason.TOO_LONG) and templates - {""}:
        search = {"q": templates.pop()} if len(templates) == 1 else {}
        return list_url(NotificationTemplate, **search), _("改模板")
    if reason == Reason.RECIPIENT:
        return list_url(Recipient), _("看收件人")
    return list_url(Channel), _("看渠道")


# --- the file -----------------------------------------------------------------------------------

_COLUMNS: tuple[tuple[str | Promise, Callable[[Notification], object]], ...] = (
    (gettext_lazy("消息号"), lambda row: row.message_id),
    (gettext_lazy("创建时间"), lambda row: _moment(row.created_at)),
    (gettext_lazy("事件"), lambda row: row.event),
    (gettext_lazy("来源"), lambda row: row.source),
    (gettext_lazy("标题"), lambda row: row.title),
    (gettext_lazy("渠道"), lambda row: row.channel),
    (gettext_lazy("目标"), lambda row: row.target),
    (gettext_lazy("优先级"), lambda row: row.priority),
    (gettext_lazy("状态"), lambda row: row.get_status_display()),
    (gettext_lazy("原因"), lambda row: row.get_reason_display()),
    (gettext_lazy("重试"), lambda row: row.retry_count),
    (gettext_lazy("可能重复"), lambda row: _("是") if row.possible_duplicate else ""),
    (gettext_lazy("送达时间"), lambda row: _moment(row.sent_at)),
    (gettext_lazy("错误"), lambda row: row.error_message),
    (gettext_lazy("模板"), lambda row: row.template_name),
    (gettext_lazy("关联号"), lambda row: row.correlation_id),
    (gettext_lazy("内容"), lambda row: row.content),
)


def _moment(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else ""


def safe_cell(value: object) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")) else text


class _Echo:
    """What `csv` writes to: hands the line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Notification]) -> Iterator[str]:
    """Yield the lines of the file, with the mark that tells Excel which encoding it is."""
    write: Callable[[Sequence[str]], str] = csv.writer(_Echo()).writerow
    yield "\ufeff" + write([str(name) for name, _value in _COLUMNS])
    for row in rows:
        cells = [str(value(row)) for _name, value in _COLUMNS]
        if row.hides_contacts:  # type: ignore[attr-defined]
            cells = [safety.mask_contacts(cell) for cell in cells]
        yield write([safe_cell(cell) for cell in cells])


@admin.register(BulkResend)
class BulkResendAdmin(ReadOnlyAdmin):
    """Resends of many messages: how far each is, who asked for it, why some were left out."""

    menu_order = 303
    actions = ("stop",)
    object_actions = ("stop",)
    list_display = ("created_at", "state_badge", "progress", "requested_by", "filter_text")
    list_select_related = ("requested_by",)
    fields = (
        ("state_badge", "progress"),
        ("done", "skipped"),
        "last_refusal",
        ("requested_by", "allows_doubles"),
        ("created_at", "finished_at"),
        "filter_text",
    )

    state_badge = badge_column("state", _RUN_TONES)

    @admin.display(description=gettext_lazy("进度"))
    def progress(self, run: BulkResend) -> SafeString:
        return format_html(
            '<progress max="{}" value="{}"></progress> {}', run.total, run.done + run.skipped, str(run)
        )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("rows")

    def has_stop_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.resend_notification")

    def get_object_actions(self, request: HttpRequest, obj: BulkResend) -> tuple[str, ...]:
        return ("stop",) if obj.state == BulkResend.Run.RUNNING else ()

    @admin.action(description=gettext_lazy("停止"), permissions=["stop"])
    def stop(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        def act(run: BulkResend) -> None:
            if not bulk.stop(run):
                raise AppError("over", _("已经结束。"))

        self.act_on_each(request, queryset, act, done=_("已停止 %(count)d 次批量重发。"))


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
        url=reverse("admin:notifications_notification_dead") if dead else "",
    )
