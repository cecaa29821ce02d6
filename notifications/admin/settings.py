"""Settings of notifications in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from notifications import config
from notifications.models import (
    NotificationConfig,
)
from spc_site.admin import (
    BaseAdmin,
)


class ConfigForm(forms.ModelForm):
    """Offer the settings that exist, and read the value as they do."""

    config_key = forms.ChoiceField(label=gettext_lazy("配置项"))

    class Meta:
        model = NotificationConfig
        fields = ("config_key", "config_value", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config_key" in self.fields:
            self.fields["config_key"].choices = [  # type: ignore[attr-defined]
                (item.key, f"{item.key} — {item.meaning}") for item in config.ITEMS.values()
            ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        key = cleaned.get("config_key") or self.instance.config_key
        if key and "config_value" in cleaned:
            try:
                config.check(key, cleaned["config_value"])
            except ValueError as error:
                self.add_error("config_value", str(error))
        return cleaned


@admin.register(NotificationConfig)
class ConfigAdmin(BaseAdmin):
    menu_order = 330
    form = ConfigForm
    list_display = ("config_key", "config_value", "description", "updated_at")
    search_fields = ("config_key", "description")
    search_help_text = gettext_lazy("配置项、说明")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("config_key",) if obj else ()
