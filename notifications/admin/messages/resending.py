"""Sending many messages again: what it would do, and how far it is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.choices import Reason, channel_names
from notifications.models import BulkResend, Notification
from notifications.services import bulk
from spc_site.admin import DASH, ReadOnlyAdmin, badge_column, change_url, list_url, person_of
from spc_site.errors import AppError

_RUN_TONES = {BulkResend.Run.RUNNING: "blue", BulkResend.Run.DONE: "green", BulkResend.Run.CANCELLED: "grey"}


def with_query(name: str, query: str) -> str:
    """Return the address of a page with the filters of another."""
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


def _tell_run(request: HttpRequest, run: BulkResend) -> None:
    """Say how a resend of many went, or that it goes on."""
    if run.state == BulkResend.Run.RUNNING:
        messages.info(request, _("已开始重发 %(count)d 条，本页显示进度。") % {"count": run.total})
        return
    messages.success(request, _("已重新排队 %(count)d 条消息。") % {"count": run.done})
    if run.skipped:
        words = {"count": run.skipped, "reason": run.last_refusal}
        messages.warning(request, _("跳过 %(count)d 条：%(reason)s") % words)


def answer(model_admin: Any, request: HttpRequest, found: models.QuerySet) -> HttpResponse:
    """Say what sending these messages again would do; after a yes, begin."""
    if request.method == "POST" and (last := request.POST.get("up_to", "")).isdigit():
        # Only what the person was shown: messages that came since are left alone.
        found = found.filter(pk__lte=int(last))
    proposal = bulk.propose(found)
    if request.method == "POST":
        return _begin(request, proposal)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("重发所有符合筛选的消息"),
        "opts": model_admin.opts,
        "proposal": proposal,
        "up_to": max([*proposal.rows, *proposal.doubles], default=0),
        "count": len(proposal.rows),
        "doubles": len(proposal.doubles),
        "most": bulk.MOST,
        "facts": facts_of(proposal),
        "back": with_query("admin:notifications_notification_changelist", request.GET.urlencode()),
        "in_background": len(proposal.rows) + len(proposal.doubles) > bulk.AT_ONCE,
    }
    return TemplateResponse(request, "admin/notifications/resend_matching.html", context)


def _begin(request: HttpRequest, proposal: bulk.Proposal) -> HttpResponse:
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
    _tell_run(request, run)
    return HttpResponseRedirect(change_url(run))


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
