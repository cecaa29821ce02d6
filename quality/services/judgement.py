"""Judge what is due: a whole report in one pass, or one entry that was edited by hand.

Compute first, without a transaction; then, in one short transaction, write what still speaks
of the same version, raise and recover alarms, and queue the message. Any number of processes
may judge the same report: one of them writes, the others find nothing due.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from alarms import services as alarms
from notifications.routing import Event
from notifications.services import notify
from quality import hooked, judgement, messages, pictures, plans, selectors
from quality.choices import Index, Status
from quality.kinds import KINDS, Kind
from quality.models import ControlLimits, JudgementDefaults
from quality.models.reports import Report, ReportEntry
from spc_site.bulk import collector_paused, update_many
from spc_site.jobs import Budget

log = logging.getLogger("quality.judgement")

_VERDICT_FIELDS = ("status", "reasons", "statistics", "judged_version", "judged_at", "limits")
_NOT_NEEDED = ("printed", "history", "statistics", "reasons")
"""Columns that a verdict replaces or never looks at; decoding their JSON is half of loading a report."""

SUMMARY, SINGLE = "summary", "entry"
"""The two triggers: a batch import tells one summary, a hand edit tells its entry."""


def has_due() -> bool:
    """Say whether any entry waits for its verdict; one cheap query per kind."""
    return any(kind.entry_model.objects.pending().exists() for kind in KINDS.values())


def oldest_due() -> datetime | None:
    """Return since when the oldest pending report has been waiting."""
    waiting = [
        kind.report_model.objects.filter(status=Status.PENDING).aggregate(at=models.Min("updated_at"))["at"]
        for kind in KINDS.values()
    ]
    return min((at for at in waiting if at), default=None)


def judge_due(*, budget_s: float = 50) -> int:
    """Judge every report that has pending entries, the oldest first; return how many entries."""
    budget, judged = Budget(budget_s), 0
    skipped: set[tuple[str, int]] = set()
    while budget:
        found = next(
            (
                (kind, pk)
                for kind in KINDS.values()
                for pk in kind.entry_model.objects.pending()
                .order_by("report_id")
                .values_list("report_id", flat=True)
                .exclude(report_id__in=[pk for code, pk in skipped if code == kind.code])[:1]
            ),
            None,
        )
        if found is None:
            break
        kind, report_id = found
        report = _with_party(kind).filter(pk=report_id).first()
        done = judge_report(report) if report else 0
        if not done:
            # Another process has it, or it changed under our hands: leave it for the next ring.
            skipped.add((kind.code, report_id))
        judged += done
    return judged


def _with_party(kind: Kind) -> Any:
    return kind.report_model.objects.select_related("part", kind.party_field)


@collector_paused()
def judge_report(report: Report) -> int:
    """Judge the pending entries of a report in one pass; return how many were written.

    One summary tells the abnormal ones that are new: judged for the first time, or not known
    to be abnormal before.
    """
    kind = KINDS[report.KIND]
    entries = list(
        kind.entry_model.objects.filter(report=report)
        .pending()
        .select_related("characteristic")
        .defer(*_NOT_NEEDED)
        .order_by("pk")
    )
    return len(_judge(kind, report, entries, trigger=SUMMARY))


def judge_entry(entry: ReportEntry) -> ReportEntry:
    """Judge one entry that was edited by hand, at once; tell it on its own if it is abnormal."""
    kind = KINDS[entry.KIND]
    report = _with_party(kind).get(pk=entry.report_id)
    fresh = kind.entry_model.objects.select_related("characteristic").get(pk=entry.pk)
    _judge(kind, report, [fresh], trigger=SINGLE)
    return kind.entry_model.objects.get(pk=entry.pk)


def request_rejudgement(entries: models.QuerySet) -> int:
    """Make entries due again, after their settings changed; return how many.

    They are judged in the background; saving their reports rings for it.
    """
    kind = KINDS[entries.model.KIND]
    with transaction.atomic():
        report_ids = set(entries.values_list("report_id", flat=True))
        count = entries.update(status=Status.PENDING, version=F("version") + 1)
        for report in kind.report_model.objects.filter(pk__in=report_ids):
            report.status = Status.PENDING
            report.save(update_fields=["status", "updated_at"])
    return count


def _judge(kind: Kind, report: Report, entries: Sequence[ReportEntry], *, trigger: str) -> list[ReportEntry]:
    if not entries:
        return []
    defaults = JudgementDefaults.objects.first() or JudgementDefaults()
    locked_limits = _limits_in_force(report)
    verdicts = judgement.judge(
        [_task(entry, defaults, locked_limits.get(entry.characteristic_id)) for entry in entries]
    )
    now = timezone.now()
    with transaction.atomic():
        locked = kind.report_model.objects.select_for_update().filter(pk=report.pk).first()
        if locked is None:
            return []
        still_due = kind.entry_model.objects.filter(report=locked, judged_version__lt=F("version"))
        if trigger == SINGLE:
            still_due = still_due.filter(pk=entries[0].pk)
        due = dict(still_due.values_list("pk", "version"))
        written: list[ReportEntry] = []
        first_time: set[int] = set()
        for entry, verdict in zip(entries, verdicts, strict=True):
            if due.get(entry.pk) != entry.version:
                continue
            if entry.judged_version == 0:
                first_time.add(entry.pk)
            entry.status, entry.reasons, entry.statistics = (
                verdict.status,
                verdict.reasons,
                verdict.statistics,
            )
            entry.judged_version, entry.judged_at = entry.version, now
            entry.limits = locked_limits.get(entry.characteristic_id)
            written.append(entry)
        update_many(written, _VERDICT_FIELDS)
        tally = _count(kind, locked, now)
        report.revision = locked.revision
        _tell(kind, report, written, first_time, trigger=trigger, at=now)
        if written and not tally[Status.PENDING]:
            hooked.fire_completed(kind, report, tally, at=now)
    log.info("judged %s report %d: %d entries", kind.code, report.pk, len(written))
    return written


def _limits_in_force(report: Report) -> dict[int, ControlLimits]:
    """Return the locked limits of the part's characteristics, by characteristic; one query."""
    rows = ControlLimits.objects.filter(characteristic__part=report.part_id, valid_to__isnull=True)
    return {row.characteristic_id: row for row in rows}


