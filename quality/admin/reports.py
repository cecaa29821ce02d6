"""Reports in the admin: what is wrong first, with the tiles that count it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alarms import services as alarms
from quality import selectors, wording
from quality.admin.rejudging import rejudge_all
from quality.choices import STATUS_TONES, Origin, Status
from quality.kinds import IQC, OQC, Kind
from quality.messages import alarm_prefix
from quality.models import IQCReport, OQCReport
from quality.models.reports import Report
from spc_site.admin import (
    DASH,
    ReadOnlyAdmin,
    Tile,
    badge,
    badge_column,
    change_url,
    link,
    list_url,
    tiles,
)

_ABNORMAL_SHOWN = 20
"""So many abnormal entries stand on the page of a report; the list has them all."""


class OriginFilter(admin.SimpleListFilter):
    """Who measured what the current revision reports."""

    title = gettext_lazy("来源")
    parameter_name = "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Origin.choices)

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(origin=self.value()) if self.value() else queryset


class ReportAdmin(ReadOnlyAdmin):
    """A report is what its workbook says: nothing here is edited, values are (see EntryAdmin)."""

    kind: ClassVar[Kind]
    actions = ("rejudge",)
    object_actions = ("rejudge",)
    search_fields = ("lot", "report_no", "part__number", "part__name")

    status_badge = badge_column("status", STATUS_TONES)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = ["lot", "status_badge", self.kind.party_field, "part", "report_no", "counts"]
        if len(self.kind.origins) > 1:
            columns.append("origin_shown")
        return [*columns, "created_at", "page"]

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        origin = [OriginFilter] if len(self.kind.origins) > 1 else []
        return ["status", *origin, "created_at", "inspected_on", self.kind.party_field]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.search_fields, f"{self.kind.party_field}__name")

    @property
    def search_help_text(self) -> str:  # type: ignore[override]
        return _("批号、报告编号、料号、品名、%(party)s") % {"party": self.kind.party_label}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            (
                None,
                {
                    "fields": (
                        ("status_badge", "counts"),
                        "abnormal_list",
                        (self.kind.party_field, "part"),
                        ("lot", "report_no"),
                    )
                },
            ),
            (
                gettext_lazy("表头"),
                {"fields": (("quantity", "sample_size"), ("inspected_on", "inspector"), "drawing")},
            ),
            (
                gettext_lazy("来历"),
                {
                    "fields": (
                        ("revision", "origin_shown"),
                        "files",
                        ("created_at", "judged_at", "updated_at"),
                    )
                },
            ),
        )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        """Show what the person may see, with origin and file of the current revision."""
        return selectors.report_list(request.user, self.kind, selectors.ReportFilter())

    # --- columns ---

    @admin.display(description=gettext_lazy("异常/项目"), ordering="abnormal_count")
    def counts(self, report: Report) -> SafeString:
        entries = list_url(self.kind.entry_model, report__id__exact=report.pk)
        return link(entries, f"{report.abnormal_count} / {report.entry_count}")

    @admin.display(description=gettext_lazy("来源"), ordering="origin")
    def origin_shown(self, report: Any) -> str:
        return str(Origin(report.origin).label) if report.origin else DASH

    @admin.display(description=gettext_lazy("页面"))
    def page(self, report: Report) -> SafeString:
        return link(report.get_absolute_url(), _("打开"))

    @admin.display(description=gettext_lazy("异常项目"))
    def abnormal_list(self, report: Report) -> SafeString | str:
        entries = list(selectors.report_entries(report, status=Status.ABNORMAL)[:_ABNORMAL_SHOWN])
        if not entries:
            return DASH
        lines = format_html_join(
            "",
            '<li>{} <a href="{}">{}</a> {}</li>',
            (
                (
                    badge(verdict.word, verdict.tone),
                    change_url(entry),
                    entry.name,
                    verdict.number,
                )
                for entry in entries
                for verdict in [wording.verdict(entry)]
            ),
        )
        more = report.abnormal_count - len(entries)
        rest = (
            link(
                list_url(self.kind.entry_model, report__id__exact=report.pk, status__exact=Status.ABNORMAL),
                _("还有 %(count)d 项") % {"count": more},
            )
            if more > 0
            else ""
        )
        return format_html('<ul class="reasons">{}</ul>{}', lines, rest)

    @admin.display(description=gettext_lazy("导入文件"))
    def files(self, report: Report) -> SafeString | str:
        logs = selectors.import_logs(report)
        if not logs:
            return DASH
        return format_html(
            '<ul class="reasons">{}</ul>',
            format_html_join(
                "",
                '<li><a href="{}">{}</a> {}</li>',
                (
                    (change_url(log), log.file_name, _("修订 %(number)d") % {"number": log.revision})
                    for log in logs
                ),
            ),
        )

    # --- actions ---

    def has_rejudge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"quality.change_{self.kind.entry_model._meta.model_name}")

    @admin.action(description=gettext_lazy("重新判定"), permissions=["rejudge"])
    def rejudge(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda report: rejudge_all(report.entries.filter(revision=report.revision)),
            done=_("已请求重新判定 %(count)d 份报告，结果随后更新。"),
        )

    # --- deleting ---

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"quality.delete_{self.opts.model_name}")

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        """Say in one line per report what goes with it; open alarms keep a report.

        Django's own answer lists every entry: thousands of lines that nobody reads.
        """
        reports = list(objs)
        ids = [report.pk for report in reports]
        entries = self.kind.entry_model.objects.filter(report__in=ids).count()
        logs = self.kind.log_model.objects.filter(report__in=ids).count()
        counts = {
            self.opts.verbose_name_plural: len(reports),
            self.kind.entry_model._meta.verbose_name_plural: entries,
            self.kind.log_model._meta.verbose_name_plural: logs,
        }
        alarmed = [
            _("%(report)s（有未关闭的报警，请先关闭）") % {"report": report}
            for report in reports
            if alarms.open_keys(prefix=alarm_prefix(report))
        ]
        return [str(report) for report in reports], counts, set(), alarmed


@admin.register(IQCReport)
class IQCReportAdmin(ReportAdmin):
    kind = IQC
    menu_order = 100


@admin.register(OQCReport)
class OQCReportAdmin(ReportAdmin):
    kind = OQC
    menu_order = 110


@tiles(order=100)
def report_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show how many reports of each kind are abnormal or still wait for their verdict."""
    for kind in selectors.visible_kinds(request.user):
        counts = dict(
            selectors.visible_reports(request.user, kind)
            .filter(status__in=[Status.PENDING, Status.ABNORMAL])
            .order_by()
            .values_list("status")
            .annotate(count=models.Count("pk"))
        )
        abnormal, pending = counts.get(Status.ABNORMAL, 0), counts.get(Status.PENDING, 0)
        yield Tile(
            label=_("%(kind)s 异常报告") % {"kind": kind.code},
            value=abnormal,
            tone="blue" if pending else "green",
            note=_("%(count)d 份待判定") % {"count": pending} if pending else _("全部已判定"),
            url=list_url(kind.report_model, status__exact=Status.ABNORMAL),
        )
