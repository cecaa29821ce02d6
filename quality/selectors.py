"""What can be read about inspection. Each selector says how many queries it costs.

Every reader passes through `visible_reports`: the one place that decides who sees which report.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    FilteredRelation,
    FloatField,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast, NullIf, RowNumber, TruncDate
from django.utils import timezone

from accounts.roles import SUPPLIER
from notifications.models import Notification
from quality.choices import OPEN_DISPOSITIONS, Decision, DispositionState, Handled, Status
from quality.kinds import IQC, KINDS, Kind
from quality.models import Characteristic, Disposition, JudgementDefaults
from quality.models.dispositions import report_field
from quality.models.reports import EntryQuerySet, Report, ReportEntry

Viewer = AbstractBaseUser | AnonymousUser

ABNORMAL_FIRST = Case(
    When(status=Status.ABNORMAL, then=0),
    When(status=Status.ERROR, then=1),
    When(status=Status.PENDING, then=2),
    default=3,
    output_field=IntegerField(),
)
_JUDGED = Q(status__in=(Status.NORMAL, Status.ABNORMAL))


# --- who sees what --------------------------------------------------------------------------


def may_view(user: Viewer, kind: Kind) -> bool:
    """Say whether the role of a person lets it see reports of this kind."""
    return user.has_perm(f"quality.view_{kind.report_model._meta.model_name}")  # type: ignore[union-attr]


def visible_reports(user: Viewer, kind: Kind) -> QuerySet[Any]:
    """Return the reports of a kind that a person may see.

    Staff see all that their role allows. A supplier's person sees the reports of its own supplier;
    until people are tied to suppliers that is none (at most 1 query, once per person and request).
    """
    reports: QuerySet[Any] = kind.report_model.objects.all()
    if not may_view(user, kind) or _is_supplier(user):
        return reports.none()
    return reports


def visible_kinds(user: Viewer) -> list[Kind]:
    """Return the kinds of report that a person may see."""
    return [kind for kind in KINDS.values() if may_view(user, kind)]


def _is_supplier(user: Any) -> bool:
    if user.is_superuser:
        return False
    if not hasattr(user, "_is_of_supplier"):
        user._is_of_supplier = user.groups.filter(name=SUPPLIER).exists()
    return bool(user._is_of_supplier)


# --- reports --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """What a list of reports is narrowed to; blank means all."""

    status: str = ""
    party: int | None = None
    origin: str = ""
    since: date | None = None
    until: date | None = None
    text: str = ""
    handled: str = ""


def report_list(user: Viewer, kind: Kind, wanted: ReportFilter) -> QuerySet[Any]:
    """Return reports, newest first, with `origin` and `file_name` of their revision (1 query when read)."""
    reports = _with_names(visible_reports(user, kind), kind)
    if wanted.status:
        reports = reports.filter(status=wanted.status)
    if wanted.party is not None:
        reports = reports.filter(**{kind.party_field: wanted.party})
    if wanted.origin:
        reports = reports.filter(current_log__origin=wanted.origin)
    if wanted.since:
        reports = reports.filter(created_at__gte=_local_midnight(wanted.since))
    if wanted.until:
        reports = reports.filter(created_at__lt=_local_midnight(wanted.until + timedelta(days=1)))
    if wanted.text:
        reports = reports.filter(_about(wanted.text, kind))
    if wanted.handled:
        reports = _handled(reports, kind, wanted.handled)
    return reports.order_by("-created_at", "-pk")


def parties(user: Viewer, kind: Kind) -> QuerySet[Any]:
    """Return the companies of a kind, for a choice (1 query when read)."""
    if not may_view(user, kind) or _is_supplier(user):
        return kind.party_model._default_manager.none()
    return kind.party_model._default_manager.filter(is_active=True).order_by("name")


def find_report(user: Viewer, kind: Kind, pk: int) -> Any | None:
    """Return one report with company, part, `origin` and `file_name`, or None (1 query)."""
    return _with_names(visible_reports(user, kind), kind).filter(pk=pk).first()


def search(user: Viewer, kind: Kind, text: str, *, limit: int) -> list[Any]:
    """Return the newest reports whose lot, number, part or company contains the text (1 query)."""
    if not text:
        return []
    found = _with_names(visible_reports(user, kind), kind).filter(_about(text, kind))
    return list(found.order_by("-created_at", "-pk")[:limit])


def latest_reports(user: Viewer, *, limit: int) -> list[Any]:
    """Return the newest reports of all kinds (1 query per kind)."""
    found = [
        report
        for kind in visible_kinds(user)
        for report in _with_names(visible_reports(user, kind), kind).order_by("-created_at", "-pk")[:limit]
    ]
    return sorted(found, key=lambda report: report.created_at, reverse=True)[:limit]


def status_counts(report: Report) -> dict[str, int]:
    """Count the entries of the report's revision by status, absent ones as 0 (1 query)."""
    rows = (
        report.entries.filter(revision=report.revision)  # type: ignore[attr-defined]
        .order_by()
        .values_list("status")
        .annotate(Count("pk"))
    )
    return dict.fromkeys(Status.values, 0) | dict(rows)


