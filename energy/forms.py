"""What people type into the pages of groups, output and lists of devices."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from energy.choices import Connection
from energy.models import Attachment, Device, DeviceGroup, EnergyType


def _day_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class AttachForm(forms.Form):
    """A meter that shall belong to the group of the page."""

    device: forms.ModelChoiceField[Device] = forms.ModelChoiceField(
        label=_("计量设备代码"),
        queryset=Device.objects.all(),
        to_field_name="code",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"invalid_choice": _("没有这个代码的设备。")},
    )
    start = forms.DateField(label=_("起始日"), widget=_day_input(), initial=timezone.localdate)
    sign = forms.TypedChoiceField(
        label=_("计入或扣除"), choices=Attachment.Sign.choices, coerce=int, initial=Attachment.Sign.PLUS
    )

    def __init__(self, *args: Any, energy_type: EnergyType | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.energy_type = energy_type


class EndForm(forms.Form):
    """The day from which on a meter belongs to the group no longer."""

    day = forms.DateField(label=_("自哪天起"), widget=_day_input(), initial=timezone.localdate)


class MoveForm(EndForm):
    """The group that a meter goes to instead."""

    group: forms.ModelChoiceField[DeviceGroup] = forms.ModelChoiceField(
        label=_("移到"),
        queryset=DeviceGroup.objects.order_by("order", "code"),
        required=False,
        empty_label=_("不再属于任何组"),
    )


class DeviceFilterForm(forms.Form):
    """Narrow the list of devices; anything odd in the address counts as blank."""

    q = forms.CharField(
        label=_("代码、名称、位置"), required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
    type: forms.ModelChoiceField[EnergyType] = forms.ModelChoiceField(
        label=_("能源种类"),
        queryset=EnergyType.objects.all(),
        to_field_name="code",
        required=False,
        empty_label=_("全部"),
    )
    connection = forms.ChoiceField(
        label=_("连接"), required=False, choices=[("", _("全部")), *Connection.choices]
    )


class LongSelect(forms.Select):
    """A choice of hundreds of groups, written at once: a template for each takes longer than the page."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        chosen = {str(one) for one in self.format_value(value)}
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            (
                (key, SafeString(" selected") if str(key) in chosen else "", label)
                for key, label in self.choices
            ),
        )
        its = flatatt({**self.build_attrs(self.attrs, attrs), "name": name})
        return format_html("<select{}>{}</select>", its, options)


class OutputForm(forms.Form):
    """One day's output, typed by hand."""

    group: forms.ModelChoiceField[DeviceGroup] = forms.ModelChoiceField(
        label=_("设备组"), queryset=DeviceGroup.objects.order_by("order", "code"), widget=LongSelect
    )
    day = forms.DateField(label=_("日期"), widget=_day_input(), initial=timezone.localdate)
    product = forms.CharField(label=_("产品（可空）"), max_length=80, required=False)
    amount = forms.DecimalField(label=_("产量"), min_value=0, max_digits=20, decimal_places=6)
    unit = forms.CharField(label=_("单位"), max_length=20)


class OutputFileForm(forms.Form):
    """A table of output."""

    file = forms.FileField(
        label=_("Excel 或 CSV：日期、设备组、产品、产量、单位"),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.xls,.xlsm,.csv"}),
    )


class TariffFileForm(forms.Form):
    """A table of tariffs."""

    file = forms.FileField(
        label=_("Excel 或 CSV：名称、能源种类、生效日、时段、单价、开始、结束…"),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.xls,.xlsm,.csv"}),
    )


class ChargingFileForm(forms.Form):
    """A table of charging orders."""

    file = forms.FileField(
        label=_("Excel 或 CSV：订单号、充电站、充电枪、开始时间、结束时间、电量、金额"),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.xls,.xlsm,.csv"}),
    )
