"""What quality tells the customer's hooks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from hooks.services import fire, is_wanted
from quality import messages
from quality.choices import Status
from quality.kinds import KINDS, Kind
from quality.models import Verification
from quality.models.reports import Report, ReportEntry

FIGURES_OF = timedelta(days=7)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def fire_completed(kind: Kind, report: Report, tally: Counter[str], *, at: datetime) -> None:
    """Fire for a report whose entries all have their verdict; no query where no hook wants it."""
    if not is_wanted("on_inspection_completed"):
        return
    abnormal = (
        kind.entry_model.objects.filter(report=report, revision=report.revision, status=Status.ABNORMAL)
        .only("name", "reasons")
        .order_by("position")
    )
    status = next((one for one in (Status.ABNORMAL, Status.ERROR) if tally[one]), Status.NORMAL)
    payload = {
        "kind": kind.code,
        "report_id": report.pk,
        "revision": report.revision,
        "report_no": report.report_no,
        "party": report.party.name,
        "part_number": report.part.number,
        "part_name": report.part.name,
        "lot": report.lot,
        "status": str(status),
        "entries": tally.total(),
        "abnormal": tally[Status.ABNORMAL],
        "judged_at": at,
        "link": report.get_absolute_url(),
        "abnormal_entries": [
            {
                "entry_id": entry.pk,
                "name": entry.name,
                "is_out_of_spec": entry.is_out_of_spec,
                "rules": ",".join(str(reason["code"]) for reason in entry.reasons),
            }
            for entry in abnormal
        ],
    }
    moment = int(at.timestamp() * 1000)
    fire("on_inspection_completed", payload, event_id=f"quality:{kind.code}:{report.pk}:{moment}")


def fire_summary(report: Report, told: Sequence[ReportEntry], *, at: datetime) -> None:
    """Fire for the summary of abnormal items that people are told."""
    _fire_document(
        "inspection_summary",
        _("%(kind)s 异常汇总：%(part)s %(lot)s，%(count)d 项")
        % {"kind": report.KIND, "part": report.part.name, "lot": report.lot, "count": len(told)},
        subject=messages.subject(report),
        link=report.get_absolute_url(),
        at=at,
    )


def fire_problems(name: str, content: bytes, *, source: bytes, made_by: str = "") -> None:
    """Fire for a workbook that went back with its problems marked; once for each person and file sent in.

    `source` is what was sent in: marked again a second later it has other bytes, since they hold the time.
    """
    if not is_wanted("on_report_generated"):
        return
    digest = hashlib.sha256(content).hexdigest()
    of = hashlib.sha256(source).hexdigest()[:40]
    _fire_document(
        "import_problems",
        name,
        file={"file_name": name, "content_type": _XLSX, "size": len(content), "sha256": digest},
        made_by=made_by,
        at=timezone.now(),
        event_id=f"quality:problems:{of}:{made_by[:30]}",
    )


def fire_verification(row: Verification) -> None:
    """Fire for a record of how the statistics agree with what was published."""
    _fire_document(
        "verification",
        _("统计验证 #%(number)d：%(state)s") % {"number": row.pk, "state": row.get_state_display()},
        subject=f"quality.verification:{row.pk}",
        at=row.finished_at or timezone.now(),
        event_id=f"quality:verification:{row.pk}",
    )


def _fire_document(
    kind: str,
    title: str,
    *,
    at: datetime,
    subject: str = "",
    link: str = "",
    made_by: str = "",
    file: dict[str, Any] | None = None,
    event_id: str | None = None,
) -> None:
    no_file = {"file_name": "", "content_type": "", "size": 0, "sha256": ""}
    payload = {
        "kind": kind,
        "title": title,
        **(file or no_file),
        "path": "",
        "subject": subject,
        "made_by": made_by,
        "made_at": at,
        "link": link,
    }
    fire("on_report_generated", payload, event_id=event_id)


def figures() -> dict[str, Decimal | int]:
    """Return what the customer's own figures may be calculated from: one query for each kind."""
    found: dict[str, Decimal | int] = {}
    for kind in KINDS.values():
        counts = kind.report_model.objects.filter(created_at__gte=timezone.now() - FIGURES_OF).aggregate(
            reports=Count("pk"),
            judged=Count("pk", filter=~Q(status=Status.PENDING)),
            passed=Count("pk", filter=Q(status=Status.NORMAL, revision=1)),
            abnormal=Sum("abnormal_count"),
        )
        found[f"{kind.slug}_reports_7d"] = counts["reports"]
        found[f"{kind.slug}_abnormal_entries_7d"] = counts["abnormal"] or 0
        if counts["judged"]:
            rate = Decimal(100 * counts["passed"]) / counts["judged"]
            found[f"{kind.slug}_first_pass_pct_7d"] = rate.quantize(Decimal("0.01"))
    return found
