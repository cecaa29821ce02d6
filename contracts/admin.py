"""Contracts in the admin: number series, other systems and their calls, the archive, who took what.

Templates have pages of their own (`contracts.views.templates`): an upload, a mapping and a second person
are no form of one row.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contracts.choices import CALL_TONES, STATE_TONES, CallState, ContractState
from contracts.formats import fen_to_yuan
from contracts.models import BatchRun, Contract, DownloadLog, NumberSeries, OutboundWebhook, WebhookDelivery
from contracts.services import batches, webhooks
from notifications.admin.audited import AuditedAdmin
from spc_site.admin import DASH, PrettyJSONField, ReadOnlyAdmin, badge_column, link, person_of
from spc_site.errors import AppError
from spc_site.sealed import masked


class SeriesForm(forms.ModelForm):
    """A series of numbers; department codes are a list of names and codes."""

    department_codes = PrettyJSONField(
        label=gettext_lazy("部门代码"),
        required=False,
        rows=5,
        help_text=gettext_lazy(
            '部门名或部门 ID 对应号码中的代码，如 {"采购部": "CG"}；留空则号码中没有部门，'
            "填写后每个部门各自编号"
        ),
    )

    class Meta:
        model = NumberSeries
        fields = ("name", "prefix", "separator", "reset", "digits", "department_codes")

    def clean_department_codes(self) -> dict[str, str]:
        codes = self.cleaned_data["department_codes"] or {}
        is_table = isinstance(codes, dict) and all(
            isinstance(code, str) and 0 < len(code) <= 20 for code in codes.values()
        )
        if not is_table:
            raise forms.ValidationError(_("请按 {“部门”: “代码”} 填写，代码不超过 20 个字符。"))
        return codes


@admin.register(NumberSeries)
class NumberSeriesAdmin(AuditedAdmin):
    """How contracts are numbered. What was given stays given; a change is for the next ones."""

    menu_order = 271
    form = SeriesForm
    list_display = ("name", "prefix", "reset", "digits")
    search_fields = ("name", "prefix")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Contract)
class ContractAdmin(ReadOnlyAdmin):
    """The archive as rows: to filter, and to act on many at once."""

    menu_order = 270
    list_display = ("title", "state_badge", "parties", "amount", "template", "created_at")
    list_select_related = ("template",)
    list_filter = ("state", "template", "created_at")
    search_fields = ("number", "sp_no", "name", "party_a", "party_b")
    search_help_text = gettext_lazy("编号、审批单号、名称、双方")
    date_hierarchy = "created_at"
    actions = ("generate", "regenerate", "send", "convert")
    fields = (
        ("number", "state_badge"),
        "name",
        ("party_a", "party_b"),
        "amount",
        ("sp_no", "applicant", "department"),
        "failure_text",
        "trace",
    )

    state_badge = badge_column("state", STATE_TONES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("detail", "content")

    @admin.display(description=gettext_lazy("合同"), ordering="number")
    def title(self, contract: Contract) -> str:
        return str(contract)

    @admin.display(description=gettext_lazy("双方"))
    def parties(self, contract: Contract) -> str:
        return " / ".join(filter(None, (contract.party_a, contract.party_b))) or DASH

    @admin.display(description=gettext_lazy("金额（元）"), ordering="amount_fen")
    def amount(self, contract: Contract) -> str:
        return DASH if contract.amount_fen is None else fen_to_yuan(contract.amount_fen, grouped=True)

    @admin.action(description=gettext_lazy("生成或重试"), permissions=["act"])
    def generate(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._start(request, queryset, BatchRun.Act.GENERATE)

    @admin.action(description=gettext_lazy("重新生成"), permissions=["act"])
    def regenerate(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._start(request, queryset, BatchRun.Act.REGENERATE)

    @admin.action(description=gettext_lazy("再次发送"), permissions=["act"])
    def send(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._start(request, queryset, BatchRun.Act.SEND)

    @admin.action(description=gettext_lazy("转换 PDF"), permissions=["act"])
    def convert(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        return self._start(request, queryset, BatchRun.Act.PDF)

    def _start(self, request: HttpRequest, queryset: models.QuerySet, act: str) -> HttpResponse | None:
        """Begin a run that can be watched and stopped, and go to its page."""
        rows = list(queryset.order_by("pk").values_list("pk", flat=True)[: batches.MOST + 1])
        try:
            run = batches.start(act, rows, user=person_of(request))
        except AppError as refused:
            self.message_user(request, refused.message, "ERROR")
            return None
        return HttpResponseRedirect(reverse("contracts:batch", args=[run.pk]))


class WebhookForm(forms.ModelForm):
    """Another system; its secret is pasted once and never shown again."""

    url = forms.URLField(label=gettext_lazy("地址"), max_length=500, assume_scheme="https")
    secret = forms.CharField(
        label=gettext_lazy("签名密钥"),
        required=False,
        help_text=gettext_lazy("至少 16 个字符；加密保存，只显示末四位"),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "vTextField"}),
    )
    states = forms.MultipleChoiceField(
        label=gettext_lazy("只告知这些状态"),
        choices=ContractState.choices,
        required=False,
        help_text=gettext_lazy("一个都不选则全部告知"),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = OutboundWebhook
        fields = ("name", "url", "secret", "states", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["secret"] = ""
        if self.instance.pk and "secret" in self.fields:
            shown = masked(self.instance.secret)
            self.fields["secret"].widget.attrs["placeholder"] = _("%(key)s，留空则不变") % {"key": shown}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("secret", "").strip() and self.instance.pk:
            cleaned["secret"] = self.instance.secret
        try:
            webhooks.validate(cleaned.get("url", ""), cleaned.get("secret", "").strip())
        except AppError as refused:
            self.add_error("url" if refused.code == "bad_url" else "secret", refused.message)
        return cleaned


@admin.register(OutboundWebhook)
class OutboundWebhookAdmin(AuditedAdmin):
    """Systems that are told what becomes of contracts."""

    menu_order = 272
    form = WebhookForm
    list_display = ("name", "url", "masked_secret", "is_enabled")
    list_filter = ("is_enabled",)
    search_fields = ("name", "url")

    @admin.display(description=gettext_lazy("签名密钥"))
    def masked_secret(self, row: OutboundWebhook) -> str:
        return masked(row.secret)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """Calls to other systems; those that were given up can be made again."""

    menu_order = 273
    actions = ("retry",)
    object_actions = ("retry",)
    list_display = ("event", "state_badge", "webhook", "contract", "attempts", "error", "created_at")
    list_select_related = ("webhook", "contract__template")
    list_filter = ("state", "webhook", "event", "created_at")
    search_fields = ("contract__number", "event_id")
    fields = (
        ("event", "state_badge"),
        ("webhook", "contract"),
        "event_id",
        ("attempts", "next_at", "sent_at"),
        ("http_status", "error"),
        "body",
    )

    state_badge = badge_column("state", CALL_TONES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("webhook__secret", "contract__detail", "contract__content")

    def get_object_actions(self, request: HttpRequest, obj: WebhookDelivery) -> tuple[str, ...]:
        return ("retry",) if obj.state == CallState.DEAD else ()

    @admin.action(description=gettext_lazy("再次通知"), permissions=["act"])
    def retry(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        def act(call: WebhookDelivery) -> None:
            if not webhooks.retry(call):
                raise AppError("not_dead", _("只有已放弃的通知可以再次发出。"))

        self.act_on_each(request, queryset, act, done=_("将再次通知 %(count)d 次。"))


@admin.register(DownloadLog)
class DownloadLogAdmin(ReadOnlyAdmin):
    """Who took which file."""

    menu_order = 274
    list_display = ("at", "who", "form", "contract_link", "address")
    list_select_related = ("contract__template", "user")
    list_filter = ("form", "at")
    search_fields = ("who", "contract__number", "digest")
    fields = ("at", "who", "user", "form", "contract_link", "version", "digest", "address")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).defer("contract__detail", "contract__content")

    @admin.display(description=gettext_lazy("合同"))
    def contract_link(self, row: DownloadLog) -> SafeString | str:
        return link(row.contract.get_absolute_url(), str(row.contract))
