"""What people type into the pages about readings."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from energy.choices import Connection
from energy.importing.read import SUFFIXES
from energy.models import Device, EnergyType, ReadingProfile
from spc_site.forms import ManyFilesField, ManyFilesInput


class ReadingUploadForm(forms.Form):
    """Files of readings, and the layout to read them by."""

    tables = ManyFilesField(
        label=_("Excel 或 CSV 文件（可多选）"), widget=ManyFilesInput(attrs={"accept": ",".join(SUFFIXES)})
    )
    profile = forms.ChoiceField(label=_("版式"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = ReadingProfile.objects.filter(is_active=True).values_list("name", flat=True)
        profile = self.fields["profile"]
        assert isinstance(profile, forms.ChoiceField)
        profile.choices = [("", _("自动（按文件名与标题）")), *((name, name) for name in names)]


class MissingFilterForm(forms.Form):
    """Narrow the board of missing data."""

    q = forms.CharField(
        label=_("代码、名称、设备组"), required=False, widget=forms.TextInput(attrs={"type": "search"})
    )
    state = forms.ChoiceField(label=_("连接"), required=False, choices=[("", _("全部")), *Connection.choices])
    energy = forms.ModelChoiceField(
        label=_("能源种类"),
        required=False,
        queryset=EnergyType.objects.filter(is_active=True),
        to_field_name="code",
        empty_label=_("全部"),
    )


class ManualReadingForm(forms.Form):
    """One reading from a register."""

    value = forms.DecimalField(
        label=_("读数"),
        min_value=0,
        max_digits=20,
        decimal_places=6,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    at = forms.DateTimeField(
        label=_("时间"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        initial=timezone.localtime,
    )
    photo = forms.FileField(
        label=_("照片（可选）"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png", "capture": "environment"}),
    )
    note_id = forms.UUIDField(widget=forms.HiddenInput())
    is_confirmed = forms.BooleanField(label=_("读数已核对，照此登记"), required=False)

    def __init__(self, *args: Any, device: Device, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.device = device
