"""Correct one entry by hand: judged at once, told at once, with the name of who did it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.people import name_of
from quality import pasting
from quality.choices import Status
from quality.kinds import KINDS
from quality.models.reports import ReportEntry
from quality.services.judgement import judge_entry
from spc_site.errors import AppError, Conflict

_SENTENCES = {
    "not_a_number": gettext_lazy("不是数字"),
    "comma_decimal": gettext_lazy("小数点请用“.”，不要用逗号"),
    "censored": gettext_lazy("不能带 < 或 > 号，请填实测值"),
    "too_long": gettext_lazy("位数过多"),
    "too_many": gettext_lazy("数值过多，最多 1000 个"),
    "mixed": gettext_lazy("同一项目不能既有数字又有 OK/NG"),
}


def change_values(
    entry: ReportEntry, *, text: str, user: User, expected_version: int | None = None
) -> ReportEntry:
    """Replace the measured values of a current entry by pasted text; return it as judged.

    Raises AppError naming every value that cannot be read, and Conflict when the entry was
    changed since `expected_version` was read or belongs to a superseded revision.
    """
    try:
        values = pasting.parse(text, entry.unit)
    except pasting.PasteError as error:
        raise AppError("bad_values", "；".join(bad_value_lines(error))) from error
    if not any(value is not None for value in values):
        raise AppError("no_values", _("没有测量值：请至少填一个。"))
    with transaction.atomic():
        model = KINDS[entry.KIND].entry_model
        locked = model.objects.select_for_update().select_related("report").get(pk=entry.pk)
        if locked.revision != locked.report.revision:
            raise Conflict(_("这是旧修订的数据，不能修改；请打开当前修订。"))
        if expected_version is not None and locked.version != expected_version:
            raise Conflict(_("别人刚刚修改了这一项，请刷新后再改。"))
        if values == locked.values:
            return locked
        now, name = timezone.now(), name_of(user)
        locked.history = [
            *locked.history,
            {
                "version": locked.version,
                "values": locked.values,
                "until": now.isoformat(),
                "changed_by": name,
            },
        ]
        locked.values = values
        locked.version += 1
        locked.status = Status.PENDING
        locked.edited_at, locked.edited_by = now, user
        locked.save(update_fields=["values", "history", "version", "status", "edited_at", "edited_by"])
        return judge_entry(locked)


def bad_value_lines(error: pasting.PasteError) -> list[str]:
    """Say for every value that cannot be read which one it is and what is wrong; at most 21 lines."""
    lines = [
        _("第 %(position)s 个值“%(text)s”：%(what)s")
        % {"position": one.position, "text": one.text, "what": _SENTENCES[one.code]}
        for one in error.bad[:20]
    ]
    if len(error.bad) > 20:
        lines.append(_("…… 共 %(count)s 处") % {"count": len(error.bad)})
    return lines
