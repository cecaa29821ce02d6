"""What is said about abnormal entries: the lines, the links, the keys. Nothing is sent here.

The texts around them are templates in the database (`notifications.defaults` ships them).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings

from alarms.services import AlarmRequest
from notifications.rendering import ByLanguage, Prepared
from quality import wording
from quality.choices import ReasonCode
from quality.kinds import KINDS
from quality.models.reports import Report, ReportEntry
from wecom import markdown


def entry_url(entry: ReportEntry) -> str:
    """Return the exact public address of the page that shows this entry's chart."""
    return settings.FRONTEND_URL + entry.get_absolute_url()


def alarm_key(entry: ReportEntry) -> str:
    """Return what names the abnormal thing: the characteristic in its report, over revisions."""
    return f"quality.{entry.KIND}.{entry.report_id}.{entry.characteristic_id}"


def alarm_prefix(report: Report) -> str:
    """Return what the alarm keys of all entries of a report begin with."""
    return f"quality.{report.KIND}.{report.pk}."


def subject(row: Report | ReportEntry) -> str:
    """Return how alarms and messages name the row that they speak of."""
    what = "entry" if isinstance(row, ReportEntry) else "report"
    return f"quality.{row.KIND}.{what}:{row.pk}"


def abnormal_lines(entries: Iterable[ReportEntry], word: str = "异常项") -> Prepared:
    """Return the prepared lines of a message, one per abnormal entry, each with its link."""
    return Prepared(
        "\n".join(
            f"- **{word}**: {markdown.escape(entry.name)} [{entry_url(entry)}]({entry_url(entry)})"
            for entry in entries
        )
    )


def variables(report: Report, entries: Sequence[ReportEntry]) -> dict[str, Any]:
    """Return what the templates of this kind may use."""
    return {
        KINDS[report.KIND].party_field: report.party.name,
        "part_name": report.part.name,
        "part_number": report.part.number,
        "lot": report.lot,
        "report_no": report.report_no,
        "abnormal_count": len(entries),
        "abnormal_items": ByLanguage(
            {"zh-hans": abnormal_lines(entries), "en": abnormal_lines(entries, "Abnormal")}
        ),
    }


def alarm_request(report: Report, entry: ReportEntry) -> AlarmRequest:
    """Return the alarm that an abnormal entry raises."""
    verdict = wording.verdict(entry)
    capability = next((reason for reason in entry.reasons if reason["code"] == ReasonCode.CAPABILITY), None)
    return AlarmRequest(
        key=alarm_key(entry),
        source=f"quality.{entry.KIND}",
        subject=subject(entry),
        title=f"{report.part.name} {entry.name} {verdict.headline}",
        description="\n".join((f"{report.party.name} · {report.lot}", *verdict.sentences)),
        severity="critical" if entry.is_out_of_spec else "warning",
        value=f"{capability['value']:.2f}" if capability else "",
        threshold=str(capability["limit"]) if capability else "",
        link=entry.get_absolute_url(),
        group_key=subject(report),
        group=report.KIND,
        labels={
            "kind": report.KIND,
            KINDS[report.KIND].party_field: report.party.name,
            "part": report.part.number,
            "lot": report.lot,
            "characteristic": entry.name,
        },
    )
