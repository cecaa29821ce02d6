"""Rows for tests: plain functions with sensible defaults. Nothing here judges, sends or enqueues."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from notifications.choices import State
from notifications.models import Notification
from quality.choices import Origin, Status
from quality.kinds import IQC, Kind
from quality.models import Characteristic, Part
from quality.models.reports import Report, ReportEntry

_numbers = count(1)

GOOD = [
    *("10.01", "9.99", "10.00", "10.02", "9.98", "10.00", "10.01", "9.99"),
    *("10.00", "10.01", "9.99", "10.00", "10.02", "9.98", "10.01", "10.00"),
]
"""Values that a specification of 10 ± 0.1 is content with."""


def person(*roles: str, username: str = "", is_staff: bool = True, **fields: Any) -> User:
    """A user with roles of `accounts.roles`, by their names."""
    user = User.objects.create_user(username or f"person{next(_numbers)}", is_staff=is_staff, **fields)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def permissions(*codenames: str) -> list[Permission]:
    """Permissions by their code names, for a person with no role."""
    found = list(Permission.objects.filter(codename__in=codenames))
    assert len(found) == len(codenames), f"not all of {codenames} exist once"
    return found


def superuser(username: str = "") -> User:
    return User.objects.create_superuser(username or f"root{next(_numbers)}")


def party(kind: Kind = IQC, name: str = "") -> Any:
    """The supplier or customer of that name."""
    return kind.party_model._default_manager.get_or_create(name=name or f"公司{next(_numbers)}")[0]


def part(number: str = "", name: str = "活塞环") -> Part:
    return Part.objects.create(number=number or f"PR-{next(_numbers)}", name=name)


def characteristic(of: Part | None = None, name: str = "", **fields: Any) -> Characteristic:
    return Characteristic.objects.create(part=of or part(), name=name or f"内径{next(_numbers)}", **fields)


def report(
    kind: Kind = IQC, *, entries: int = 0, origin: str = Origin.SUPPLIER, lot: str = "", **fields: Any
) -> Any:
    """A report with its import log and so many good entries that wait for their verdict."""
    number = next(_numbers)
    if kind.party_field not in fields:
        fields[kind.party_field] = party(kind)
    if "part" not in fields:
        fields["part"] = part()
    row = kind.report_model.objects.create(lot=lot or f"B{number:05}", entry_count=entries, **fields)
    import_log(row, origin=origin)
    for _each in range(entries):
        entry(row)
    return row


def import_log(of: Report, *, origin: str = Origin.SUPPLIER, **fields: Any) -> Any:
    """The log of the file that brought the report's present revision."""
    number = next(_numbers)
    return of.import_logs.create(  # type: ignore[attr-defined]
        revision=of.revision,
        origin=origin,
        file_name=f"report{number}.xlsx",
        content_hash=f"{number:064}",
        **fields,
    )


def entry(of: Report, *, values: Sequence[str | None] = GOOD, **fields: Any) -> ReportEntry:
    """An entry of 10 ± 0.1 at the end of the report's present revision."""
    number = next(_numbers)
    fields = {"name": f"内径{number}", "spec": "10±0.1", "lsl": "9.9", "usl": "10.1", "unit": "mm"} | fields
    if "characteristic" not in fields:
        fields["characteristic"] = characteristic(of.part, fields["name"])
    return of.entries.create(  # type: ignore[attr-defined]
        revision=of.revision,
        position=of.entries.count() + 1,
        values=list(values),
        **fields,  # type: ignore[attr-defined]
    )


def abnormal_entry(of: Report, **fields: Any) -> ReportEntry:
    """An entry that was judged: one value above the upper limit."""
    values = [*GOOD[:-1], "10.30"]
    reason = {
        "code": "out_of_spec",
        "side": "upper",
        "points": [len(values) - 1],
        "values": ["10.30"],
        "limit": "10.1",
        "limits": ["9.9", "10.1"],
    }
    statistics = {"n": len(values), "mean": 10.0194, "ppk": 0.36, "missing": {}}
    fields = {"reasons": [reason], "statistics": statistics, "judged_version": 1} | fields
    return entry(of, values=values, status=Status.ABNORMAL, judged_at=timezone.now(), **fields)


def notification(status: str = State.PENDING, **fields: Any) -> Notification:
    number, now = next(_numbers), timezone.now()
    fields = {
        "message_id": f"m{number}",
        "title": f"消息{number}",
        "content": "### IQC 异常\n- **供应商**: 甲",
        "channel": "wechat_bot",
        "target": "IQC",
        "next_at": now,
        "due_at": now,
    } | fields
    return Notification.objects.create(status=status, **fields)
