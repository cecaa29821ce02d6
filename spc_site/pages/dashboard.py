"""The first page: how the day stands, what is open, who is weak. A constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from alarms import selectors as alarms
from hooks import selectors as hooks
from quality import selectors as quality
from quality.choices import Status
from quality.presenters import chart_labels, report_rows
from quality.presenters.numbers import tone_of_cpk
from spc_site.lib.svg import ChartSpec, Column, LayoutName, render_responsive, step_chart

_SUPPLIERS, _LOTS = 7, 12
_MATRIX_DAYS = 365
_PARETO = 6
_DAYS = 30
_ALARMS = 6
_REPORTS = 6


@dataclass(frozen=True, slots=True)
class Rate:
    """The share of reports that were in order at the first try, and its change; None without any."""

    percent: float | None
    change: float | None

    @property
    def change_text(self) -> str:
        return "" if self.change is None else f"{self.change:+.1f}"

    @property
    def tone(self) -> str:
        return "amber" if self.change is not None and self.change < 0 else "green"


@dataclass(frozen=True, slots=True)
class Cell:
    """One lot in the matrix."""

    text: str
    tone: str
    url: str
    title: str
    is_abnormal: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """One characteristic of the ranking; `width` is its bar in percent of the first one's."""

    name: str
    part_name: str
    count: int
    width: int
    share: str
    url: str


@dataclass(frozen=True, slots=True)
class Row:
    """One supplier in the matrix; blank cells keep the newest lots at the right."""

    name: str
    blanks: range
    cells: Sequence[Cell]


def dashboard(request: HttpRequest) -> HttpResponse:
    """Show the day; a system without any report says what to do first."""
    user = request.user
    latest = quality.latest_reports(user, limit=_REPORTS)
    if not latest:
        context = {
            "can_import": user.has_perm("quality.add_iqcreport"),
            "can_view": bool(quality.visible_kinds(user)),
        }
        return render(request, "pages/welcome.html", context)
    today = timezone.localdate()
    days = quality.days(user, since=today - timedelta(days=_DAYS - 1), until=today)
    abnormal = quality.abnormal_characteristics(
        user, since=timezone.now() - timedelta(days=_DAYS), limit=_PARETO
    )
    limit = float(quality.judgement_defaults().cpk_limit)
    shown = {
        "today": days[-1],
        "rate": first_pass(days),
        "response": alarms.response(user),
        "matrix": [
            _row(supplier, limit)
            for supplier in quality.capability_matrix(
                user, suppliers=_SUPPLIERS, lots=_LOTS, since=today - timedelta(days=_MATRIX_DAYS)
            )
        ],
        "cpk_limit": limit,
        "alarms": alarms.alarm_list(user, which="open")[:_ALARMS],
        "pareto": _pareto(abnormal),
        "trend": _trend(days),
        "reports": report_rows(latest),
        "custom": hooks.figures(),
    }
    return render(request, "pages/dashboard.html", shown)


def first_pass(days: Sequence[quality.Day]) -> Rate:
    """Return the rate of the last seven days, and its change against the seven before."""
    now, before = _rate(days[-7:]), _rate(days[-14:-7])
    return Rate(now, None if now is None or before is None else now - before)


def _rate(days: Sequence[quality.Day]) -> float | None:
    judged = sum(day.judged for day in days)
    return 100 * sum(day.passed_first for day in days) / judged if judged else None


def _row(supplier: quality.SupplierLots, limit: float) -> Row:
    return Row(supplier.name, range(_LOTS - len(supplier.lots)), [_cell(lot, limit) for lot in supplier.lots])


def _cell(lot: quality.LotCapability, limit: float) -> Cell:
    return Cell(
        text="—" if lot.lowest is None else f"{lot.lowest:.2f}",
        tone=tone_of_cpk(lot.lowest, limit),
        url=reverse("quality:report", args=["IQC", lot.report_id]),
        title=_("%(part)s 批号 %(lot)s") % {"part": lot.part_name, "lot": lot.lot},
        is_abnormal=lot.status == Status.ABNORMAL,
    )


def _pareto(abnormal: Sequence[quality.AbnormalCount]) -> list[Ranked]:
    """Return the ranking with the share of all so far; bars are drawn against the first."""
    total, so_far, rows = sum(found.count for found in abnormal), 0, []
    for found in abnormal:
        so_far += found.count
        rows.append(
            Ranked(
                name=found.name,
                part_name=found.part_name,
                count=found.count,
                width=round(100 * found.count / abnormal[0].count),
                share=f"{100 * so_far / total:.0f} %",
                url=reverse("quality:entry", args=[found.kind, found.report_id, found.entry_id]),
            )
        )
    return rows


def _trend(days: Sequence[quality.Day]) -> SafeString:
    """Draw the abnormal items per day; a day without reports is a gap, not a zero."""
    counts = [day.abnormal_entries if day.reports else None for day in days]

    def build(layout: LayoutName) -> ChartSpec:
        return step_chart(
            title=_("每日异常项目"),
            ticks=[f"{day.on:%m-%d}" if (days[-1].on - day.on).days % 5 == 0 else "" for day in days],
            tips=[f"{day.on:%m-%d}\n{day.abnormal_entries}" if day.reports else "" for day in days],
            columns=[Column(_("异常项目"), counts)],
            whole=True,
            layout=layout,
            labels=chart_labels(),
        )

    return SafeString(render_responsive(build))
