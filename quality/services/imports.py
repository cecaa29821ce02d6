"""Import a workbook: read it, say what would happen, store it. Whole or not at all.

`parse_workbook` reads without touching a report, `preview` compares with what is stored,
`store` writes everything in one transaction. Page and commands use these three and no more.

A report is known by its company, part, lot and report number. The same content of the same
origin changes nothing; other content becomes the next revision of the report, and its older
entries stay readable.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from quality.choices import Status
from quality.importing.canonical import CANONICAL
from quality.importing.parsed import ParsedEntry, ParsedReport, ParsedWorkbook, Problem
from quality.importing.profiles import Profile, ProfileError
from quality.importing.read import read_workbook
from quality.kinds import Kind
from quality.models import Characteristic, ImportProfile, Part
from quality.models.reports import Report, ReportEntry
from spc_site.bulk import collector_paused, insert_many
from spc_site.errors import AppError
from spc_site.lib.sheets import WorkbookError, read_bytes
from spc_site.lib.text import tidy
from spc_site.uploads import keep_imported

log = logging.getLogger("quality.imports")

_ATTEMPTS = 3
"""How often a store that another process crossed is tried again; the second time it finds the rows."""
_HEADER = ("report_no", "quantity", "sample_size", "inspector", "drawing")
_Characteristics: TypeAlias = "dict[tuple[str, int], int]"
"""Key and subgroup size of characteristics, by name and occurrence. Rows, not instances: they are many."""
_PRINTED_MARKS = "marks"


class Outcome(StrEnum):
    """What an import does, or would do, with one report."""

    NEW = "new"
    REVISED = "revised"
    SAME = "same"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference from the stored revision: an item that came, went, or reads differently.

    `what` is a field of the entry or of the report (then `item` is blank), the number of a
    sample, or `added` and `removed` for a whole item.
    """

    item: str
    what: str
    old: str = ""
    new: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen, or happened, to one report of a workbook.

    `report_id` is the stored report, None while it is not there yet; `revision` is the one that
    the import makes, or finds.
    """

    report: ParsedReport
    outcome: Outcome
    revision: int
    report_id: int | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did with one workbook, report by report."""

    parsed: ParsedWorkbook
    reports: tuple[Planned, ...]
    correlation_id: str = ""

    def count(self, outcome: Outcome) -> int:
        return sum(planned.outcome == outcome for planned in self.reports)


def profiles(kind: Kind, *, name: str | None = None) -> list[Profile]:
    """Return the layouts to try, in order; only the named one if a name is given. One query.

    Raises
    ------
    AppError
        `unknown_profile` naming the known ones, or `bad_profile` for a row that is no layout.
    """
    rows = list(ImportProfile.objects.filter(is_active=True, kind__in=["", kind.code]))
    if name is not None:
        known = [row.name for row in rows] or [CANONICAL.name]
        rows = [row for row in rows if row.name == name]
        if not rows and name != CANONICAL.name:
            raise AppError(
                "unknown_profile",
                _("没有名为“%(name)s”的版式。可用的有：%(known)s。")
                % {"name": name, "known": "、".join(known)},
            )
    try:
        return [Profile.from_json(row.name, row.layout) for row in rows] or [CANONICAL]
    except ProfileError as error:
        raise AppError("bad_profile", _("版式数据有误：%(error)s") % {"error": error}) from error


@collector_paused()
def parse_workbook(
    source: Path | bytes, *, kind: Kind, file_name: str = "", profile: str | None = None
) -> ParsedWorkbook:
    """Read a workbook. It has reports, or problems; nothing is stored.

    Raises AppError for an unknown profile. One query.
    """
    file_name = file_name or (source.name if isinstance(source, Path) else "")
    layouts = profiles(kind, name=profile)
    try:
        data = read_bytes(source) if isinstance(source, Path) else source
    except WorkbookError as error:
        problem = Problem(error.code, params=error.params)
    except OSError as error:
        problem = Problem("unreadable", params={"reason": error.strerror or str(error)})
    else:
        return read_workbook(data, kind=kind.code, file_name=file_name, profiles=layouts)
    return ParsedWorkbook(kind.code, file_name, content_hash="", problems=[problem])


def preview(parsed: ParsedWorkbook, *, kind: Kind, origin: str) -> ImportResult:
    """Say what storing a workbook would do; changes nothing. A few queries per report."""
    _check(parsed, kind, origin)
    known = _known(parsed, kind, origin)
    if known is not None:
        return ImportResult(parsed, known)
    return ImportResult(
        parsed, tuple(_plan(report, _find(report, kind), kind, origin) for report in parsed.reports)
    )


