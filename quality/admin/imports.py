"""Imports in the admin: which file brought which revision, and the layouts that are known."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from quality import selectors
from quality.choices import Origin
from quality.importing.profiles import Profile, ProfileError
from quality.kinds import IQC, OQC, Kind
from quality.models import ImportProfile, IQCReportImportLog, OQCReportImportLog
from quality.models.imports import ReportImportLog
from spc_site.admin import BaseAdmin, PrettyJSONField, ReadOnlyAdmin, badge_column, change_url, link

_ORIGIN_TONES = {Origin.SUPPLIER: "blue", Origin.SELF: "grey"}


class LogAdmin(ReadOnlyAdmin):
    """The origin of every value: one line per report and file."""

    kind: ClassVar[Kind]
    list_display = (
        "file_name",
        "report_link",
        "origin_badge",
        "revision",
        "sheet",
        "entry_count",
        "profile",
        "imported_by",
        "imported_at",
    )
    list_filter = ("origin", "profile", "imported_at")
    search_fields = ("file_name", "report__lot", "=content_hash", "=correlation_id")
    search_help_text = gettext_lazy("文件名、批号、内容哈希、关联号")
    date_hierarchy = "imported_at"
    fields = (
        "file_name",
        "report_link",
        "origin_badge",
        "revision",
        ("sheet", "block"),
        "profile",
        "entry_count",
        "imported_by",
        "imported_at",
        "content_hash",
        "correlation_id",
    )

    origin_badge = badge_column("origin", _ORIGIN_TONES, title=gettext_lazy("来源"))

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        visible = selectors.visible_reports(request.user, self.kind)
        return (
            super().get_queryset(request).filter(report__in=visible).select_related("report", "imported_by")
        )

    @admin.display(description=gettext_lazy("报告"), ordering="report")
    def report_link(self, log: ReportImportLog) -> SafeString:
        return link(change_url(log.report), log.report)  # type: ignore[attr-defined]


@admin.register(IQCReportImportLog)
class IQCLogAdmin(LogAdmin):
    kind = IQC
    menu_order = 140


@admin.register(OQCReportImportLog)
class OQCLogAdmin(LogAdmin):
    kind = OQC
    menu_order = 150


class ProfileForm(forms.ModelForm):
    """Refuse a layout that the importer cannot read."""

    layout = PrettyJSONField(label=gettext_lazy("版式"), rows=24)

    class Meta:
        model = ImportProfile
        fields = ("name", "kind", "order", "is_active", "layout")

    def clean_layout(self) -> Any:
        layout = self.cleaned_data["layout"]
        try:
            Profile.from_json(self.data.get("name", ""), layout)
        except ProfileError as error:
            raise forms.ValidationError(str(error)) from error
        return layout


@admin.register(ImportProfile)
class ProfileAdmin(BaseAdmin):
    """Layouts of workbooks, tried from the lowest order on."""

    menu_order = 190
    form = ProfileForm
    list_display = ("name", "kind", "order", "is_active", "created_at")
    list_filter = ("kind", "is_active")
    search_fields = ("name",)
    search_help_text = gettext_lazy("版式名称")