def report_entries(report: Report, *, status: str = "", text: str = "") -> EntryQuerySet:
    """Return the entries of the report's revision, abnormal first, then as printed (1 query when read)."""
    entries: EntryQuerySet = report.entries.filter(revision=report.revision)  # type: ignore[attr-defined]
    if status:
        entries = entries.filter(status=status)
    if text:
        entries = entries.filter(name__icontains=text)
    return entries.select_related("characteristic").order_by(ABNORMAL_FIRST, "position")


def import_logs(report: Report) -> list[Any]:
    """Return which files brought the revisions, newest first (1 query)."""
    logs = report.import_logs.select_related("imported_by")  # type: ignore[attr-defined]
    return list(logs.order_by("-revision"))


# --- entries --------------------------------------------------------------------------------


def find_entry(user: Viewer, kind: Kind, report_id: int, pk: int) -> Any | None:
    """Return one entry with its report, company, part and characteristic, or None (1 query)."""
    entries = kind.entry_model.objects.filter(
        pk=pk, report_id=report_id, report__in=visible_reports(user, kind)
    )
    related = ("report__part", f"report__{kind.party_field}", "characteristic", "edited_by", "limits__author")
    return entries.select_related(*related).first()


def abnormal_entries(entry: ReportEntry) -> list[tuple[int, str]]:
    """Return key and name of the abnormal entries of the same revision, as printed (1 query)."""
    siblings = KINDS[entry.KIND].entry_model.objects.filter(
        report=entry.report_id, revision=entry.revision, status=Status.ABNORMAL
    )
    return list(siblings.order_by("position").values_list("pk", "name"))


def lot_history(user: Viewer, kind: Kind, characteristic: Characteristic, *, lots: int = 40) -> list[Any]:
    """Return the current entries of a characteristic over its latest lots, the oldest first. 1 query."""
    entries = (
        kind.entry_model.objects.current()
        .filter(characteristic=characteristic, report__in=visible_reports(user, kind))
        .select_related("report")
        .order_by(F("report__inspected_on").desc(nulls_last=True), "-report_id")[:lots]
    )
    return list(entries)[::-1]


def current_entry(entry: ReportEntry) -> Any | None:
    """Return the entry that took this one's place in the report's revision, or None (1 query)."""
    return (
        KINDS[entry.KIND]
        .entry_model.objects.current()
        .filter(report=entry.report_id, characteristic=entry.characteristic_id)
        .first()
    )


def messages_about(entry: ReportEntry, *, subjects: tuple[str, str]) -> list[Notification]:
    """Return the messages that told of an entry, alone or in its report's summary (1 query).

    `subjects` are the names of the entry and of its report in messages. Of a summary in many parts
    only the one counts whose payload carries the entry's link; the texts themselves stay unread.
    """
    own, report = subjects
    # The bracket ends the link, so that entry 38 is not found in the link to entry 380.
    named = Q(subject=report, payload__contains=f"{entry.get_absolute_url()})")
    found = Notification.objects.filter(Q(subject=own) | named).defer("content", "payload")
    return list(found.order_by("created_at", "pk"))


def judgement_defaults() -> JudgementDefaults:
    """Return the settings of characteristics that say nothing themselves (1 query)."""
    return JudgementDefaults.objects.filter(pk=1).first() or JudgementDefaults(pk=1)


# --- dispositions ---------------------------------------------------------------------------


def dispositions_of(report: Report) -> list[Disposition]:
    """Return the dispositions of a report with their history, newest first (2 queries)."""
    found = Disposition.objects.of(report).select_related("proposed_by", "outgoing")
    rows = list(found.prefetch_related("events__actor"))
    for row in rows:
        setattr(row, report_field(report.KIND), report)
    return rows


