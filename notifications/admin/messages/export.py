"""The log as a file for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.admin import contacts
from notifications.models import Notification

MOST = 100_000
"""So many rows go into one file at most."""

_COLUMNS: tuple[tuple[str | Promise, Callable[[Notification], object]], ...] = (
    (gettext_lazy("消息号"), lambda row: row.message_id),
    (gettext_lazy("创建时间"), lambda row: _moment(row.created_at)),
    (gettext_lazy("事件"), lambda row: row.event),
    (gettext_lazy("来源"), lambda row: row.source),
    (gettext_lazy("标题"), lambda row: contacts.shown(row, row.title)),
    (gettext_lazy("渠道"), lambda row: row.channel),
    (gettext_lazy("目标"), lambda row: contacts.shown(row, row.target)),
    (gettext_lazy("优先级"), lambda row: row.priority),
    (gettext_lazy("状态"), lambda row: row.get_status_display()),
    (gettext_lazy("原因"), lambda row: row.get_reason_display()),
    (gettext_lazy("重试"), lambda row: row.retry_count),
    (gettext_lazy("可能重复"), lambda row: _("是") if row.possible_duplicate else ""),
    (gettext_lazy("送达时间"), lambda row: _moment(row.sent_at)),
    (gettext_lazy("错误"), lambda row: contacts.shown(row, row.error_message)),
    (gettext_lazy("模板"), lambda row: row.template_name),
    (gettext_lazy("关联号"), lambda row: row.correlation_id),
    (gettext_lazy("内容"), lambda row: contacts.shown(row, row.content)),
)


def _moment(moment: Any) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else ""


def safe_cell(value: object) -> str:
    """Return a value as a cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.lstrip().startswith(("=", "+", "-", "@", "\t", "\r")) else text


class _Echo:
    """What `csv` writes to: hands the line back instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: Iterable[Notification]) -> Iterator[str]:
    """Yield the lines of the file, with the mark that tells Excel which encoding it is."""
    write: Callable[[Sequence[str]], str] = csv.writer(_Echo()).writerow
    yield "\ufeff" + write([str(name) for name, _value in _COLUMNS])
    for row in rows:
        cells = (str(value(row)) for _name, value in _COLUMNS)
        yield write([safe_cell(cell) for cell in cells])
