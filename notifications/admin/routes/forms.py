"""The forms of a route: its conditions, and its lines of who gets it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import channels, events
from notifications import variables as declarations
from notifications.admin.routes.words import WEEKDAYS
from notifications.forms import time_field
from notifications.models import Recipient, Route, RouteStep


class RouteForm(forms.ModelForm):
    """A route's conditions; weekdays as boxes, hours as times."""

    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("星期"),
        required=False,
        choices=WEEKDAYS,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("不选：每天；跨过午夜的时段算开始的那一天"),
    )
    hour_from = time_field(gettext_lazy("时段从"))
    hour_until = time_field(gettext_lazy("时段至"), gettext_lazy("可以跨过午夜"))

    class Meta:
        model = Route
        fields = (
            "name",
            "is_active",
            "goes_on",
            "event",
            "source",
            "minimum_severity",
            "supplier",
            "part",
            "group",
            "hour_from",
            "hour_until",
            "weekdays",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["weekdays"] = list(self.instance.weekdays)
        if "event" in self.fields:
            self.fields["event"].help_text = _("可以用 *，几个用逗号分开；如 %(known)s") % {
                "known": "、".join(f"{pattern}（{label}）" for pattern, label in events.known().items())
            }

    def clean_weekdays(self) -> str:
        chosen = "".join(sorted(self.cleaned_data["weekdays"]))
        return "" if len(chosen) == len(WEEKDAYS) else chosen


class StepForm(forms.ModelForm):
    """A person, or a channel with a target that the channel understands."""

    position = forms.IntegerField(
        label=gettext_lazy("次序"),
        required=False,
        min_value=1,
        max_value=999,
        help_text=gettext_lazy("空白：排在最后"),
    )

    class Meta:
        model = RouteStep
        fields = ("position", "recipient", "channel", "target", "is_reserve", "mentions")

    def __init__(self, *args: Any, people: list[tuple[Any, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if people is not None and "recipient" in self.fields:
            # One look-up for all lines of the form.
            self.fields["recipient"].widget.choices = [("", "—"), *people]

    def clean_mentions(self) -> str:
        text = self.cleaned_data["mentions"]
        if text.strip() and not declarations.userids(text):
            raise forms.ValidationError(_("请写企业微信 userid，用逗号分开；不能提醒所有人。"))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        channel, target = cleaned.get("channel", ""), cleaned.get("target", "")
        driver = channels.driver_for(channel)
        if driver is not None and target and (problem := driver.target_problem(target)):
            self.add_error("target", problem)
        return cleaned


class StepFormSet(forms.BaseInlineFormSet):
    """The lines of a route, which offer the same people."""

    @cached_property
    def people(self) -> list[tuple[Any, str]]:
        return list(Recipient.objects.values_list("pk", "name"))

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "people": self.people}


class StepInline(admin.TabularInline):
    model = RouteStep
    form = StepForm
    formset = StepFormSet
    extra = 2
    ordering = ("position", "pk")
    verbose_name_plural = gettext_lazy("去向（自上而下；后备跟着它上面的一行）")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("recipient")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Leave out the icons beside the recipient: people are kept in their own list."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "recipient" and field is not None:
            for name in ("add", "change", "delete", "view"):
                setattr(field.widget, f"can_{name}_related", False)
        return field
