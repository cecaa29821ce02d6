"""Texts of messages in the admin: their form beside a preview, their versions, a test send."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import label_for_field
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import previews, services
from notifications.admin.audited import AuditedAdmin
from notifications.admin.variables import VariablesField
from notifications.choices import STATE_TONES, State
from notifications.models import Notification, NotificationTemplate
from notifications.services import templates
from spc_site.admin import badge, change_url, person_of
from spc_site.errors import AppError, Conflict

_RECENT_EVENTS = 12
_VERSIONS_SHOWN = 50


class TemplateForm(forms.ModelForm):
    """Refuse a template that its own samples cannot fill, and one that somebody else has changed.

    Pressing the button of the preview shows it and saves nothing: that is how pages without
    script see it.
    """

    variables = VariablesField(label=gettext_lazy("变量"), required=False)
    note = forms.CharField(
        label=gettext_lazy("这次改了什么"),
        max_length=255,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    base_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

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
            "with_button",
        )
        widgets = {
            "title_template": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "content_template": forms.Textarea(
                attrs={"rows": 9, "class": "vLargeTextField monospace", "spellcheck": "false"}
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["base_version"] = self.instance.version

    def is_valid(self) -> bool:
        return "_preview" not in self.data and super().is_valid()

    def clean_content_template(self) -> str:
        return str(self.cleaned_data["content_template"]).replace("\r\n", "\n")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "variables" in cleaned:
            texts = {name: cleaned.get(name, "") for name in ("title_template", "content_template")}
            draft = NotificationTemplate(**texts, variables=cleaned["variables"])
            for name, reasons in templates.problems(draft).items():
                self.add_error(name, list(reasons))
        if self.instance.pk and (based_on := cleaned.get("base_version")) is not None:
            now = NotificationTemplate.objects.values_list("version", flat=True).get(pk=self.instance.pk)
            if now != based_on:
                self.add_error(
                    None,
                    _("有人在此期间保存了第 %(number)d 版，请看过之后再改。") % {"number": now},
                )
        return cleaned


class TestForm(forms.Form):
    """Where a test goes."""

    channel = forms.ChoiceField(label=gettext_lazy("渠道"))
    target = forms.CharField(
        label=gettext_lazy("目标"), max_length=255, help_text=gettext_lazy("群名、userid 或地址，依渠道而定")
    )

    def __init__(self, template: NotificationTemplate, data: Any = None) -> None:
        initial = {"channel": template.channel, "target": previews.SAMPLE_TARGET}
        super().__init__(data, initial=initial)
        channel = NotificationTemplate._meta.get_field("channel")
        self.fields["channel"].choices = channel.choices  # type: ignore[attr-defined]


class DifferenceFilter(admin.SimpleListFilter):
    """Shipped texts that the plant has changed, or its own."""

    title = gettext_lazy("与出厂文字")
    parameter_name = "text"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("changed", _("已修改")), ("shipped", _("相同")), ("own", _("自建"))]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet) -> models.QuerySet:
        if not self.value():
            return queryset
        # A plant has dozens of templates, not thousands.
        return queryset.filter(pk__in=[row.pk for row in queryset if _origin(row) == self.value()])


def _origin(template: NotificationTemplate) -> str:
    if not templates.is_shipped(template):
        return "own"
    return "changed" if templates.differs_from_default(template) else "shipped"


@admin.register(NotificationTemplate)
class TemplateAdmin(AuditedAdmin):
    """Texts of messages; the form shows at once how their readers will see them."""

    menu_order = 310
    form = TemplateForm
    change_form_template = "admin/notifications/template_form.html"
    object_history_template = "admin/notifications/template_history.html"
    actions = ("test_send", "restore_default")
    object_actions = ("test_send", "restore_default")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("template_name", "language"),
                    "label",
                    ("channel", "with_picture", "with_button"),
                    "title_template",
                    "content_template",
                )
            },
        ),
        (gettext_lazy("变量"), {"fields": ("variables",), "classes": ("variables-set",)}),
        (None, {"fields": (("note", "base_version"),)}),
    )
    list_display = (
        "label_shown",
        "template_name",
        "language",
        "channel",
        "origin_badge",
        "version_shown",
        "updated_at",
    )
    list_display_links = ("label_shown",)
    list_filter = ("language", "channel", DifferenceFilter)
    search_fields = ("template_name", "label", "title_template", "content_template")
    search_help_text = gettext_lazy("模板名、用途、内容")

    class Media:
        css = {"all": ["notifications/templates.css"]}
        js = ("notifications/templates.js",)

    @admin.display(description=gettext_lazy("用途"), ordering="label")
    def label_shown(self, row: NotificationTemplate) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("版本"), ordering="version")
    def version_shown(self, row: NotificationTemplate) -> int:
        return row.version

    @admin.display(description=gettext_lazy("与出厂文字"))
    def origin_badge(self, row: NotificationTemplate) -> SafeString:
        return {
            "own": badge(_("自建"), "grey"),
            "changed": badge(_("已修改"), "amber"),
            "shipped": badge(_("相同"), "green"),
        }[_origin(row)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Code sends by this name: it stays what it was."""
        return ("template_name", "language") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        templates.save_template(
            obj,
            user=person_of(request),
            note=form.cleaned_data["note"],
            base_version=form.cleaned_data["base_version"] if change else None,
        )

    def get_urls(self) -> list[Any]:
        def named(view: Any, name: str) -> dict[str, Any]:
            return {
                "view": self.admin_site.admin_view(view),
                "name": f"notifications_notificationtemplate_{name}",
            }

        return [
            path("preview/", **named(self.preview_view, "preview")),
            path("<int:pk>/restore/<int:number>/", **named(self.restore_view, "restore")),
            path("<int:pk>/test/<str:message_id>/", **named(self.test_view, "test")),
            *super().get_urls(),
        ]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Conflict as conflict:
            # Between the form's own look and the lock; nothing was saved.
            self.message_user(request, conflict.message, messages.ERROR)
            return HttpResponseRedirect(request.path)

    # --- preview ---

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Show what stands in the form now; nothing is saved."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        language = request.GET.get("language", "")
        form = TemplateForm(request.POST, instance=NotificationTemplate(language=language))
        return HttpResponse(_preview_html(request, _draft_of(form)))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        form = context["adminform"].form
        original = context.get("original")
        draft = _draft_of(form) if form.is_bound else original or NotificationTemplate()
        look = previews.look_for(request.POST.get("preview_look", ""), draft.channel)
        context |= {
            "preview": _preview_html(request, draft),
            "preview_url": reverse(
                "admin:notifications_notificationtemplate_preview", query={"language": draft.language}
            ),
            "looks": previews.looks(),
            "look": look,
            "events": _recent_events(request, original) if original is not None else [],
            "chosen_event": request.POST.get("preview_event", ""),
            "is_preview": "_preview" in request.POST,
            "differs": original is not None and _origin(original) == "changed",
        }
        return super().render_change_form(request, context, *args, **kwargs)

    # --- versions ---

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the versions, each with what it changed."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        versions = list(row.versions.select_related("author")[: _VERSIONS_SHOWN + 1])
        older = [*versions[1:], None]
        shown = [
            {
                "version": version,
                "changes": [
                    (label_for_field(name, NotificationTemplate), lines)
                    for name, lines in templates.difference(
                        templates.texts_of(before) if before else None, templates.texts_of(version)
                    ).items()
                ],
                "is_first": before is None,
            }
            for version, before in zip(versions, older, strict=False)
        ][:_VERSIONS_SHOWN]
        context = {
            **self.admin_site.each_context(request),
            "title": _("版本：%(name)s") % {"name": row},
            "object": row,
            "opts": self.opts,
            "versions": shown,
            "has_more": len(versions) > _VERSIONS_SHOWN,
            "can_restore": self.has_change_permission(request, row),
            "differs": _origin(row) == "changed",
            "media": self.media,
        }
        return TemplateResponse(request, self.object_history_template, context)

    def restore_view(self, request: HttpRequest, pk: int, number: int) -> HttpResponse:
        """Make an older version the newest."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = self._row(pk)
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        try:
            templates.restore_version(row, number, user=person_of(request))
        except AppError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            self.message_user(request, _("已恢复第 %(number)d 版。") % {"number": number}, messages.SUCCESS)
        return HttpResponseRedirect(change_url(row))

    @admin.action(description=gettext_lazy("恢复出厂文字"), permissions=["change"])
    def restore_default(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda row: templates.restore_default(row, user=person_of(request)),
            done=_("已恢复 %(count)d 个模板的出厂文字；之前的文字在版本里。"),
        )

    # --- test ---

    def has_test_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notifications.test_channel")

    @admin.action(description=gettext_lazy("试发"), permissions=["test"])
    def test_send(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Ask where to, send the saved text through the real path, and show what becomes of it."""
        row = queryset.first()
        if row is None or queryset.count() != 1:
            self.message_user(request, _("一次试发一个模板。"), messages.WARNING)
            return None
        form = TestForm(row, request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            try:
                sent = services.send_test(row, user=person_of(request), **form.cleaned_data)
            except AppError as refusal:
                form.add_error(None, refusal.message)
            else:
                url = reverse("admin:notifications_notificationtemplate_test", args=[row.pk, sent.message_id])
                return HttpResponseRedirect(url)
        return self.ask_first(
            request,
            [row],
            action="test_send",
            title=_("试发：%(name)s") % {"name": row},
            question=_("用示例值把已保存的文字真的发出去一次，标上【测试】，不合并、不重试。"),
            form=form,
            button=_("试发"),
        )

    def test_view(self, request: HttpRequest, pk: int, message_id: str) -> HttpResponse:
        """Show what became of a test; the page looks again until it is known."""
        row = self._row(pk)
        if not self.has_test_permission(request):
            raise PermissionDenied
        sent = list(
            Notification.objects.filter(is_test=True, template_name=row.template_name)
            .filter(
                correlation_id__in=Notification.objects.filter(message_id=message_id).values("correlation_id")
            )
            .order_by("part_no")
            .prefetch_related("attempts")
        )
        if not sent:
            raise Http404
        is_under_way = any(one.status in (State.PENDING, State.SENDING) for one in sent)
        context = {
            **self.admin_site.each_context(request),
            "title": _("试发：%(name)s") % {"name": row},
            "object": row,
            "opts": self.opts,
            "sent": [
                {
                    "row": one,
                    "badge": badge(one.get_status_display(), STATE_TONES.get(State(one.status), "grey")),
                    "shown": previews.of_payload(one.payload or one.content),
                    "url": change_url(one),
                }
                for one in sent
            ],
            "is_under_way": is_under_way,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/notifications/test_result.html", context)

    def get_object_actions(self, request: HttpRequest, obj: NotificationTemplate) -> tuple[str, ...]:
        """Offer the shipped text where another one stands."""
        return ("test_send", "restore_default") if _origin(obj) == "changed" else ("test_send",)

    def _row(self, pk: int) -> NotificationTemplate:
        row = NotificationTemplate.objects.filter(pk=pk).first()
        if row is None:
            raise Http404
        return row


def _draft_of(form: TemplateForm) -> NotificationTemplate:
    """Return what stands in a form as a template, whether or not it could be saved."""
    draft = NotificationTemplate(variables={})
    draft.version = form.instance.version
    for name in ("template_name", "language"):
        setattr(draft, name, getattr(form.instance, name))
    for name in ("title_template", "content_template", "channel", "language"):
        if name in form.fields and (value := form[name].value()) is not None:
            setattr(draft, name, str(value).replace("\r\n", "\n"))
    draft.with_picture = bool(form["with_picture"].value())
    draft.with_button = bool(form["with_button"].value())
    rows = form["variables"].value() or []
    draft.variables = {one.name: {"type": one.type, "sample": one.sample} for one in rows}
    return draft


def _preview_html(request: HttpRequest, draft: NotificationTemplate) -> SafeString:
    """Return the preview of a template as the panel shows it."""
    look = previews.look_for(request.POST.get("preview_look", ""), draft.channel)
    event = request.POST.get("preview_event", "")
    values = None
    if event.isdigit() and request.user.has_perm("notifications.view_notification"):
        stored = Notification.objects.filter(pk=event).values_list("variables", flat=True).first()
        values = previews.values_of(stored, draft.language) if stored else None
    preview = previews.of_template(draft, look=look, values=values)
    return mark_safe(  # noqa: S308
        render_to_string("admin/notifications/preview.html", {"preview": preview, "look": look})
    )


def _recent_events(request: HttpRequest, template: NotificationTemplate) -> list[tuple[str, str]]:
    """Return recent messages of a template, whose real values the preview can take."""
    if not request.user.has_perm("notifications.view_notification"):
        return []
    rows = Notification.objects.filter(template_name=template.template_name, part_no=1, is_test=False)
    return [
        (
            str(row.pk),
            " ".join(
                (
                    date_format(timezone.localtime(row.created_at), "SHORT_DATETIME_FORMAT"),
                    Truncator(row.subject or row.title).chars(40),
                )
            ),
        )
        for row in rows.only("pk", "created_at", "subject", "title").order_by("-created_at")[:_RECENT_EVENTS]
    ]
