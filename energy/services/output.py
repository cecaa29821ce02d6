"""Take in what production made: rows of a file, a request or a form. The last one for a day counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from energy.importing.output import Output
from energy.models import DeviceGroup, OutputDay
from spc_site import clock
from spc_site.bulk import upsert_many
from spc_site.errors import AppError

MOST_ROWS = 50_000


def record_output(rows: Sequence[Output], *, who: User | None, source: str) -> int:
    """Write output by day, group and product; return how many rows. One statement."""
    if len(rows) > MOST_ROWS:
        raise AppError("too_many", _("一次最多 %(count)s 行。") % {"count": MOST_ROWS})
    now = clock.now()
    with transaction.atomic():
        upsert_many(
            [
                OutputDay(
                    group_id=row.group,
                    day=row.day,
                    product=row.product,
                    amount=row.amount,
                    unit=row.unit,
                    source=source[:120],
                    who=who,
                    updated_at=now,
                )
                for row in rows
            ],
            unique=("group", "day", "product"),
            names=("amount", "unit", "source", "who", "updated_at"),
        )
    return len(rows)


def known_groups() -> dict[str, int]:
    """Return the primary keys of groups by code, and by name where only one has it. One query."""
    rows = list(DeviceGroup.objects.values_list("pk", "code", "name"))
    names = Counter(name for _pk, _code, name in rows)
    by_name = {name: pk for pk, _code, name in rows if names[name] == 1}
    return by_name | {code: pk for pk, code, _name in rows}
