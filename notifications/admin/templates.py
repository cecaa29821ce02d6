"""Texts of messages in the admin, with a preview as WeCom shows them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from notifications import previews, services
from notifications import variables as declarations
from notifications.admin.audited import AuditedAdmin
from notifications.models import (
    NotificationTemplate,
)
from spc_site.admin import (
    PrettyJSONField,
    person_of,
)


def preview_html(template_fields: dict[str, Any]) -> SafeString:
    """Return the preview of a template as the panel shows it."""
    variables = template_fields.get("variables") or {}
    preview = previews.of_template(
        template_fields.get("title_template") or "",
        template_fields.get("content_template") or "",
        template_fields.get("channel") or "",
        variables if isinstance(variables, dict) else {},
    )
    return mark_safe(render_to_string("admin/notifications/preview.html", {"preview": preview}))  # noqa: S308


class TemplateForm(forms.ModelForm):
    """Refuse a template that its own sample values cannot fill."""

    variables = PrettyJSONField(
        label=gettext_lazy("变量"),
        required=False,
        help_text=gettext_lazy('变量名与示例值，如 {"supplier": "供应商甲"}；模板里写 {supplier}'),
    )

    class Meta:
        model = NotificationTemplate
        fields = (
            "template_name",
            "language",
            "label",
            "channel",
            "title_template",
            "content_template",
            "variables",
            "with_picture",
        )
        widgets = {
            "content_template": forms.Textarea(attrs={"rows": 9, "class": "vLargeTextField monospace"}),
        }

    def clean_variables(self) -> dict[str, Any]:
        try:
            return declarations.write(declarations.read(self.cleaned_data["variables"] or {}))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "variables" in cleaned:
            texts = {name: cleaned.get(name, "") for name in ("title_template", "content_template")}
            template = NotificationTemplate(**texts, variables=cleaned["variables"])
            for name, reasons in services.templates.problems(template).items():
                self.add_error(name, list(reasons))
        return cleaned


@admin.register(NotificationTemplate)
class TemplateAdmin(AuditedAdmin):
    """Texts of messages; the form shows at once how WeCom will show them."""

    menu_order = 310
    form = TemplateForm
    change_form_template = "admin/notifications/template_form.html"
    fields = TemplateForm.Meta.fields
    list_display = ("template_name", "language", "label", "channel", "title_template", "updated_at")
    list_filter = ("language", "channel")
    search_fields = ("template_name", "label", "title_template", "content_template")
    search_help_text = gettext_lazy("模板名、用途、内容")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Code sends by this name: it stays what it was."""
        return ("template_name", "language") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        services.templates.save_template(obj, user=person_of(request))

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.preview_view)
        return [
            path("preview/", view, name="notifications_notificationtemplate_preview"),
            *super().get_urls(),
        ]

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show what stands in the form now; nothing is saved."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        fields: dict[str, Any] = request.POST.dict()
        try:
            fields["variables"] = forms.JSONField(required=False).clean(fields.get("variables", ""))
        except forms.ValidationError as error:
            return HttpResponse(format_html('<p class="errornote">{}</p>', " ".join(error.messages)))
        return HttpResponse(preview_html(fields))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        form = context["adminform"].form
        fields = {name: form[name].value() for name in form.fields} if form.fields else {}
        original = context.get("original")
        if original is not None and not form.is_bound:
            fields = {field.name: getattr(original, field.name) for field in original._meta.fields}
        elif form.is_bound:
            fields["variables"] = form.cleaned_data.get("variables", {})
        context["preview"] = preview_html(fields)
        context["preview_url"] = reverse("admin:notifications_notificationtemplate_preview")
        return super().render_change_form(request, context, *args, **kwargs)
