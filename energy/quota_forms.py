"""What people fill in about quotas."""

from __future__ import annotations

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from energy.choices import QuotaPeriod
from energy.models import DeviceGroup, EnergyType


class BoardFilter(forms.Form):
    """What the board is narrowed to."""

    q = forms.CharField(
        label=_("名称、对象"), required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
    type = forms.ChoiceField(label=_("能源种类"), required=False)
    period = forms.ChoiceField(
        label=_("周期"), required=False, choices=[("", _("全部")), *QuotaPeriod.choices]
    )
    group: forms.ModelChoiceField[DeviceGroup] = forms.ModelChoiceField(
        label=_("设备组（含下级）"),
        queryset=DeviceGroup.objects.order_by("order", "code"),
        required=False,
        empty_label=_("全部"),
    )

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        used = EnergyType.objects.filter(quotas__is_active=True).distinct()
        self.fields["type"].choices = [  # type: ignore[attr-defined]
            ("", _("全部")),
            *((one.code, one.name) for one in used),
            ("composite", _("综合（折标煤、CO₂）")),
        ]


class ReviseForm(forms.Form):
    """A new value of a quota, and why."""

    value = forms.DecimalField(label=_("新配额"), min_value=0, max_digits=15, decimal_places=3)
    unit = forms.CharField(label=_("单位"), max_length=20, required=False)
    scope = forms.ChoiceField(
        label=_("适用于"), choices=[("all", _("本期及以后")), ("period", _("仅所示周期"))]
    )
    reason = forms.CharField(label=_("原因"), max_length=255, widget=forms.Textarea(attrs={"rows": 2}))


class LastYearForm(forms.Form):
    """Quotas of a year from the use of the year before."""

    year = forms.IntegerField(label=_("年份"), min_value=2000, max_value=2100)
    percent_less = forms.DecimalField(
        label=_("比上年减少 %"),
        initial=Decimal(3),
        min_value=-100,
        max_value=100,
        max_digits=6,
        decimal_places=3,
    )
    reason = forms.CharField(label=_("原因"), max_length=255)


class CopyForm(forms.Form):
    """The values of a year taken over to the next."""

    year = forms.IntegerField(label=_("到年份"), min_value=2000, max_value=2100)
    percent_less = forms.DecimalField(
        label=_("比上年配额减少 %"),
        initial=Decimal(0),
        min_value=-100,
        max_value=100,
        max_digits=6,
        decimal_places=3,
    )
    reason = forms.CharField(label=_("原因"), max_length=255)


class SplitForm(forms.Form):
    """A quota divided among the groups below its own."""

    by = forms.ChoiceField(label=_("按"), choices=[("use", _("上一周期的用量")), ("equal", _("平均"))])
    reason = forms.CharField(label=_("原因"), max_length=255)
