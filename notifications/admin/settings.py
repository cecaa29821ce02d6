"""Settings of notifications in the admin: every value with its source, the content rules, the audit."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from django import forms
from django.apps import apps
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import config, safety
from notifications.admin.audited import AuditedAdmin
from notifications.choices import RULE_TONES, VERB_TONES, Verb
from notifications.models import AuditEntry, ContentRule, NotificationConfig
from notifications.services import configuration
from spc_site.admin import DASH, ReadOnlyAdmin, badge, badge_column, change_url, link, list_url


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
        key = self.instance.config_key or self.initial.get("config_key") or ""
        if (item := config.ITEMS.get(key)) and "config_value" in self.fields:
            self.fields["config_value"].help_text = _("%(range)s；默认 %(default)s。%(effect)s") % {
                "range": f"{item.kind.range} {item.unit}".strip(),
                "default": config.text_of(item.standard),
                "effect": item.effect,
            }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        key = cleaned.get("config_key") or self.instance.config_key
        if key and "config_value" in cleaned:
            try:
                value = config.check(key, cleaned["config_value"])
            except ValueError as error:
                self.add_error("config_value", str(error))
                return cleaned
            if clash := config.contradictions(config.load() | {key: value}):
                self.add_error("config_value", " ".join(clash))
        return cleaned


@admin.register(NotificationConfig)
class ConfigAdmin(AuditedAdmin):
    """Every setting with its value and where that comes from; a row is what a person put over it."""

    menu_order = 330
    form = ConfigForm
    list_display = ("config_key", "config_value", "description", "updated_at")
    search_fields = ("config_key", "description")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("config_key",) if obj else ()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the whole table of settings instead of the few rows that differ."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        groups = [
            (group.label, [self._line(request, standing) for standing in standings])
            for group, standings in groupby(_in_order(config.standings()), key=lambda one: one.item.group)
        ]
        context = {
            **self.admin_site.each_context(request),
            "title": self.opts.verbose_name_plural,
            "opts": self.opts,
            "groups": groups,
            "problems": config.problems(),
            "audit_url": list_url(AuditEntry, kind__exact=NotificationConfig._meta.label),
            "may_see_audit": request.user.has_perm("notifications.view_auditentry"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/notifications/config_list.html", context)

    def _line(self, request: HttpRequest, standing: config.Standing) -> dict[str, Any]:
        item, row = standing.item, standing.row
        add = reverse("admin:notifications_notificationconfig_add")
        may_change = self.has_change_permission(request) if row else self.has_add_permission(request)
        remove = reverse("admin:notifications_notificationconfig_delete", args=[row.pk]) if row else ""
        return {
            "key": item.key,
            "meaning": item.meaning,
            "value": config.text_of(standing.value),
            "unit": item.unit,
            "range": item.kind.range,
            "effect": item.effect,
            "default": config.text_of(item.standard),
            "variable": item.variable,
            "source": badge(standing.source.label, config.SOURCE_TONES[standing.source]),
            "problem": standing.problem,
            "description": row.description if row else "",
            "change_url": (change_url(row) if row else f"{add}?config_key={item.key}") if may_change else "",
            "reset_url": remove if row and self.has_delete_permission(request) else "",
        }

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        row = configuration.set_config(obj.config_key, obj.config_value, description=obj.description)
        obj.__dict__.update(row.__dict__)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        configuration.reset_config(obj.config_key)


def _in_order(standings: list[config.Standing]) -> list[config.Standing]:
    order = list(config.Group)
    return sorted(standings, key=lambda one: order.index(one.item.group))


# --- content rules --------------------------------------------------------------------------


class RuleForm(forms.ModelForm):
    """Refuse a rule that could not be used, and show what it would do to a sample."""

    sample = forms.CharField(
        label=gettext_lazy("试一试"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"}),
        help_text=gettext_lazy("写一段文字，按“试用”看规则对它做什么；不会保存"),
    )

    class Meta:
        model = ContentRule
        fields = (
            "name",
            "kind",
            "is_active",
            "is_regex",
            "pattern",
            "checksum",
            "keep_start",
            "keep_end",
            "note",
        )
        widgets = {"pattern": forms.Textarea(attrs={"rows": 5, "class": "vLargeTextField monospace"})}

    @property
    def is_trial(self) -> bool:
        """Say whether the button was that of the trial: nothing is saved then."""
        return "_try" in self.data

    def is_valid(self) -> bool:
        return super().is_valid() and not self.is_trial

    def tried(self) -> dict[str, Any]:
        """Return what the rule of the form does to the sample; empty when there is no rule yet."""
        return {} if self.errors else _try(self.cleaned_data)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("pattern"):
            try:
                safety.compile_rule(pattern=cleaned["pattern"], is_regex=cleaned.get("is_regex", False))
            except safety.BadRule as error:
                self.add_error("pattern", str(error))
        return cleaned


@admin.register(ContentRule)
class RuleAdmin(AuditedAdmin):
    """What messages may not say, and what becomes of one that says it."""

    menu_order = 345
    form = RuleForm
    change_form_template = "admin/notifications/rule_form.html"
    list_display = ("name", "active_badge", "kind_badge", "shown_pattern", "note", "updated_at")
    list_filter = ("is_active", "kind")
    search_fields = ("name", "note", "pattern")
    search_help_text = gettext_lazy("规则、说明、内容")
    fieldsets = (
        (None, {"fields": ("name", "kind", "is_active", "note")}),
        (
            gettext_lazy("找什么"),
            {"fields": ("is_regex", "pattern", "checksum", ("keep_start", "keep_end"))},
        ),
        (gettext_lazy("试用"), {"fields": ("sample",)}),
    )

    kind_badge = badge_column("kind", RULE_TONES, title=gettext_lazy("处理"))

    @admin.display(description=gettext_lazy("启用"), ordering="is_active")
    def active_badge(self, rule: ContentRule) -> SafeString:
        return badge(_("启用"), "green") if rule.is_active else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("内容"))
    def shown_pattern(self, rule: ContentRule) -> SafeString:
        words = rule.pattern.splitlines()
        text = rule.pattern if rule.is_regex else "、".join(words[:8]) + ("…" if len(words) > 8 else "")
        return format_html("<code>{}</code>", text[:80])

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Offer the trial to those who can save a rule."""
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return self.fieldsets if may else self.fieldsets[:2]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        context["tried"] = form.tried() if isinstance(form, RuleForm) and form.is_trial else {}
        context["may_try"] = "sample" in form.fields
        return super().render_change_form(request, context, *args, **kwargs)


