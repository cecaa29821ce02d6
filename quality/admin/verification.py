"""The verification of the statistics in the admin: the last run, all runs, one more run."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html_join
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality.models import Verification
from quality.services.verification import request_verification
from quality.spc.verify import Run
from quality.spc.verify.report import shown, shown_difference
from quality.verification import FORMATS, labels, written_as
from spc_site.admin import DASH, ReadOnlyAdmin, badge_column, list_url, person_of

_TONES = {
    Verification.State.WAITING: "blue",
    Verification.State.RUNNING: "blue",
    Verification.State.EQUAL: "green",
    Verification.State.DIFFERS: "red",
}
_DOWNLOADS = ("html", "xlsx", "json")


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """What `spc_verify` found: the last run above the list, each with all its numbers on its page."""

    menu_order = 195
    change_list_template = "admin/quality/verification_list.html"
    list_display = ("created_at", "state_badge", "counts", "versions_shown", "asked_by", "finished_at")
    list_select_related = ("requested_by",)
    list_filter = ("state", "created_at")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state_badge", "counts"),
                    "versions_shown",
                    "downloads",
                    "asked_by",
                    ("created_at", "finished_at"),
                )
            },
        ),
        (gettext_lazy("公开案例"), {"fields": ("checks_shown",)}),
    )

    state_badge = badge_column("state", _TONES, title=gettext_lazy("结果"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("result")

    def get_urls(self) -> list[Any]:
        own = (
            ("start/", self.start_view, "start"),
            ("<int:pk>/run.<str:form>", self.download_view, "download"),
        )
        return [
            *(
                path(route, self.admin_site.admin_view(view), name=f"quality_verification_{name}")
                for route, view, name in own
            ),
            *super().get_urls(),
        ]

    def has_start_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quality.add_verification")

    @admin.display(description=gettext_lazy("一致"))
    def counts(self, row: Verification) -> str:
        if not row.is_finished:
            return DASH
        words = {"equal": row.check_count - row.failed_count, "all": row.check_count, "cases": row.case_count}
        return _("%(equal)s / %(all)s 项，%(cases)s 个案例") % words

    @admin.display(description=gettext_lazy("版本"))
    def versions_shown(self, row: Verification) -> str:
        return ", ".join(f"{name} {version}" for name, version in row.versions.items()) or DASH

    @admin.display(description=gettext_lazy("发起人"), ordering="requested_by")
    def asked_by(self, row: Verification) -> str:
        return str(row.requested_by or _("命令行"))

    @admin.display(description=gettext_lazy("下载"))
    def downloads(self, row: Verification) -> SafeString | str:
        if not row.is_finished:
            return DASH
        links = [
            (reverse("admin:quality_verification_download", args=[row.pk, form]), form.upper())
            for form in _DOWNLOADS
        ]
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    @admin.display(description="")
    def checks_shown(self, row: Verification) -> SafeString | str:
        """Return one table per case, those with a difference open."""
        if not row.is_finished:
            return _("还没有结果；几秒后刷新此页。")
        words = labels()
        cases = [
            {
                "name": name,
                "source": checks[0].source,
                "count": len(checks),
                "failed": sum(check.verdict != "equal" for check in checks),
                "rows": [
                    {
                        "cells": (check.quantity, shown(check.expected), shown(check.got)),
                        "difference": shown_difference(check),
                        "allowed": check.allowed,
                        "is_equal": check.verdict == "equal",
                        "verdict": words.of(check),
                    }
                    for check in checks
                ],
            }
            for name, found in groupby(Run.from_dict(row.result).checks, key=attrgetter("case"))
            for checks in [list(found)]
        ]
        return SafeString(
            render_to_string("admin/quality/verification_cases.html", {"cases": cases, "words": words})
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the last run above all of them."""
        last = (
            self.get_queryset(request).order_by("-pk").first() if self.has_view_permission(request) else None
        )
        context = {
            "last": last,
            "last_badge": self.state_badge(last) if last else "",
            "last_counts": self.counts(last) if last else "",
            "last_versions": self.versions_shown(last) if last else "",
            "last_downloads": self.downloads(last) if last else "",
            "can_start": self.has_start_permission(request),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for one more run."""
        if not self.has_start_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        request_verification(user=person_of(request))
        text = _("验证已在后台开始，通常几秒完成；刷新此页查看结果。")
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(list_url(Verification))

    def download_view(self, request: HttpRequest, pk: int, form: str) -> HttpResponse:
        """Hand out a finished run as a file for an auditor."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = Verification.objects.filter(pk=pk).first()
        if row is None or not row.is_finished or form not in _DOWNLOADS:
            raise Http404
        response = HttpResponse(written_as(Run.from_dict(row.result), form), content_type=FORMATS[form])
        response["Content-Disposition"] = content_disposition_header(
            as_attachment=True, filename=f"spc-verification-{row.pk}.{form}"
        )
        return response


__all__ = ["VerificationAdmin"]