def _task(entry: ReportEntry, defaults: JudgementDefaults, locked: ControlLimits | None) -> judgement.Task:
    settings = entry.characteristic
    cpk_limit = defaults.cpk_limit if settings.cpk_limit is None else settings.cpk_limit
    return judgement.Task(
        values=entry.values,
        lsl=entry.lsl,
        usl=entry.usl,
        plan=plans.plan_of(
            settings,
            subgroup_size=plans.subgroup_size(settings, entry),
            rules=plans.alarm_rules_of(settings, defaults.alarm_rules),
        ),
        lower_is_bound=settings.lower_is_bound,
        upper_is_bound=settings.upper_is_bound,
        limits=plans.limits_of(locked),
        index=Index(settings.judged_index or defaults.judged_index),
        cpk_limit=str(cpk_limit),
        distribution=settings.distribution,
    )


def _count(kind: Kind, report: Report, now: datetime) -> Counter[str]:
    """Bring the report's own status and counters in step with its current entries; return their count."""
    counts = Counter(
        dict(
            kind.entry_model.objects.filter(report=report, revision=report.revision)
            .values_list("status")
            .annotate(count=models.Count("pk"))
            .order_by()
        )
    )
    if counts[Status.PENDING]:
        status = Status.PENDING
    elif counts[Status.ABNORMAL]:
        status = Status.ABNORMAL
    elif counts[Status.ERROR]:
        status = Status.ERROR
    else:
        status = Status.NORMAL
    kind.report_model.objects.filter(pk=report.pk).update(
        status=status,
        abnormal_count=counts[Status.ABNORMAL],
        entry_count=counts.total(),
        judged_at=now,
        updated_at=now,
    )
    return counts


