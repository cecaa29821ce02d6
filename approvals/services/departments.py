"""The names of departments: a detail has their numbers alone, so WeCom is asked once and the name is kept.

Whoever cannot be asked does not stop anything: an approval without the name of its department is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings

from approvals import client
from approvals.models import Department
from spc_site import clock
from spc_site.errors import AppError

KNOWN_FOR = timedelta(days=30)
"""Departments are renamed now and then."""
UNKNOWN_FOR = timedelta(hours=6)
"""WeCom gives no name where the application may not see the department."""


def applicant_of(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return who handed an approval in, as its detail says; of several the first."""
    one = info.get("applyer")
    if isinstance(one, Mapping):
        return one
    several = info.get("batch_applyer")
    if isinstance(several, list) and several and isinstance(several[0], Mapping):
        return several[0]
    return {}


def number_of(info: Mapping[str, Any]) -> str:
    """Return the number of the applicant's department; blank where the detail has none."""
    return str(applicant_of(info).get("partyid") or "")[:64]


def name_of(number: str) -> str:
    """Return the name that is kept of a department; blank where there is none. One query."""
    names = Department.objects.filter(corp=settings.WECHAT_CORP_ID, number=number)
    return (names.values_list("name", flat=True).first() or "") if number else ""


def learn(info: Mapping[str, Any]) -> None:
    """Ask WeCom for the name of the applicant's department, where it is not known or old.

    Calls WeCom: not to be used inside a transaction. Raises nothing.
    """
    number, corp, now = number_of(info), settings.WECHAT_CORP_ID, clock.now()
    if not number.isdecimal():
        return
    known = Department.objects.filter(corp=corp, number=number).first()
    if known and now - known.asked_at < (KNOWN_FOR if known.name else UNKNOWN_FOR):
        return
    try:
        reply = client.app().department(number)
    except AppError:
        return
    found = reply.data.get("department") if reply.outcome.ok else None
    name = str(found.get("name") or "")[:120] if isinstance(found, Mapping) else ""
    values = {"asked_at": now} | ({"name": name} if name else {})
    Department.objects.update_or_create(corp=corp, number=number, defaults=values)
