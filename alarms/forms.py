"""What people fill in: a silence, a work order."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.people import name_of
from alarms import matching, selectors
from alarms.services.ordering import steps_of

HOURS = (
    (2, _("2 小时")),
    (8, _("8 小时")),
    (24, _("1 天")),
    (72, _("3 天")),
    (168, _("7 天")),
    (720, _("30 天")),
)

_END_OF_WORK = time(18, 0)


class SilenceForm(forms.Form):
    """Which alarms, from when, for how long, why."""

    matchers = forms.CharField(
        label=_("匹配条件"),
        validators=[matching.validate],
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=_("每行一条，全部满足才匹配。例：source^=energy，supplier!=某公司，key^=quality.IQC.12."),
    )
    starts_at = forms.DateTimeField(
        label=_("从（空白：现在）"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    hours = forms.ChoiceField(label=_("多久"), choices=HOURS)
    reason = forms.CharField(label=_("原因"), max_length=255)


class _PersonField(forms.ModelChoiceField):
    def label_from_instance(self, person: User) -> str:
        return name_of(person)


class WorkOrderForm(forms.Form):
    """What has to be done, by whom, until when, in which steps."""

    title = forms.CharField(label=_("标题"), max_length=255)
    owner = _PersonField(label=_("负责人"), queryset=User.objects.none(), required=False)
    due = forms.DateField(
        label=_("期限（当天 18:00）"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    steps_text = forms.CharField(
        label=_("步骤（每行一条）"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    runbook = forms.CharField(label=_("处置手册（网址）"), max_length=255, required=False)
    effect_days = forms.IntegerField(label=_("完成多少天后确认效果"), initial=7, min_value=1, max_value=365)
    description = forms.CharField(
        label=_("说明"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = selectors.possible_owners()
        field = self.fields["owner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = User.objects.filter(pk__in=[person.pk for person in owners]).order_by(
            "first_name", "username"
        )
        field.empty_label = _("未指派")

    def clean(self) -> dict[str, Any]:
        """Turn the day into its end of work, local time."""
        cleaned: dict[str, Any] = super().clean() or {}
        due = cleaned.get("due")
        cleaned["due_at"] = timezone.make_aware(datetime.combine(due, _END_OF_WORK)) if due else None
        return cleaned

    @property
    def steps(self) -> list[str]:
        return list(steps_of(self.cleaned_data["steps_text"]))