def _recover(kind: Kind, report: Report, *, announced: bool, at: datetime) -> None:
    """Close the open alarms of this report that its current entries no longer support.

    Those are entries judged in order now, rows that a corrected workbook dropped, and all of a
    report that is not announced any more because its latest measurement is our own.
    """
    opened = alarms.open_keys(prefix=messages.alarm_prefix(report))
    if not opened:
        return
    standing: set[str] = set()
    if announced:
        current = kind.entry_model.objects.filter(report=report, revision=report.revision)
        # One that waits for its verdict is not in order yet.
        waiting = current.filter(status__in=[Status.ABNORMAL, Status.PENDING])
        standing = {messages.alarm_key(entry) for entry in waiting.only("report_id", "characteristic_id")}
    alarms.recover(opened - standing, note=_("不再异常"), at=at)


def is_announced(kind: Kind, report: Report) -> bool:
    """Say whether this report's abnormal entries raise alarms and messages.

    OQC always; IQC only when its latest import log says that the supplier measured.
    """
    logs = kind.log_model.objects.filter(report=report).order_by("-revision")
    origin = logs.values_list("origin", flat=True).first()
    return (origin or "") in kind.announced


def _tell(
    kind: Kind,
    report: Report,
    entries: Iterable[ReportEntry],
    first_time: set[int],
    *,
    trigger: str,
    at: datetime,
) -> None:
    """Raise and recover alarms, and queue the message, in the caller's transaction."""
    abnormal = sorted(
        (entry for entry in entries if entry.revision == report.revision and entry.status == Status.ABNORMAL),
        key=lambda entry: entry.position,
    )
    announced = is_announced(kind, report)
    _recover(kind, report, announced=announced, at=at)
    if announced and abnormal:
        accepted = selectors.conceded(report)
        abnormal = [
            entry for entry in abnormal if accepted.get(entry.characteristic_id) != selectors.digest_of(entry)
        ]
    if not (announced and abnormal):
        return
    with translation.override("zh-hans"):  # one group reads what all have caused
        raised = alarms.raise_alarms([messages.alarm_request(report, entry) for entry in abnormal], at=at)
    is_new = {one.alarm.key for one in raised if one.is_new or one.is_escalated}
    told = [
        entry
        for entry in abnormal
        if trigger == SINGLE or entry.pk in first_time or messages.alarm_key(entry) in is_new
    ]
    if not told:
        return
    hooked.fire_summary(report, told, at=at)
    alarm_of = {one.alarm.key: one.alarm for one in raised}
    sifted = alarms.sift([alarm_of[messages.alarm_key(entry)] for entry in told], at=at)
    loud = [entry for entry in told if messages.alarm_key(entry) not in sifted.withheld_keys]
    if loud:
        event = _event(kind, report, loud, trigger=trigger)
        # A card is about one alarm: only of one can it be said who has taken it on.
        alone = alarm_of[messages.alarm_key(loud[0])] if len(loud) == 1 else None
        button = alarms.button_of(alone) if alone else None
        notify(replace(event, mentions=alarms.owners_called(sifted.heard), button=button))
    if len(loud) < len(told):  # kept as not sent, so that the log shows what a silence withheld
        why = sifted.withheld[0][1]
        quiet = [entry for entry in told if messages.alarm_key(entry) in sifted.withheld_keys]
        event = _event(kind, report, quiet, trigger=trigger)
        notify(replace(event, withheld=why.reason, withheld_by=why.by))


def _event(kind: Kind, report: Report, told: Sequence[ReportEntry], *, trigger: str) -> Event:
    """Return the event that tells of some abnormal entries of a report."""
    last = max(told, key=lambda entry: entry.version)
    about = report if trigger == SUMMARY else told[0]
    return Event(
        name=f"quality.{kind.slug}.{trigger}",
        source="quality",
        severity="critical" if any(entry.is_out_of_spec for entry in told) else "warning",
        supplier=report.party.name,
        part=report.part.number,
        group=kind.code,
        template=f"{kind.slug}_{trigger}",
        variables=messages.variables(report, told),
        priority=1,
        is_alarm=True,
        subject=messages.subject(about),
        link=about.get_absolute_url(),
        # The same entries in the same state are told once, however often they are judged.
        dedupe_key=f"{messages.subject(about)}.r{report.revision}.e{told[0].pk}.v{last.version}",
        picture=partial(pictures.entry_picture, told[0]) if trigger == SINGLE else None,
    )


__all__ = ["has_due", "judge_due", "judge_entry", "judge_report", "oldest_due", "request_rejudgement"]