def find_disposition(report: Report, pk: int) -> Disposition | None:
    """Return one disposition of a report, or None (1 query)."""
    found: Disposition | None = (
        Disposition.objects.of(report).select_related("outgoing").filter(pk=pk).first()
    )
    if found is not None:
        setattr(found, report_field(report.KIND), report)
    return found


def latest_dispositions(user: Viewer, kind: Kind, reports: Iterable[Report]) -> dict[int, Disposition]:
    """Return the newest disposition of the present revision of each report, by report (1 query).

    None for whom the role does not let see dispositions.
    """
    revisions = {report.pk: report.revision for report in reports}
    if not revisions or not user.has_perm("quality.view_disposition"):  # type: ignore[union-attr]
        return {}
    column = f"{report_field(kind.code)}_id"
    rows = Disposition.objects.filter(**{f"{column}__in": list(revisions)}).select_related("outgoing")
    return {
        getattr(row, column): row
        for row in rows.order_by("pk")
        if row.revision == revisions[getattr(row, column)]
    }


def conceded(report: Report) -> dict[int, str]:
    """Return what is accepted as it is: by characteristic the digest of what was decided on (1 query)."""
    rows = Disposition.objects.of(report).filter(
        decision=Decision.CONCESSION, state=DispositionState.GRANTED, revision=report.revision
    )
    return {
        one["characteristic"]: one["digest"]
        for covers in rows.order_by("pk").values_list("covers", flat=True)
        for one in covers
    }


def failed_characteristics(report: Report) -> list[tuple[int, str]]:
    """Return key and name of the characteristics that a disposition may speak of, as printed (1 query)."""
    entries = report.entries.filter(  # type: ignore[attr-defined]
        revision=report.revision, status__in=(Status.ABNORMAL, Status.ERROR)
    )
    return list(entries.order_by("position").values_list("characteristic_id", "name"))


def digest_of(entry: ReportEntry) -> str:
    """Return what names the values and limits of an entry: a decision about them holds for no others."""
    facts = [entry.values, entry.lsl, entry.usl, entry.nominal, entry.spec]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _handled(reports: QuerySet[Any], kind: Kind, handled: str) -> QuerySet[Any]:
    """Narrow reports by what was decided about their present revision."""
    own = Disposition.objects.filter(
        **{report_field(kind.code): OuterRef("pk")}, revision=OuterRef("revision")
    ).order_by()
    granted = own.filter(state=DispositionState.GRANTED)
    match handled:
        case Handled.NOT_YET:
            pending = own.filter(state__in=(*OPEN_DISPOSITIONS, DispositionState.GRANTED))
            return reports.filter(~Exists(pending), status=Status.ABNORMAL)
        case Handled.OPEN:
            return reports.filter(Exists(own.filter(state__in=OPEN_DISPOSITIONS)))
        case Handled.CONCESSION:
            return reports.filter(Exists(granted.filter(decision=Decision.CONCESSION)))
    return reports.filter(Exists(granted))


# --- the dashboard --------------------------------------------------------------------------


@dataclass(slots=True)
class Day:
    """What was imported on one day, and how it was judged."""

    on: date
    reports: int = 0
    abnormal_reports: int = 0
    abnormal_entries: int = 0
    judged: int = 0
    passed_first: int = 0

    def add(self, other: Day) -> None:
        """Add another day's numbers to this one."""
        self.reports += other.reports
        self.abnormal_reports += other.abnormal_reports
        self.abnormal_entries += other.abnormal_entries
        self.judged += other.judged
        self.passed_first += other.passed_first


def days(user: Viewer, *, since: date, until: date) -> list[Day]:
    """Return every day from `since` to `until`, all kinds together (1 query per kind)."""
    found = {
        since + timedelta(days=offset): Day(since + timedelta(days=offset))
        for offset in range((until - since).days + 1)
    }
    for kind in visible_kinds(user):
        rows = (
            visible_reports(user, kind)
            .filter(created_at__gte=_local_midnight(since))
            .order_by()
            .values(on=TruncDate("created_at"))
            .annotate(
                reports=Count("pk"),
                abnormal_reports=Count("pk", filter=Q(status=Status.ABNORMAL)),
                abnormal_entries=Sum("abnormal_count"),
                judged=Count("pk", filter=_JUDGED),
                passed_first=Count("pk", filter=Q(status=Status.NORMAL, revision=1)),
            )
        )
        for row in rows:
            if row["on"] in found:
                found[row["on"]].add(Day(**row))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class LotCapability:
    """The lowest CPK (all values' standard deviation) of one lot."""

    report_id: int
    lot: str
    part_name: str
    status: str
    lowest: float | None


