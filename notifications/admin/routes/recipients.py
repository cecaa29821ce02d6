"""The people whom routes name: how they are reached, and what they want to be spared."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import safety
from notifications import variables as declarations
from notifications.admin.audited import AuditedAdmin
from notifications.choices import channel_names
from notifications.forms import PreferencesForm
from notifications.models import Recipient
from spc_site.admin import DASH, badge


class RecipientForm(PreferencesForm):
    """A person with addresses; the number is never shown, only replaced."""

    new_phone = forms.RegexField(
        r"^\+?[0-9 \-]{5,20}$",
        label=gettext_lazy("新手机号"),
        required=False,
        help_text=gettext_lazy("空白：不变"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "tel", "class": "vTextField"}),
    )
    forget_phone = forms.BooleanField(label=gettext_lazy("删除手机号"), required=False)

    class Meta(PreferencesForm.Meta):
        fields = (
            "name",
            "is_active",
            "user",
            "wecom_userid",
            "email",
            *PreferencesForm.Meta.fields,
        )

    def clean_wecom_userid(self) -> str:
        text = self.cleaned_data["wecom_userid"].strip().lower()
        if text and len(declarations.userids(text)) != 1:
            raise forms.ValidationError(_("这不是一个企业微信 userid。"))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("forget_phone"):
            self.instance.phone = ""
        elif number := cleaned.get("new_phone"):
            self.instance.phone = number.replace(" ", "").replace("-", "")
        return cleaned


@admin.register(Recipient)
class RecipientAdmin(AuditedAdmin):
    """People who are told things: how they are reached, and what they want to be spared."""

    menu_order = 314
    form = RecipientForm
    list_display = ("name", "state", "user", "reached_by", "phone_shown", "quiet_hours", "spared")
    list_filter = ("is_active", "language")
    list_select_related = ("user__profile",)
    search_fields = ("name", "user__username", "wecom_userid", "email")
    search_help_text = gettext_lazy("姓名、用户名、userid、邮箱")
    autocomplete_fields = ("user",)
    readonly_fields = ("phone_shown",)
    fieldsets = (
        (None, {"fields": ("name", "is_active", "user")}),
        (
            gettext_lazy("地址"),
            {"fields": ("wecom_userid", "email", "phone_shown", ("new_phone", "forget_phone"))},
        ),
        (
            gettext_lazy("偏好（本人也可以在“我的通知”里改）"),
            {
                "fields": (
                    "language",
                    ("quiet_from", "quiet_until"),
                    "breaks_through",
                    "muted_known",
                    "muted_more",
                    ("first_channel", "second_channel", "third_channel"),
                )
            },
        ),
    )

    @admin.display(description=gettext_lazy("状态"), ordering="is_active")
    def state(self, recipient: Recipient) -> SafeString:
        return badge(_("启用"), "green") if recipient.is_active else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("渠道"))
    def reached_by(self, recipient: Recipient) -> SafeString | str:
        ways = recipient.ways()
        if not ways:
            return badge(_("没有地址"), "amber")
        names = channel_names()
        return " → ".join(names.get(way.channel, way.channel) for way in ways)

    @admin.display(description=gettext_lazy("手机"))
    def phone_shown(self, recipient: Recipient) -> str:
        return safety.mask_contacts(recipient.phone) or DASH

    @admin.display(description=gettext_lazy("免打扰"))
    def quiet_hours(self, recipient: Recipient) -> str:
        if recipient.quiet_from is None or recipient.quiet_until is None:
            return DASH
        return f"{recipient.quiet_from:%H:%M}–{recipient.quiet_until:%H:%M}"

    @admin.display(description=gettext_lazy("不接收"))
    def spared(self, recipient: Recipient) -> str:
        return "、".join(recipient.muted) or DASH
