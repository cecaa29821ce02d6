"""The search box: lot, report number, part, company, contract; one hit opens at once."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from contracts import selectors as contracts
from quality import selectors as quality
from quality.presenters import report_rows

_LIMIT = 30


def search(request: HttpRequest) -> HttpResponse:
    """Show the newest reports and contracts that match; a single one is opened directly."""
    # Scanners and Chinese keyboards type full-width digits and letters.
    text = unicodedata.normalize("NFKC", request.GET.get("q", "")).strip()
    found: list[Any] = []
    groups = []
    for kind in quality.visible_kinds(request.user):
        reports = quality.search(request.user, kind, text, limit=_LIMIT)
        found += reports
        rows = report_rows(reports, quality.latest_dispositions(request.user, kind, reports))
        groups.append({"kind": kind, "rows": rows, "is_cut": len(reports) == _LIMIT})
    papers = contracts.found(request.user, text, limit=_LIMIT)
    found += papers
    if len(found) == 1:
        return redirect(found[0])
    context = {
        "text": text,
        "groups": groups,
        "contracts": papers,
        "found": len(found),
        "limit": _LIMIT,
    }
    return render(request, "pages/search.html", context)
