"""Mapping rows and the pure rules that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from contracts.mapping import Check, Rule
from contracts.models import FieldMapping, MappingVersion

ROLES: dict[str, str | Promise] = {
    "name": _("合同名称"),
    "party_a": _("甲方"),
    "party_b": _("乙方"),
    "amount": _("金额"),
    "signed_on": _("签订日期"),
    "expires_on": _("到期日"),
}
"""What the archive wants to know of a contract, each from one of its fields."""


def rules_of(mapping: MappingVersion) -> list[Rule]:
    """Return the rules of a saved mapping; one query."""
    return [
        Rule(
            field=row.field,
            source=row.source,
            path=row.path,
            kind=row.kind,
            part=row.part,
            conversion=row.conversion,
            argument=row.argument,
            is_required=row.is_required,
        )
        for row in mapping.rows.all()
    ]


def checks_of(mapping: MappingVersion) -> list[Check]:
    """Return the amounts that must agree."""
    return [Check(**check) for check in mapping.checks]


def rows_of(mapping: MappingVersion, rules: Iterable[Rule]) -> list[FieldMapping]:
    """Return unsaved rows for rules, in their order."""
    return [
        FieldMapping(mapping=mapping, position=position, **asdict(rule))
        for position, rule in enumerate(rules, start=1)
    ]
