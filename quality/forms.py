"""What people type into the pages of inspection."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from quality.choices import Decision, Handled, Origin, Status
from quality.kinds import KINDS, Kind
from quality.selectors import ReportFilter, Viewer, parties
from spc_site.forms import ManyFilesField, ManyFilesInput


class ReportFilterForm(forms.Form):
    """Narrow a list of reports; anything odd in the address counts as blank."""

    q = forms.CharField(
        label=_("批号、料号、报告编号"), required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
    status = forms.ChoiceField(label=_("状态"), required=False, choices=[("", _("全部")), *Status.choices])
    party: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        queryset=None, required=False, empty_label=_("全部")
    )
    origin = forms.ChoiceField(label=_("来源"), required=False, choices=[("", _("全部")), *Origin.choices])
    handled = forms.ChoiceField(label=_("处置"), required=False, choices=[("", _("全部")), *Handled.choices])
    since = forms.DateField(
        label=_("导入日期 从"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    until = forms.DateField(
        label=_("到"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, data: Any, *, kind: Kind, user: Viewer) -> None:
        super().__init__(data)
        party = self.fields["party"]
        assert isinstance(party, forms.ModelChoiceField)
        party.queryset = parties(user, kind)
        party.label = str(kind.party_label)
        if len(kind.origins) < 2:
            del self.fields["origin"]

    @property
    def wanted(self) -> ReportFilter:
        """Return the filter that was asked for, leaving out what cannot be read."""
        self.is_valid()
        given = self.cleaned_data
        party = given.get("party")
        return ReportFilter(
            status=given.get("status", ""),
            party=party.pk if party else None,
            origin=given.get("origin", ""),
            since=given.get("since"),
            until=given.get("until"),
            text=unicodedata.normalize("NFKC", given.get("q", "")).strip(),
            handled=given.get("handled", ""),
        )


class ProposalForm(forms.Form):
    """What is to be done with the material of a report that failed; prefilled from the report."""

    decision = forms.ChoiceField(label=_("处置"), choices=Decision.choices)
    quantity = forms.DecimalField(label=_("涉及数量"), min_value=0, max_digits=14, decimal_places=3)
    unit = forms.CharField(label=_("单位"), required=False, max_length=16)
    characteristics = forms.TypedMultipleChoiceField(
        label=_("涉及项目"), coerce=int, widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(label=_("理由"), max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    revision = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, data: Any = None, *, failed: Sequence[tuple[int, str]], initial: dict[str, Any] | None = None
    ) -> None:
        everything = {"characteristics": [pk for pk, _name in failed]}
        super().__init__(data, prefix="proposal", label_suffix="", initial=everything | (initial or {}))
        chosen = self.fields["characteristics"]
        assert isinstance(chosen, forms.TypedMultipleChoiceField)
        chosen.choices = failed


class UploadForm(forms.Form):
    """Workbooks to import, and who measured."""

    kind = forms.ChoiceField(label=_("报告种类"), widget=forms.RadioSelect)
    origin = forms.ChoiceField(
        label=_("测量来源"), choices=Origin.choices, initial=Origin.SUPPLIER, widget=forms.RadioSelect
    )
    workbooks = ManyFilesField(
        label=_("Excel 文件（.xlsx、.xls，可多选）"),
        widget=ManyFilesInput(attrs={"accept": ".xlsx,.xlsm,.xls,.xlsb,.ods"}),
    )

    def __init__(self, *args: Any, kinds: Sequence[Kind], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = self.fields["kind"]
        assert isinstance(kind, forms.ChoiceField)
        kind.choices = [(one.code, f"{one.title} {one.code}") for one in kinds]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        kind = KINDS.get(given.get("kind", ""))
        if kind is not None and given.get("origin") not in kind.origins:
            given["origin"] = next(iter(kind.origins))  # an outgoing report is always our own
        return given
