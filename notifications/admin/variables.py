"""The variables of a template as a table in its form: name, type, sample."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.template.loader import render_to_string
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from notifications import variables as declarations
from notifications.choices import VariableType
from notifications.variables import Variable

_BLANK_ROWS = 2


class VariablesWidget(forms.Widget):
    """A row per variable; to take one away, clear its name. Script adds rows, two are always blank."""

    def render(
        self, name: str, value: Any, attrs: Mapping[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        rows, unreadable = _rows(value)
        context = {
            "name": name,
            "rows": [*rows, *[Variable("", VariableType.TEXT, "")] * _BLANK_ROWS],
            "types": VariableType.choices,
            "unreadable": unreadable,
            "attributes": flatatt({"id": (attrs or {}).get("id", f"id_{name}")}),
        }
        return mark_safe(render_to_string("admin/notifications/variables.html", context))  # noqa: S308

    def value_from_datadict(self, data: Any, files: MultiValueDict[str, Any], name: str) -> list[Variable]:
        columns = (data.getlist(f"{name}-{column}") for column in ("name", "type", "sample"))
        # Browsers send every line break as two characters.
        return [
            Variable(one.strip(), kind, sample.replace("\r\n", "\n"))
            for one, kind, sample in zip(*columns, strict=False)
            if one.strip()
        ]

    def value_omitted_from_data(self, data: Any, files: MultiValueDict[str, Any], name: str) -> bool:
        return f"{name}-name" not in data


def _rows(value: Any) -> tuple[list[Variable], str]:
    """Return the rows of what was typed or is stored, or what is stored if that cannot be read."""
    if isinstance(value, list):
        return [row for row in value if isinstance(row, Variable)], ""
    try:
        return list(declarations.read(value or {}).values()), ""
    except ValueError:
        return [], json.dumps(value, ensure_ascii=False)


class VariablesField(forms.Field):
    """Declared variables, as the row of a template stores them."""

    widget = VariablesWidget

    def clean(self, value: list[Variable]) -> dict[str, dict[str, str]]:
        names = [one.name for one in value]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise forms.ValidationError(
                _("变量写了两次：%(names)s") % {"names": "、".join(twice)}, code="twice"
            )
        if odd := [one.name for one in value if one.type not in VariableType]:
            raise forms.ValidationError(
                _("没有这种类型的变量：%(names)s") % {"names": "、".join(odd)}, code="type"
            )
        return declarations.write({one.name: one for one in value})

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return declarations.write(declarations.read(initial or {})) != self.clean(data)
        except (ValueError, forms.ValidationError):
            return True