@dataclass(frozen=True, slots=True)
class SupplierLots:
    """One supplier's last lots, oldest first."""

    name: str
    lots: Sequence[LotCapability]

    @property
    def worst(self) -> float:
        return min((lot.lowest for lot in self.lots if lot.lowest is not None), default=float("inf"))


def capability_matrix(user: Viewer, *, suppliers: int, lots: int, since: date) -> list[SupplierLots]:
    """Return the last lots of the suppliers who delivered last, the worst supplier first (2 queries)."""
    newest_first = Window(
        RowNumber(), partition_by=F("supplier_id"), order_by=(F("created_at").desc(), F("pk").desc())
    )
    rows = (
        visible_reports(user, IQC)
        .filter(created_at__gte=_local_midnight(since))
        .annotate(place=newest_first)
        .filter(place__lte=lots)
        .order_by("-created_at", "-pk")
        .values_list("pk", "supplier__name", "lot", "part__name", "status")
    )
    by_supplier: dict[str, list[tuple[int, str, str, str]]] = defaultdict(list)
    for pk, supplier, lot, part_name, status in rows:
        if supplier in by_supplier or len(by_supplier) < suppliers:
            by_supplier[supplier].append((pk, lot, part_name, status))
    lowest = _lowest_cpk(pk for found in by_supplier.values() for pk, *_rest in found)
    matrix = [
        SupplierLots(
            name,
            [
                LotCapability(pk, lot, part_name, status, lowest.get(pk))
                for pk, lot, part_name, status in reversed(found)
            ],
        )
        for name, found in by_supplier.items()
    ]
    return sorted(matrix, key=lambda row: (row.worst, row.name))


def _lowest_cpk(report_ids: Iterable[int]) -> dict[int, float]:
    entries = IQC.entry_model.objects.current().filter(report__in=list(report_ids))
    # SQLite gives the JSON null as the text "null", which a cast would turn into 0.
    cpk = Cast(NullIf(KT("statistics__ppk"), Value("null")), FloatField())
    return dict(entries.order_by().values_list("report_id").annotate(lowest=Min(cpk)))


@dataclass(frozen=True, slots=True)
class AbnormalCount:
    """How often a characteristic was abnormal, and where it was so last."""

    kind: str
    name: str
    part_name: str
    count: int
    report_id: int
    entry_id: int


def abnormal_characteristics(user: Viewer, *, since: datetime, limit: int) -> list[AbnormalCount]:
    """Return the characteristics that were abnormal most often since then (at most 2 queries per kind)."""
    counts: list[AbnormalCount] = []
    for kind in visible_kinds(user):
        entries = kind.entry_model.objects.current().abnormal()
        rows = list(
            entries.filter(judged_at__gte=since, report__in=visible_reports(user, kind))
            .order_by()
            .values_list("characteristic__name", "characteristic__part__name")
            .annotate(count=Count("pk"), last=Max("pk"))
            .order_by("-count", "-last")[:limit]
        )
        report_of = dict(
            entries.filter(pk__in=[last for *_rest, last in rows]).values_list("pk", "report_id")
        )
        counts += [
            AbnormalCount(kind.code, name, part_name, count, report_of[last], last)
            for name, part_name, count, last in rows
            if last in report_of
        ]
    return sorted(counts, key=lambda found: found.count, reverse=True)[:limit]


# --- parts of queries -----------------------------------------------------------------------


def _with_names(reports: QuerySet[Any], kind: Kind) -> QuerySet[Any]:
    """Join company and part, and origin and file name of the log that brought the revision."""
    current_log = FilteredRelation("import_logs", condition=Q(import_logs__revision=F("revision")))
    return reports.select_related("part", kind.party_field).annotate(
        current_log=current_log, origin=F("current_log__origin"), file_name=F("current_log__file_name")
    )


def _about(text: str, kind: Kind) -> Q:
    fields = ("lot", "report_no", "part__number", "part__name", f"{kind.party_field}__name")
    return Q(*((f"{name}__icontains", text) for name in fields), _connector=Q.OR)


def _local_midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def cpk_limit_of(entry: ReportEntry, defaults: JudgementDefaults) -> Decimal:
    """Return the limit that the entry's CPK is held against (no query)."""
    own = entry.characteristic.cpk_limit
    return defaults.cpk_limit if own is None else own
