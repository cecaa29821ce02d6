"""Pages of inspection: reports, one report, one entry with its chart.

What is read comes from `selectors`, what is shown from `presenters`, what is done from `services`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from alarms import selectors as alarms
from quality import pasting, presenters, selectors
from quality.choices import Status
from quality.forms import ProposalForm, ReportFilterForm
from quality.kinds import KINDS, Kind
from quality.messages import subject
from quality.models import Disposition
from quality.models.reports import ReportEntry
from quality.services import dispositions
from quality.services import entries as entry_services
from spc_site.acts import do_and_say
from spc_site.errors import AppError

_REPORTS_PER_PAGE = 50
_ENTRIES_PER_PAGE = 100
_TABS = (Status.ABNORMAL, Status.ERROR, Status.PENDING, Status.NORMAL)


def _kind_for(request: HttpRequest, code: str) -> Kind:
    """Return the kind that the address names, if the person may see it at all."""
    kind = KINDS[code]
    if not selectors.may_view(request.user, kind):
        raise PermissionDenied
    return kind


def report_list(request: HttpRequest, code: str) -> HttpResponse:
    """Show the reports of a kind, newest first, filtered."""
    kind = _kind_for(request, code)
    form = ReportFilterForm(request.GET, kind=kind, user=request.user)
    found = selectors.report_list(request.user, kind, form.wanted)
    page = Paginator(found, _REPORTS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "kind": kind,
        "form": form,
        "extra_fields": [form[name] for name in form.fields if name not in ("q", "status")],
        "page": page,
        "rows": presenters.report_rows(
            page.object_list, selectors.latest_dispositions(request.user, kind, page.object_list)
        ),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "can_import": request.user.has_perm("quality.add_iqcreport"),
    }
    return render(request, "quality/report_list.html", context)


def report(request: HttpRequest, code: str, report_id: str) -> HttpResponse:
    """Show one report: its header, its verdicts counted, its characteristics, the abnormal ones first."""
    kind, found = _find_report(request, code, report_id)
    return _report_page(request, kind, found)


@require_POST
def propose(request: HttpRequest, code: str, report_id: str) -> HttpResponse:
    """Say what is to be done with the material; a refusal shows the form again with what is wrong."""
    kind, found = _find_report(request, code, report_id)
    if not request.user.has_perm("quality.add_disposition"):
        raise PermissionDenied
    assert isinstance(request.user, User)
    form = ProposalForm(request.POST, failed=selectors.failed_characteristics(found))
    if form.is_valid():
        given = form.cleaned_data
        try:
            made = dispositions.propose(
                found,
                decision=given["decision"],
                quantity=given["quantity"],
                unit=given["unit"],
                reason=given["reason"],
                characteristics=given["characteristics"],
                expected_revision=given["revision"],
                user=request.user,
            )
        except AppError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("已提出，正在提交审批。") if made.is_starting else _("已记录处置。"))
            return redirect(made)
    return _report_page(request, kind, found, form=form)


_ACTS: dict[str, Callable[[Disposition, User, str], object]] = {
    "grant": lambda row, user, note: dispositions.decide(row, is_granted=True, user=user, note=note),
    "refuse": lambda row, user, note: dispositions.decide(row, is_granted=False, user=user, note=note),
    "retry": lambda row, user, note: dispositions.retry(row, user=user),
    "withdraw": lambda row, user, note: dispositions.withdraw(row, user=user),
}
"""What the buttons of a disposition do."""


@require_POST
def act_on_disposition(
    request: HttpRequest, code: str, report_id: str, disposition_id: str, act: str
) -> HttpResponse:
    """Do one of `_ACTS` to a disposition and return to the report."""
    _kind, found = _find_report(request, code, report_id)
    needed = "decide_disposition" if act in ("grant", "refuse") else "add_disposition"
    if not request.user.has_perm(f"quality.{needed}"):
        raise PermissionDenied
    disposition = selectors.find_disposition(found, int(disposition_id))
    if disposition is None:
        raise Http404
    user, note = request.user, request.POST.get("note", "")
    assert isinstance(user, User)
    do_and_say(request, lambda: _ACTS[act](disposition, user, note), _("已完成。"))
    return redirect(disposition)


def _find_report(request: HttpRequest, code: str, report_id: str) -> tuple[Kind, Any]:
    kind = _kind_for(request, code)
    found = selectors.find_report(request.user, kind, int(report_id))
    if found is None:
        raise Http404
    return kind, found


def _report_page(
    request: HttpRequest, kind: Kind, found: Any, *, form: ProposalForm | None = None
) -> HttpResponse:
    """Show a report; with `form` its proposal stands open with what was typed."""
    status = request.GET.get("status", "")
    status = status if status in Status.values else ""
    text = request.GET.get("q", "").strip()
    entries = selectors.report_entries(found, status=status, text=text)
    page = Paginator(entries, _ENTRIES_PER_PAGE).get_page(request.GET.get("page"))
    logs = selectors.import_logs(found)
    counts = selectors.status_counts(found)
    cards = _disposition_cards(request, found)
    # The verdict may come between the two reads: what the page shows is what it must wait by.
    is_judging = found.status == Status.PENDING or bool(counts[Status.PENDING])
    context = {
        "kind": kind,
        "report": found,
        "row": presenters.report_rows([found])[0],
        "facts": presenters.report_facts(found, logs),
        "logs": logs,
        "counts": [
            {"status": status.value, "label": status.label, "count": counts[status.value]} for status in _TABS
        ],
        "total": sum(counts.values()),
        "status": status,
        "text": text,
        "page": page,
        "rows": presenters.entry_rows(page.object_list, selectors.judgement_defaults()),
        "cards": cards,
        "proposal": form or _proposal(request, found, counts, cards),
        "is_waiting": is_judging or any(card.is_starting for card in cards),
        "is_judging": is_judging,
    }
    return render(request, "quality/report.html", context, status=422 if form else 200)


def _disposition_cards(request: HttpRequest, found: Any) -> list[presenters.DispositionCard]:
    if not request.user.has_perm("quality.view_disposition"):
        return []
    rows = selectors.dispositions_of(found)
    return presenters.disposition_cards(rows, revision=found.revision, user=request.user)


def _proposal(
    request: HttpRequest, found: Any, counts: dict[str, int], cards: Sequence[presenters.DispositionCard]
) -> ProposalForm | None:
    """Return an empty proposal where there is something to dispose of and nothing waits already."""
    is_wanted = counts[Status.ABNORMAL] + counts[Status.ERROR] and not counts[Status.PENDING]
    if not is_wanted or any(card.is_open for card in cards):
        return None
    if not request.user.has_perm("quality.add_disposition"):
        return None
    quantity, unit = dispositions.suggested_quantity(found)
    return ProposalForm(
        failed=selectors.failed_characteristics(found),
        initial={"quantity": quantity, "unit": unit, "revision": found.revision},
    )


def entry(request: HttpRequest, code: str, report_id: str, entry_id: str) -> HttpResponse:
    """Show one characteristic: what is wrong, compared with what, since when, and what to do."""
    return _entry_page(request, _find_entry(request, code, report_id, entry_id))


@require_POST
def change_values(request: HttpRequest, code: str, report_id: str, entry_id: str) -> HttpResponse:
    """Replace the values by the pasted ones; a refusal shows the text again with what is wrong."""
    found = _find_entry(request, code, report_id, entry_id)
    if not _may_change(request, found):
        raise PermissionDenied
    assert isinstance(request.user, User)
    text, version = request.POST.get("values", ""), request.POST.get("version", "")
    try:
        entry_services.change_values(
            found,
            text=text,
            user=request.user,
            expected_version=int(version) if version.isdecimal() else None,
        )
    except AppError as error:
        return _entry_page(request, found, text=text, problem=error.message)
    messages.success(request, _("数值已修改并重新判定。"))
    return redirect(found)


def _find_entry(request: HttpRequest, code: str, report_id: str, entry_id: str) -> Any:
    kind = _kind_for(request, code)
    found = selectors.find_entry(request.user, kind, int(report_id), int(entry_id))
    if found is None:
        raise Http404
    return found


def _may_change(request: HttpRequest, found: ReportEntry) -> bool:
    return request.user.has_perm(f"quality.change_{found._meta.model_name}")


def _entry_page(
    request: HttpRequest, found: Any, *, text: str | None = None, problem: str = ""
) -> HttpResponse:
    """Show an entry; with `problem` its values form stands open with what was typed."""
    report, is_current = found.report, found.revision == found.report.revision
    logs = selectors.import_logs(report)
    alarm = alarms.latest_about(request.user, subject(found))
    told = selectors.messages_about(found, subjects=(subject(found), subject(report)))
    can_act = alarm is not None and alarm.is_open and request.user.has_perm("alarms.change_alarm")
    is_abnormal = is_current and found.status == Status.ABNORMAL
    may_dispose = is_abnormal and request.user.has_perm("quality.add_disposition")
    context = {
        "kind": KINDS[found.KIND],
        "entry": found,
        "report": report,
        "shown": presenters.entry_page(found, selectors.judgement_defaults()),
        "facts": presenters.report_facts(report, logs, revision=found.revision),
        "events": presenters.timeline(found, logs=logs, alarm=alarm, messages=told),
        "siblings": presenters.siblings(found, selectors.abnormal_entries(found)),
        "alarm": alarm,
        "can_act": can_act,
        "owners": alarms.possible_owners() if can_act else [],
        "is_current": is_current,
        "current": None if is_current else selectors.current_entry(found),
        "can_change": is_current and _may_change(request, found),
        "dispose_url": f"{report.get_absolute_url()}#dispositions" if may_dispose else "",
        "values_text": pasting.to_text(found.values) if text is None else text,
        "problem": problem,
    }
    return render(request, "quality/entry.html", context, status=422 if problem else 200)
