"""What an import would do, or did: per file its problems by cell, or its reports with every change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality.importing import wording
from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY
from quality.importing.parsed import ParsedWorkbook
from quality.kinds import Kind
from quality.services.imports import Change, ImportResult, Outcome, Planned
from spc_site.uploads import language

_SHOWN_CHANGES = 60
_SHOWN_PROBLEMS = 200

OUTCOMES: dict[Outcome, tuple[Promise, str]] = {
    Outcome.NEW: (gettext_lazy("新报告"), "blue"),
    Outcome.REVISED: (gettext_lazy("更正为新修订"), "amber"),
    Outcome.SAME: (gettext_lazy("内容相同，不变"), "grey"),
    Outcome.KNOWN: (gettext_lazy("此文件已导入过，不变"), "grey"),
}


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """One thing that keeps a file out: where, and what to do."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One difference from what is stored."""

    item: str
    what: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One report of a file, and what happens to it; `url` leads to the stored one."""

    outcome: str
    tone: str
    party: str
    part: str
    lot: str
    report_no: str
    entries: int
    revision: int
    changes: Sequence[ChangeRow]
    more_changes: int
    url: str


@dataclass(frozen=True, slots=True)
class FileView:
    """One file: problems, or reports."""

    name: str
    number: int
    problems: Sequence[ProblemRow]
    problem_count: int
    reports: Sequence[PlannedRow]
    skipped_sheets: Sequence[str]
    writes: bool

    @property
    def more_problems(self) -> int:
        return self.problem_count - len(self.problems)


def refused_file(parsed: ParsedWorkbook, number: int) -> FileView:
    """Present a file that imports nothing."""
    shown = [
        ProblemRow(wording.place(problem, language()), wording.sentence(problem, language()))
        for problem in parsed.problems[:_SHOWN_PROBLEMS]
    ]
    return FileView(parsed.file_name, number, shown, len(parsed.problems), (), (), writes=False)


def planned_file(result: ImportResult, number: int, kind: Kind) -> FileView:
    """Present a file with its reports."""
    writes = any(planned.outcome in (Outcome.NEW, Outcome.REVISED) for planned in result.reports)
    rows = [_planned(planned, kind) for planned in result.reports]
    parsed = result.parsed
    return FileView(parsed.file_name, number, (), 0, rows, parsed.skipped_sheets, writes=writes)


def _planned(planned: Planned, kind: Kind) -> PlannedRow:
    report, (word, tone) = planned.report, OUTCOMES[planned.outcome]
    is_there = planned.report_id is not None
    return PlannedRow(
        outcome=str(word),
        tone=tone,
        party=report[kind.party_field],
        part=" ".join(part for part in (report["part_name"], report["part_number"]) if part),
        lot=report["lot"],
        report_no=report["report_no"],
        entries=len(report.entries),
        revision=planned.revision,
        changes=[_change(change) for change in planned.changes[:_SHOWN_CHANGES]],
        more_changes=max(0, len(planned.changes) - _SHOWN_CHANGES),
        url=reverse("quality:report", args=[kind.code, planned.report_id]) if is_there else "",
    )


def _change(change: Change) -> ChangeRow:
    if not change.what:
        what = _("新增项目") if change.new and not change.old else _("删去项目")
        if not change.new and not change.old:
            what = _("项目")
    elif change.what.isdecimal():
        what = _("样本 %(number)s") % {"number": change.what}
    else:
        column = (FIELD_BY_KEY if not change.item else COLUMN_BY_KEY).get(change.what)
        title = None if column is None else column.english if language() == "en" else column.title
        what = title or _("行序")
    return ChangeRow(change.item or _("报告抬头"), what, change.old, change.new)
