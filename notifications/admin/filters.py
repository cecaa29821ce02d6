"""Filters of the log that stay quick at a million rows, and whose choices can be shared as an address."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db import connection, models
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import sources
from notifications.models import Notification

MOST_CHOICES = 60


def known_values(field: str, *, most: int = MOST_CHOICES) -> list[str]:
    """Return the values that occur in an indexed text column, in order, without reading the table.

    `SELECT DISTINCT` reads every row of the index. This jumps from each value to the next one: a query of
    as many steps as there are values, which the ORM cannot say (a recursive one).
    """
    column = connection.ops.quote_name(field)
    table = connection.ops.quote_name(Notification._meta.db_table)
    sql = (
        f"WITH RECURSIVE v(x) AS (SELECT MIN({column}) FROM {table}"  # noqa: S608  our own names, quoted
        f" UNION ALL SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > v.x) FROM v"
        f" WHERE v.x IS NOT NULL) SELECT x FROM v WHERE x IS NOT NULL AND x <> '' LIMIT {int(most)}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [row[0] for row in cursor.fetchall()]


class KnownValues(admin.SimpleListFilter):
    """Offers the values that occur in an indexed column."""

    field = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, value) for value in known_values(self.field)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class EventFilter(KnownValues):
    title = gettext_lazy("事件")
    parameter_name = field = "event"


class SourceFilter(KnownValues):
    title = gettext_lazy("来源")
    parameter_name = field = "source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sources.choices_of(known_values(self.field))


class TemplateFilter(KnownValues):
    title = gettext_lazy("模板")
    parameter_name = "template"
    field = "template_name"


class PriorityFilter(admin.SimpleListFilter):
    title = gettext_lazy("优先级")
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(number), str(number)) for number in range(1, 6)]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(priority=self.value()) if self.value() in "12345" else queryset

    def value(self) -> str:
        return super().value() or "-"


class FormFilter(admin.ListFilter):
    """A filter that is typed, in a small form of its own; the other filters go along in the address."""

    template = "admin/notifications/form_filter.html"
    names: tuple[str, ...] = ()
    input_type = "text"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.names:
            if name in params:
                value = params.pop(name)
                self.used_parameters[name] = value[-1] if isinstance(value, list) else value

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.names)

    def typed(self, name: str) -> str:
        return str(self.used_parameters.get(name, "")).strip()

    def labels(self) -> dict[str, Any]:
        """Return what each input is called."""
        return dict.fromkeys(self.names, self.title)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Yield the one thing that the template shows: the inputs, and what the address holds besides."""
        others = [
            (name, value)
            for name, values in changelist.filter_params.items()
            if name not in self.names
            for value in (values if isinstance(values, list) else [values])
        ]
        yield {
            "selected": not any(self.typed(name) for name in self.names),
            "inputs": [
                {"name": name, "value": self.typed(name), "label": label}
                for name, label in self.labels().items()
            ],
            "input_type": self.input_type,
            "others": others,
            "clear": changelist.get_query_string(remove=list(self.names)),
            "display": "",
            "query_string": "",
        }


class TargetFilter(FormFilter):
    """The whole target, or its beginning with `*` at the end."""

    title = gettext_lazy("目标（可用 * 结尾）")
    names = ("to",)

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        text = self.typed("to")
        if not text:
            return queryset
        if text.endswith("*"):
            # A range of the index: LIKE would not use it under every collation.
            start = text.rstrip("*")
            return queryset.filter(target__gte=start, target__lt=start + "\U0010ffff") if start else queryset
        return queryset.filter(target=text)


class TimeFilter(FormFilter):
    """Created from a moment on, until another; a day alone means all of it."""

    title = gettext_lazy("时间范围")
    names = ("from", "until")
    input_type = "datetime-local"

    def labels(self) -> dict[str, Any]:
        return {"from": _("从"), "until": _("至")}

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        start = moment_of(self.typed("from"))
        end = moment_of(self.typed("until"), is_end=True)
        if start is not None:
            queryset = queryset.filter(created_at__gte=start)
        return queryset.filter(created_at__lt=end) if end is not None else queryset


def moment_of(text: str, *, is_end: bool = False) -> datetime | None:
    """Read a moment or a day of the plant's clock; None where it is neither. The end of a day is the next."""
    try:
        moment = parse_datetime(text)
        day = parse_date(text) if moment is None or len(text) == 10 else None
    except ValueError:
        return None
    if day is not None:
        moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001  made aware below
        if is_end:
            moment += timedelta(days=1)
    if moment is None:
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