def _try(cleaned: dict[str, Any]) -> dict[str, Any]:
    fields = {name: value for name, value in cleaned.items() if name != "sample"}
    rule = ContentRule(**fields)
    sample = cleaned["sample"]
    screened = safety.screen("", sample, [rule])
    if screened.blocked:
        return {"verdict": badge(_("会拦截整条消息"), "red"), "text": sample}
    if screened.warned:
        return {"verdict": badge(_("照发，并记录命中"), "amber"), "text": sample}
    if screened.masked:
        return {"verdict": badge(_("会掩码后发送"), "blue"), "text": screened.content}
    return {"verdict": badge(_("没有命中"), "grey"), "text": sample}


# --- the audit ------------------------------------------------------------------------------


class KindFilter(admin.SimpleListFilter):
    """What the act was done to, by the names that people know."""

    title = gettext_lazy("类别")
    parameter_name = "kind__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        labels = AuditEntry.objects.order_by("kind").values_list("kind", flat=True).distinct()
        return [(label, _kind_name(label)) for label in labels if label]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    """Who did what, when, through which door: to be read, never changed."""

    menu_order = 395
    list_display = ("at", "verb_badge", "kind_name", "object_link", "summary", "who")
    list_filter = ("at", "verb", "door", KindFilter, "actor_name")
    search_fields = ("object_name", "actor_name", "note", "=object_id")
    search_help_text = gettext_lazy("对象、人员、说明")
    date_hierarchy = "at"
    list_display_links = ("at",)
    fields = ("at", "verb_badge", "actor_name", "door", "kind_name", "object_link", "change_table", "note")

    verb_badge = badge_column("verb", VERB_TONES, title=gettext_lazy("操作"))

    @admin.display(description=gettext_lazy("类别"), ordering="kind")
    def kind_name(self, entry: AuditEntry) -> str:
        return _kind_name(entry.kind) or DASH

    @admin.display(description=gettext_lazy("对象"), ordering="object_name")
    def object_link(self, entry: AuditEntry) -> SafeString | str:
        model = _model_of(entry.kind)
        if model is None or not self.admin_site.is_registered(model) or entry.verb == "removed":
            return entry.object_name or DASH
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return link(reverse(name, args=[entry.object_id]), entry.object_name or entry.object_id)

    @admin.display(description=gettext_lazy("人员 · 途径"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return " · ".join(filter(None, (entry.actor_name, entry.get_door_display())))

    @admin.display(description=gettext_lazy("变化"))
    def summary(self, entry: AuditEntry) -> str:
        told = [_told(entry, *change) for change in _changes(entry)]
        told = told or ([entry.note] if entry.note else [])
        text = "；".join(told[:3]) + (f"；… {len(told)}" if len(told) > 3 else "")
        return text if len(text) <= 120 else f"{text[:119]}…"

    @admin.display(description=gettext_lazy("变化"))
    def change_table(self, entry: AuditEntry) -> SafeString | str:
        rows = [
            (_field_name(entry.kind, name), _plain(old), _plain(new)) for name, old, new in _changes(entry)
        ]
        if not rows:
            return DASH
        body = format_html_join("", '<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>', rows)
        return format_html(
            '<table class="changes"><thead><tr><th>{}</th><th>{}</th><th>{}</th></tr></thead>'
            "<tbody>{}</tbody></table>",
            _("项"),
            _("原来"),
            _("现在"),
            body,
        )


def _changes(entry: AuditEntry) -> list[tuple[str, Any, Any]]:
    return [(name, *pair) for name, pair in entry.changes.items()]


def _told(entry: AuditEntry, name: str, old: Any, new: Any) -> str:
    """Say one change in a line: of a new row what it says, else from what to what."""
    field = _field_name(entry.kind, name)
    return f"{field} {_plain(new)}" if entry.verb == Verb.ADDED else f"{field} {_plain(old)} → {_plain(new)}"


def _plain(value: Any) -> str:
    if value is None or value == "":
        return DASH
    if isinstance(value, bool):
        return _("是") if value else _("否")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _model_of(label: str) -> type[models.Model] | None:
    try:
        return apps.get_model(label) if label else None
    except LookupError:
        return None


def _kind_name(label: str) -> str:
    model = _model_of(label)
    return str(model._meta.verbose_name) if model else label


def _field_name(label: str, name: str) -> str:
    model = _model_of(label)
    names = {field.name: field.verbose_name for field in model._meta.concrete_fields} if model else {}
    return str(names.get(name, name))
