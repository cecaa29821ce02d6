"""What a person may choose about being told things: the same fields on their page and in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import events, routing
from notifications.choices import ChannelCode
from notifications.models import Recipient

_MOST_PATTERNS = 50

_BREAKING = (
    (1, gettext_lazy("最紧急的（优先级 1）")),
    (2, gettext_lazy("优先级 1–2")),
    (3, gettext_lazy("优先级 1–3")),
    (0, gettext_lazy("没有，全部等到时段结束")),
)


def time_field(label: Any, help_text: Any = "") -> forms.TimeField:
    """Return a field for a time of day that phones show as a wheel."""
    return forms.TimeField(
        label=label,
        required=False,
        help_text=help_text,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )


class PreferencesForm(forms.ModelForm):
    """Language, quiet hours, events that are not wanted, the order of channels."""

    quiet_from = time_field(gettext_lazy("免打扰从"))
    quiet_until = time_field(gettext_lazy("免打扰至"), gettext_lazy("可以跨过午夜；消息推迟到此时，不会丢失"))
    breaks_through = forms.TypedChoiceField(
        label=gettext_lazy("免打扰时仍发送"), choices=_BREAKING, coerce=int
    )
    muted_known = forms.MultipleChoiceField(
        label=gettext_lazy("不接收的事件"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("发给您的这类消息只留记录，不发送"),
    )
    muted_more = forms.CharField(
        label=gettext_lazy("其他不接收的事件"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("每行一个事件名，可以用 *"),
    )
    first_channel = forms.ChoiceField(label=gettext_lazy("首选渠道"), required=False)
    second_channel = forms.ChoiceField(label=gettext_lazy("其次"), required=False)
    third_channel = forms.ChoiceField(label=gettext_lazy("再次"), required=False)

    ORDER = ("first_channel", "second_channel", "third_channel")

    class Meta:
        model = Recipient
        fields: tuple[str, ...] = ("language", "quiet_from", "quiet_until", "breaks_through")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "language" in self.fields:
            self.fields["language"].choices = [  # type: ignore[attr-defined]
                ("", _("与页面相同")),
                *settings.LANGUAGES,
            ]
        known = events.known()
        self._fill("muted_known", [*known.items()], [one for one in self.instance.muted if one in known])
        more = "\n".join(one for one in self.instance.muted if one not in known)
        if "muted_more" in self.fields:
            self.initial.setdefault("muted_more", more)
        offered = [("", "—"), *((code, ChannelCode(code).label) for code in routing.PERSONAL_CHANNELS)]
        for name, code in zip(self.ORDER, [*self.instance.channels, "", "", ""], strict=False):
            self._fill(name, offered, code)

    def _fill(self, name: str, choices: list[tuple[str, Any]], value: Any) -> None:
        """Offer choices where the field is shown at all: who may only view has none."""
        if name in self.fields:
            self.fields[name].choices = choices  # type: ignore[attr-defined]
            self.initial.setdefault(name, value)

    def clean_muted_more(self) -> list[str]:
        patterns = [line.strip() for line in self.cleaned_data["muted_more"].splitlines() if line.strip()]
        if len(patterns) > _MOST_PATTERNS or any(len(one) > 64 for one in patterns):
            raise forms.ValidationError(
                _("最多 %(most)d 行，每行最多 64 个字符。") % {"most": _MOST_PATTERNS}
            )
        return patterns

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if ("quiet_from" in cleaned and "quiet_until" in cleaned) and (
            (cleaned["quiet_from"] is None) != (cleaned["quiet_until"] is None)
        ):
            missing = "quiet_until" if cleaned["quiet_until"] is None else "quiet_from"
            self.add_error(missing, _("免打扰的起止时间要么都填，要么都不填。"))
        if {"muted_known", "muted_more"} <= cleaned.keys():
            self.instance.muted = cleaned["muted_known"] + cleaned["muted_more"]
        if cleaned.keys() >= set(self.ORDER):
            chosen = [cleaned[name] for name in self.ORDER]
            self.instance.channels = list(dict.fromkeys(code for code in chosen if code))
        return cleaned
