"""Reports for programs: lists, entries with their verdicts, corrected values, imports."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import File, Form, Path, Query, Router, Schema, UploadedFile
from ninja import Status as Answer
from ninja.throttling import AuthRateThrottle
from pydantic import Field, StringConstraints

from accounts.api import REFUSALS, Cursor, Limit, ManyProblems, caller, require
from quality import presenters, selectors, wording
from quality.choices import Decision, Handled, Origin, Status
from quality.importing import wording as problems
from quality.importing.parsed import Problem
from quality.importing.wording import Language
from quality.kinds import KINDS, Kind
from quality.models import Disposition, DispositionEvent
from quality.models.reports import Report, ReportEntry
from quality.pasting import MAX_VALUES
from quality.services import dispositions, imports
from quality.services.entries import change_values
from quality.services.imports import Outcome
from spc_site.lib import sheets

router = Router(tags=["reports"])

MOST_IMPORTED = "30/m"
"""Workbooks per token and web process: reading one may take seconds."""
MOST_PROBLEMS = 200
"""Problems of a workbook told at most; a wrong column is one per row."""

KindCode = Annotated[Literal["IQC", "OQC"], Path(description="IQC 来料，OQC 出货")]
Value = Annotated[str, StringConstraints(max_length=32, pattern=r"^[^\t\r\n]*$")]


class PartyOut(Schema):
    id: int
    name: str


class PartOut(Schema):
    id: int
    number: str
    name: str


class ReportOut(Schema):
    id: int
    kind: str = Field(alias="KIND")
    party: PartyOut
    part: PartOut
    lot: str
    report_no: str
    quantity: str
    sample_size: str
    inspected_on: date | None
    inspector: str
    drawing: str
    revision: int
    origin: str
    file_name: str
    status: str
    entry_count: int
    abnormal_count: int
    judged_at: datetime | None
    created_at: datetime
    url: str

    @staticmethod
    def resolve_origin(report: Any) -> str:
        return report.origin or ""

    @staticmethod
    def resolve_file_name(report: Any) -> str:
        return report.file_name or ""

    @staticmethod
    def resolve_url(report: Report) -> str:
        return f"{settings.FRONTEND_URL}{report.get_absolute_url()}"


class ReportPage(Schema):
    items: list[ReportOut]
    next: int | None


class ReasonOut(Schema):
    code: str
    sentence: str
    data: dict[str, Any]


class EntryOut(Schema):
    """One characteristic: specification, verdict, reasons in words and as data, statistics."""

    id: int
    report_id: int
    revision: int
    position: int
    item_no: str
    name: str
    spec: str
    nominal: str
    lsl: str
    usl: str
    unit: str
    gauge: str
    subgroup_size: int
    status: str
    reasons: list[ReasonOut]
    statistics: dict[str, Any]
    version: int
    judged_at: datetime | None
    edited_at: datetime | None
    url: str

    @staticmethod
    def resolve_subgroup_size(entry: ReportEntry) -> int:
        """Return the size it was judged with, before that the one of the report."""
        return int(entry.statistics.get("subgroup_size", entry.subgroup_size))

    @staticmethod
    def resolve_reasons(entry: ReportEntry) -> list[dict[str, Any]]:
        return [
            {"code": reason["code"], "sentence": wording.reason_text(reason, entry), "data": reason}
            for reason in entry.reasons
        ]

    @staticmethod
    def resolve_url(entry: ReportEntry) -> str:
        return f"{settings.FRONTEND_URL}{entry.get_absolute_url()}"


class WarningOut(Schema):
    code: str
    sentence: str
    data: dict[str, float]


class EntryDetail(EntryOut):
    """An entry with its values: decimal text as written, `OK`, `NG`, or null where one is missing.

    `warnings` tell what about the data makes limits and indices mean little; they judge nothing.
    """

    values: list[str | None]
    warnings: list[WarningOut]

    @staticmethod
    def resolve_warnings(entry: ReportEntry) -> tuple[presenters.DataWarning, ...]:
        return presenters.data_warnings(entry)


class CoveredOut(Schema):
    characteristic: int
    name: str
    what: str


class DispositionEventOut(Schema):
    at: datetime
    state: str
    who: str
    note: str


class DispositionOut(Schema):
    """What is done with the material; `approval_no` is the number of its approval in WeCom.

    `problem` is why the approval could not be handed in; blank where nothing is wrong.
    """

    id: int
    revision: int
    decision: str
    state: str
    quantity: Decimal
    unit: str
    reason: str
    covers: list[CoveredOut]
    approval_no: str = Field(alias="sp_no")
    problem: str
    proposed_at: datetime
    decided_at: datetime | None
    history: list[DispositionEventOut]

    @staticmethod
    def resolve_problem(row: Disposition) -> str:
        return row.outgoing.error if row.outgoing is not None and row.has_failed_to_start else ""

    @staticmethod
    def resolve_history(row: Disposition) -> list[DispositionEvent]:
        return list(row.events.all())


class NewDisposition(Schema):
    """What is to be done; without `characteristics` it speaks of all that are abnormal.

    With `revision` it is refused where the report has a newer one.
    """

    decision: Decision
    quantity: Decimal = Field(gt=0, max_digits=14, decimal_places=3)
    unit: str = Field(default="", max_length=16)
    reason: str = Field(min_length=1, max_length=2000)
    characteristics: list[int] | None = Field(default=None, max_length=MAX_VALUES)
    revision: int | None = None


class EntryPage(Schema):
    items: list[EntryOut]
    next: int | None


class ImportedReport(Schema):
    """One report of a workbook: `new`, `revised`, `same` content, or `known` file."""

    report_id: int | None
    lot: str
    revision: int
    outcome: str
    entry_count: int
    changes: int
    url: str


class ImportOut(Schema):
    correlation_id: str
    profile: str
    reports: list[ImportedReport]


class NewValues(Schema):
    """All values of an entry, as text so that no digit is lost, and the version that was read."""

    values: list[Value | None] = Field(min_length=1, max_length=MAX_VALUES)
    version: int


@router.get("/{kind}", response={200: ReportPage, **REFUSALS}, summary="报告列表，最新在前")
def list_reports(
    request: HttpRequest,
    kind: KindCode,
    status: Status | None = None,
    party: int | None = None,
    origin: Origin | None = None,
    since: Annotated[date | None, Query(description="导入日期从")] = None,
    until: Annotated[date | None, Query(description="导入日期到，含当日")] = None,
    text: Annotated[str, Query(max_length=80, description="批号、编号、料号、品名或公司")] = "",
    handled: Annotated[Handled | None, Query(description="按处置筛选")] = None,
    before: Cursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    wanted = selectors.ReportFilter(
        status=status.value if status else "",
        party=party,
        origin=origin.value if origin else "",
        since=since,
        until=until,
        text=text.strip(),
        handled=handled.value if handled else "",
    )
    reports = selectors.report_list(request.user, _allowed(request, kind), wanted).order_by("-pk")
    if before is not None:
        reports = reports.filter(pk__lt=before)
    rows = list(reports[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].pk if len(rows) > limit else None}


@router.post(
    "/{kind}/imports",
    response={200: ImportOut, 201: ImportOut, **REFUSALS},
    summary="导入一个工作簿；有问题则什么都不导入，问题逐条列在 details 里",
    throttle=[AuthRateThrottle(MOST_IMPORTED)],
)
def import_workbook(
    request: HttpRequest,
    kind: KindCode,
    file: Annotated[UploadedFile, File(description=".xlsx、.xlsm、.xls")],
    origin: Annotated[Origin, Form(description="谁测量的；OQC 只有 SELF")],
    profile: Annotated[str, Form(max_length=80, description="版式名；不填则自动识别")] = "",
    is_dry_run: Annotated[bool, Form(description="只检查并说明会发生什么")] = False,
) -> Answer[dict[str, Any]]:
    one = KINDS[kind]
    require(request, f"quality.add_{one.report_model._meta.model_name}")
    # The reader refuses larger files in its own words; more than that is not even taken in.
    data = file.read(sheets.Limits().file_bytes + 1)
    parsed = imports.parse_workbook(data, kind=one, file_name=file.name or "", profile=profile or None)
    if not parsed.is_clean:
        raise ManyProblems(
            "has_problems",
            _("文件有 %(count)d 处问题，没有导入。") % {"count": len(parsed.problems)},
            [_problem(problem) for problem in parsed.problems[:MOST_PROBLEMS]],
        )
    if is_dry_run:
        return Answer(200, _outcome(imports.preview(parsed, kind=one, origin=origin.value), one))
    result = imports.store(parsed, kind=one, origin=origin.value, user=caller(request))
    is_known = all(planned.outcome == Outcome.KNOWN for planned in result.reports)
    return Answer(200 if is_known else 201, _outcome(result, one))


@router.get("/{kind}/{report_id}", response={200: ReportOut, **REFUSALS}, summary="一份报告")
def get_report(request: HttpRequest, kind: KindCode, report_id: int) -> Any:
    return _report(request, kind, report_id)


@router.get(
    "/{kind}/{report_id}/entries", response={200: EntryPage, **REFUSALS}, summary="报告的项目，按行序"
)
def list_entries(
    request: HttpRequest,
    kind: KindCode,
    report_id: int,
    status: Status | None = None,
    revision: Annotated[int | None, Query(ge=1, description="不填为当前修订")] = None,
    after: Annotated[int | None, Query(description="上一页的 next；不填从第一行开始")] = None,
    limit: Limit = 200,
) -> dict[str, Any]:
    report = _report(request, kind, report_id)
    entries = report.entries.filter(revision=revision or report.revision).order_by("position")
    if status:
        entries = entries.filter(status=status.value)
    if after is not None:
        entries = entries.filter(position__gt=after)
    rows = list(entries[: limit + 1])
    return {"items": rows[:limit], "next": rows[limit - 1].position if len(rows) > limit else None}


@router.get(
    "/{kind}/{report_id}/entries/{entry_id}",
    response={200: EntryDetail, **REFUSALS},
    summary="一个项目及其测量值",
)
def get_entry(request: HttpRequest, kind: KindCode, report_id: int, entry_id: int) -> Any:
    return _entry(request, kind, report_id, entry_id)


@router.get(
    "/{kind}/{report_id}/dispositions",
    response={200: list[DispositionOut], **REFUSALS},
    summary="报告的处置，最新在前",
)
def list_dispositions(request: HttpRequest, kind: KindCode, report_id: int) -> list[Disposition]:
    require(request, "quality.view_disposition")
    return selectors.dispositions_of(_report(request, kind, report_id))


@router.post(
    "/{kind}/{report_id}/dispositions",
    response={201: DispositionOut, **REFUSALS},
    summary="提出处置；让步接收由此发起企业微信审批，发起人是令牌的用户",
)
def propose_disposition(
    request: HttpRequest, kind: KindCode, report_id: int, new: NewDisposition
) -> Answer[Disposition]:
    require(request, "quality.add_disposition")
    made = dispositions.propose(
        _report(request, kind, report_id),
        decision=new.decision.value,
        quantity=new.quantity,
        unit=new.unit,
        reason=new.reason,
        characteristics=new.characteristics,
        expected_revision=new.revision,
        user=caller(request),
    )
    return Answer(201, made)


@router.patch(
    "/{kind}/{report_id}/entries/{entry_id}",
    response={200: EntryDetail, **REFUSALS},
    summary="改正一个项目的测量值，立即重新判定",
)
def patch_entry(
    request: HttpRequest, kind: KindCode, report_id: int, entry_id: int, new: NewValues
) -> ReportEntry:
    entry = _entry(request, kind, report_id, entry_id)
    require(request, f"quality.change_{entry._meta.model_name}")
    text = "\t".join(value or "" for value in new.values)
    return change_values(entry, text=text, user=caller(request), expected_version=new.version)


def _problem(problem: Problem) -> tuple[str, str]:
    language: Language = "en" if get_language() == "en" else "zh"
    return problems.place(problem, language), problems.sentence(problem, language)


def _outcome(result: imports.ImportResult, kind: Kind) -> dict[str, Any]:
    return {
        "correlation_id": result.correlation_id,
        "profile": result.parsed.profile,
        "reports": [
            {
                "report_id": planned.report_id,
                "lot": planned.report["lot"],
                "revision": planned.revision,
                "outcome": planned.outcome.value,
                "entry_count": len(planned.report.entries),
                "changes": len(planned.changes),
                "url": _report_url(kind, planned.report_id),
            }
            for planned in result.reports
        ],
    }


def _report_url(kind: Kind, report_id: int | None) -> str:
    if report_id is None:
        return ""
    return f"{settings.FRONTEND_URL}{reverse('quality:report', args=[kind.code, report_id])}"


def _allowed(request: HttpRequest, code: str) -> Kind:
    kind = KINDS[code]
    require(request, f"quality.view_{kind.report_model._meta.model_name}")
    return kind


def _report(request: HttpRequest, code: str, report_id: int) -> Any:
    report = selectors.find_report(request.user, _allowed(request, code), report_id)
    if report is None:
        raise Http404
    return report


def _entry(request: HttpRequest, code: str, report_id: int, entry_id: int) -> Any:
    entry = selectors.find_entry(request.user, _allowed(request, code), report_id, entry_id)
    if entry is None:
        raise Http404
    return entry
