"""Reports and entries as rows of lists, and the header of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from quality import wording
from quality.choices import STATUS_TONES, Origin, Status
from quality.kinds import KINDS
from quality.models import Disposition, JudgementDefaults
from quality.models.reports import Report, ReportEntry
from quality.presenters.charts import spark
from quality.presenters.dispositions import headline, tone_of
from quality.presenters.numbers import limits_text, tone_of_cpk
from quality.selectors import cpk_limit_of
from quality.wording import DASH


@dataclass(frozen=True, slots=True)
class Fact:
    """A label and what it says."""

    label: str
    text: str
    url: str = ""


def report_facts(report: Report, logs: Sequence[Any], *, revision: int | None = None) -> list[Fact]:
    """Return the header of a report as printed, and where a revision (by default the current) came from."""
    revision = report.revision if revision is None else revision
    log = next((one for one in logs if one.revision == revision), None)
    quantity = report.quantity
    if report.sample_size:
        quantity = _("%(quantity)s（抽样 %(sample)s）") % {
            "quantity": report.quantity or DASH,
            "sample": report.sample_size,
        }
    facts = [
        Fact(str(KINDS[report.KIND].party_label), report.party.name),
        Fact(_("品名"), report.part.name),
        Fact(_("料号"), report.part.number),
        Fact(_("批号"), report.lot),
        Fact(_("报告编号"), report.report_no),
        Fact(_("数量"), quantity),
        Fact(_("检验日期"), report.inspected_on.isoformat() if report.inspected_on else ""),
        Fact(_("检验员"), report.inspector),
        Fact(_("图号/版本"), report.drawing),
    ]
    if log is not None:
        facts += [Fact(_("来源"), str(Origin(log.origin).label)), Fact(_("文件"), log.file_name)]
    if report.revision > 1:
        facts.append(Fact(_("修订"), f"{revision} / {report.revision}"))
    return [fact for fact in facts if fact.text]


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report in a list."""

    kind: str
    url: str
    party: str
    part: str
    number: str
    lot: str
    report_no: str
    inspected_on: str
    imported_at: datetime
    origin: str
    status: str
    tone: str
    abnormal: int
    entries: int
    revision: int
    handled: str
    handled_tone: str


def report_rows(
    reports: Iterable[Any], dispositions: Mapping[int, Disposition] | None = None
) -> list[ReportRow]:
    """Present reports that a selector annotated with `origin`; `dispositions` are theirs, by report."""
    decided = dispositions or {}
    return [
        ReportRow(
            kind=report.KIND,
            url=report.get_absolute_url(),
            party=report.party.name,
            part=report.part.name,
            number=report.part.number,
            lot=report.lot,
            report_no=report.report_no,
            inspected_on=report.inspected_on.isoformat() if report.inspected_on else "",
            imported_at=report.created_at,
            origin=str(Origin(report.origin).label) if report.origin else "",
            status=str(Status(report.status).label),
            tone=STATUS_TONES[Status(report.status)],
            abnormal=report.abnormal_count,
            entries=report.entry_count,
            revision=report.revision,
            handled=headline(decided[report.pk]) if report.pk in decided else "",
            handled_tone=tone_of(decided[report.pk]) if report.pk in decided else "",
        )
        for report in reports
    ]


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One characteristic in a report's list."""

    url: str
    item_no: str
    name: str
    spec: str
    gauge: str
    status: str
    tone: str
    cpk: str
    cpk_tone: str
    why: str
    reasons: str
    spark: SafeString
    is_special: bool


def entry_rows(entries: Iterable[ReportEntry], defaults: JudgementDefaults) -> list[EntryRow]:
    """Present entries with a small picture of their values."""
    return [_entry_row(entry, defaults) for entry in entries]


def _entry_row(entry: ReportEntry, defaults: JudgementDefaults) -> EntryRow:
    statistics = entry.statistics or {}
    cpk = statistics.get("ppk")
    missing = (statistics.get("missing") or {}).get("ppk", "")
    status = Status(entry.status)
    return EntryRow(
        url=entry.get_absolute_url(),
        item_no=entry.item_no,
        name=entry.name,
        spec=entry.spec or limits_text(entry),
        gauge=entry.gauge,
        status=str(status.label),
        tone=STATUS_TONES[status],
        cpk=wording.number_text(cpk, 2),
        cpk_tone=tone_of_cpk(cpk, cpk_limit_of(entry, defaults)) if cpk is not None else "",
        why=wording.missing_text(missing) if missing else "",
        reasons=" · ".join(wording.reason_short(reason, entry) for reason in entry.reasons),
        spark=spark(entry),
        is_special=entry.characteristic.is_special,
    )