@collector_paused()
def store(parsed: ParsedWorkbook, *, kind: Kind, origin: str, user: User | None = None) -> ImportResult:
    """Store every report of a workbook in one transaction, and ring for their judgement.

    Any number of processes may store the same workbook at once: one of them writes, the others
    find it known.

    Raises
    ------
    AppError
        `has_problems` for a workbook that is not clean, `wrong_origin`.
    """
    _check(parsed, kind, origin)
    # A file without rows harms nobody, rows without their file do.
    keep_imported(parsed.data, parsed.content_hash, parsed.file_name)
    correlation_id = uuid.uuid4().hex
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with transaction.atomic():
                known = _known(parsed, kind, origin)
                stored = (
                    known
                    if known is not None
                    else tuple(
                        _store_report(parsed, report, kind, origin, user, correlation_id)
                        for report in parsed.reports
                    )
                )
            break
        except IntegrityError:
            # Another process stored the same company, part, report or file meanwhile.
            if attempt == _ATTEMPTS:
                raise
    for planned in stored:
        log.info(
            "import %s: %s report %s revision %d %s, %d entries",
            correlation_id, kind.code, planned.report_id, planned.revision, planned.outcome,
            len(planned.report.entries),
        )  # fmt: skip
    return ImportResult(parsed, stored, correlation_id)


# --- checks and comparison --------------------------------------------------------------------


def _check(parsed: ParsedWorkbook, kind: Kind, origin: str) -> None:
    if origin not in kind.origins:
        raise AppError(
            "wrong_origin", _("来源“%(origin)s”不适用于 %(kind)s。") % {"origin": origin, "kind": kind.code}
        )
    if not parsed.is_clean or parsed.kind != kind.code:
        raise AppError(
            "has_problems", _("文件有 %(count)d 处问题，不能导入。") % {"count": len(parsed.problems)}
        )


def _known(parsed: ParsedWorkbook, kind: Kind, origin: str) -> tuple[Planned, ...] | None:
    """Return where this very content is stored already, None if it is not. One query."""
    logs = {
        entry.block: entry
        for entry in kind.log_model.objects.filter(content_hash=parsed.content_hash, origin=origin)
    }
    if not logs:
        return None
    any_log = next(iter(logs.values()))
    return tuple(
        Planned(
            report,
            Outcome.KNOWN,
            revision=logs.get(report.block, any_log).revision,
            report_id=logs.get(report.block, any_log).report_id,
        )
        for report in parsed.reports
    )


def _find(report: ParsedReport, kind: Kind) -> Any:
    """Return the stored report of this identity, None if there is none. One query."""
    return kind.report_model.objects.filter(
        **{f"{kind.party_field}__name": report[kind.party_field]},
        part__number=report["part_number"],
        lot=report["lot"],
        report_no=report["report_no"],
    ).first()


def _plan(report: ParsedReport, existing: Any, kind: Kind, origin: str) -> Planned:
    """Compare a parsed report with the stored one. Two queries if there is one."""
    if existing is None:
        return Planned(report, Outcome.NEW, revision=1)
    entries = list(
        kind.entry_model.objects.filter(report=existing, revision=existing.revision)
        .select_related("characteristic")
        .order_by("position")
    )
    changes = (*_header_changes(report, existing), *_entry_changes(report, entries))
    latest = existing.import_logs.order_by("-revision").first()
    if not changes and latest is not None and latest.origin == origin:
        return Planned(report, Outcome.SAME, existing.revision, existing.pk)
    return Planned(report, Outcome.REVISED, existing.revision + 1, existing.pk, changes)


def _header_changes(report: ParsedReport, existing: Report) -> list[Change]:
    pairs = [(key, getattr(existing, key), report[key]) for key in _HEADER]
    old_day = existing.inspected_on.isoformat() if existing.inspected_on else ""
    pairs.append(("inspected_on", old_day, report["inspected_on"]))
    return [Change("", key, old, new) for key, old, new in pairs if old != new]


def _entry_changes(report: ParsedReport, entries: Sequence[ReportEntry]) -> list[Change]:
    stored = {(entry.name, entry.characteristic.occurrence): entry for entry in entries}
    changes: list[Change] = []
    for parsed in report.entries:
        entry = stored.pop((parsed.name, parsed.occurrence), None)
        if entry is None:
            changes.append(Change(parsed.name, "added", new=parsed.spec))
            continue
        for field in ("item_no", "spec", "nominal", "lsl", "usl", "unit", "gauge", "position"):
            old, new = str(getattr(entry, field)), str(getattr(parsed, field))
            if old != new:
                changes.append(Change(parsed.name, field, old, new))
        length = max(len(entry.values), len(parsed.values))
        for number, (old_value, new_value) in enumerate(
            zip(_padded(entry.values, length), _padded(parsed.values, length), strict=True), start=1
        ):
            if old_value != new_value:
                changes.append(Change(parsed.name, str(number), old_value or "", new_value or ""))
    changes.extend(Change(entry.name, "removed", old=entry.spec) for entry in stored.values())
    return changes


