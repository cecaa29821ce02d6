"""The board of missing data."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from energy.choices import CONNECTION_TONES, Connection
from energy.models import EnergyType
from energy.reading_forms import MissingFilterForm
from energy.selectors import missing
from energy.selectors.missing import MissingRow
from spc_site import clock

_PER_PAGE = 100


@permission_required("energy.view_device", raise_exception=True)
def board(request: HttpRequest) -> HttpResponse:
    """Show which meters are silent, since when, and what share of the month is estimated."""
    now = clock.now()
    found = missing.missing_board(now=now)
    form = MissingFilterForm(request.GET)
    form.is_valid()
    rows = _wanted(missing.troubled(found), form)
    page = Paginator(rows, _PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "board": found,
        "now": now,
        "form": form,
        "page": page,
        "rows": [_shown(row) for row in page.object_list],
        "is_filtered": any(request.GET.get(name) for name in form.fields),
        "can_read": request.user.has_perm("energy.add_readingbatch"),
        "section": "missing",
    }
    return render(request, "energy/missing.html", context)


def _wanted(rows: list[MissingRow], form: MissingFilterForm) -> list[MissingRow]:
    given = form.cleaned_data
    text = given.get("q", "").strip().casefold()
    energy_type = cast("EnergyType | None", given.get("energy"))
    return [
        row
        for row in rows
        if (not given.get("state") or row.device.connection == given["state"])
        and (energy_type is None or row.device.energy_type_id == energy_type.pk)
        and (
            not text or any(text in part.casefold() for part in (row.device.code, row.device.name, row.group))
        )
    ]


def _shown(row: MissingRow) -> dict[str, object]:
    state = Connection(row.device.connection)
    is_incomplete = not row.is_silent
    return {
        "device": row.device,
        "group": row.group,
        "state": _("数据不全") if is_incomplete else state.label,
        "tone": "amber" if is_incomplete else CONNECTION_TONES[state],
        "since": row.since,
        "missing": row.missing_pct,
        "estimated": row.estimated_pct,
    }