def _padded(values: Sequence[str | None], length: int) -> list[str | None]:
    return [*values, *[None] * (length - len(values))]


# --- writing ----------------------------------------------------------------------------------


def _store_report(
    parsed: ParsedWorkbook,
    report: ParsedReport,
    kind: Kind,
    origin: str,
    user: User | None,
    correlation_id: str,
) -> Planned:
    """Write one report; the number of queries does not depend on the number of its entries."""
    party, _created = kind.party_model._default_manager.get_or_create(name=report[kind.party_field])
    part = _part(report)
    identity = {kind.party_field: party, "part": part, "lot": report["lot"], "report_no": report["report_no"]}
    row = kind.report_model.objects.select_for_update().filter(**identity).first()
    if row is not None:
        # The lock may have waited for another process that was storing this very file.
        done = row.import_logs.filter(
            content_hash=parsed.content_hash, origin=origin, block=report.block
        ).first()
        if done is not None:
            return Planned(report, Outcome.KNOWN, done.revision, row.pk)
    planned = _plan(report, row, kind, origin)
    if planned.outcome == Outcome.SAME:
        return planned
    if row is None:
        row = kind.report_model(**identity)
        kind.report_model.objects.bulk_create([row])  # sends no signal: the entries are still to come
    for key in _HEADER:
        setattr(row, key, report[key])
    row.inspected_on = date.fromisoformat(report["inspected_on"]) if report["inspected_on"] else None
    row.revision = planned.revision
    insert_many(_entries(report, row, part, kind))
    kind.log_model.objects.create(
        report=row,
        revision=row.revision,
        origin=origin,
        file_name=parsed.file_name[-255:],
        content_hash=parsed.content_hash,
        sheet=tidy(report.sheet)[:64],
        block=report.block,
        profile=parsed.profile,
        entry_count=len(report.entries),
        correlation_id=correlation_id,
        imported_by=user,
    )
    row.status, row.entry_count, row.abnormal_count, row.judged_at = (
        Status.PENDING,
        len(report.entries),
        0,
        None,
    )
    row.save()  # its post_save rings for the judgement of the whole report
    return Planned(report, planned.outcome, row.revision, row.pk, planned.changes)


def _part(report: ParsedReport) -> Part:
    """Return the part of a report, made on sight; its name is the one that the last report printed."""
    known = {"name": report["part_name"] or report["part_number"]}
    if report["drawing"]:
        known["drawing"] = report["drawing"]
    part, created = Part.objects.get_or_create(number=report["part_number"], defaults=known)
    if not created:
        changed = [key for key, value in known.items() if getattr(part, key) != value]
        for key in changed:
            setattr(part, key, known[key])
        if changed:
            part.save(update_fields=changed)
    return part


def _entries(report: ParsedReport, row: Any, part: Part, kind: Kind) -> list[ReportEntry]:
    characteristics = _characteristics(part, report.entries)
    printed_size = int(report["subgroup_size"] or 1)
    entries = []
    for parsed in report.entries:
        entries.append(
            kind.entry_model(
                report_id=row.pk,
                revision=row.revision,
                position=parsed.position,
                characteristic_id=characteristics[parsed.name, parsed.occurrence],
                item_no=parsed.item_no,
                name=parsed.name,
                spec=parsed.spec,
                nominal=parsed.nominal,
                lsl=parsed.lsl,
                usl=parsed.usl,
                unit=parsed.unit,
                gauge=parsed.gauge,
                subgroup_size=printed_size,
                values=parsed.values,
                printed=parsed.printed | ({_PRINTED_MARKS: parsed.marks} if parsed.marks else {}),
                source=parsed.source,
            )
        )
    return entries


def _characteristics(part: Part, entries: Sequence[ParsedEntry]) -> _Characteristics:
    """Return the characteristics that entries speak of; missing ones are made. Three queries."""
    known = _known_characteristics(part)
    missing = [entry for entry in entries if (entry.name, entry.occurrence) not in known]
    if not missing:
        return known
    insert_many(
        [
            Characteristic(
                part_id=part.pk,
                name=entry.name,
                occurrence=entry.occurrence,
                unit=entry.unit,
                decimals=entry.decimals,
                defect_class=entry.grade,
                is_special=entry.is_special,
            )
            for entry in missing
        ],
        ignore_conflicts=True,  # another report of the part may make them at the same moment
    )
    return _known_characteristics(part)


def _known_characteristics(part: Part) -> _Characteristics:
    rows = part.characteristics.values_list("name", "occurrence", "pk")
    return {(name, occurrence): pk for name, occurrence, pk in rows}
