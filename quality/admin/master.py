"""Master data in the admin: companies, parts, and how a characteristic is judged."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality import wording
from quality.kinds import KINDS
from quality.models import (
    Characteristic,
    Customer,
    IQCReport,
    JudgementDefaults,
    OQCReport,
    Part,
    Supplier,
)
from quality.services.judgement import request_rejudgement
from spc_site.admin import DASH, BaseAdmin, badge, link, list_url
from spc_site.errors import Conflict


class RuleField(forms.TypedMultipleChoiceField):
    """Control rules by number, each with what it looks for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            coerce=int,
            choices=[(number, f"{number}  {meaning}") for number, meaning in wording.RULES.items()],
            widget=forms.CheckboxSelectMultiple,
            required=False,
            **options,
        )


class PartyAdmin(BaseAdmin):
    """A company is made on sight by an import; here it is completed and switched off."""

    list_display = ("name", "code", "active_badge", "reports_link", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name", "code")
    search_help_text = gettext_lazy("名称、代码")
    readonly_fields = ("created_at",)
    report_model: type[models.Model]
    report_field: str

    @admin.display(description=gettext_lazy("状态"), ordering="is_active")
    def active_badge(self, party: Supplier | Customer) -> SafeString:
        return badge(_("启用"), "green") if party.is_active else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("报告"))
    def reports_link(self, party: Supplier | Customer) -> SafeString:
        wanted = {f"{self.report_field}__id__exact": party.pk}
        return link(list_url(self.report_model, **wanted), _("查看报告"))


@admin.register(Supplier)
class SupplierAdmin(PartyAdmin):
    menu_order = 160
    report_model, report_field = IQCReport, "supplier"


@admin.register(Customer)
class CustomerAdmin(PartyAdmin):
    menu_order = 162
    report_model, report_field = OQCReport, "customer"


@admin.register(Part)
class PartAdmin(BaseAdmin):
    menu_order = 164
    list_display = ("number", "name", "drawing", "characteristics_link", "created_at")
    search_fields = ("number", "name", "drawing")
    search_help_text = gettext_lazy("料号、品名、图号")
    readonly_fields = ("created_at",)

    @admin.display(description=gettext_lazy("检测项目"))
    def characteristics_link(self, part: Part) -> SafeString:
        return link(list_url(Characteristic, part__id__exact=part.pk), _("查看项目"))


class CharacteristicForm(forms.ModelForm):
    """Rules as check boxes instead of a list of numbers."""

    alarm_rules = RuleField(
        label=gettext_lazy("报警规则"),
        help_text=gettext_lazy("勾选的规则一旦出现就判为异常；不勾选则只在图上标出。"),
    )

    class Meta:
        model = Characteristic
        fields = (
            "part",
            "name",
            "occurrence",
            "unit",
            "decimals",
            "chart",
            "subgroup_size",
            "cpk_limit",
            "judged_index",
            "alarm_rules",
            "defect_class",
            "is_special",
        )


@admin.register(Characteristic)
class CharacteristicAdmin(BaseAdmin):
    """How a characteristic is judged. What is judged already waits for the action to change."""

    menu_order = 166
    form = CharacteristicForm
    actions = ("rejudge",)
    object_actions = ("rejudge",)
    autocomplete_fields = ("part",)
    list_display = (
        "name",
        "part",
        "chart",
        "subgroup_size",
        "cpk_limit",
        "judged_index",
        "rules_shown",
        "defect_class",
        "special_badge",
    )
    list_select_related = ("part",)
    list_filter = ("chart", "judged_index", "defect_class", "is_special")
    search_fields = ("name", "part__number", "part__name")
    search_help_text = gettext_lazy("检测项目、料号、品名")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "part",
                    ("name", "occurrence"),
                    ("unit", "decimals"),
                    ("defect_class", "is_special"),
                )
            },
        ),
        (gettext_lazy("控制图"), {"fields": ("chart", "subgroup_size")}),
        (gettext_lazy("判定"), {"fields": (("cpk_limit", "judged_index"), "alarm_rules")}),
    )

    @admin.display(description=gettext_lazy("报警规则"))
    def rules_shown(self, characteristic: Characteristic) -> str:
        return "、".join(str(rule) for rule in characteristic.alarm_rules) or DASH

    @admin.display(description=gettext_lazy("特殊特性"), ordering="is_special")
    def special_badge(self, characteristic: Characteristic) -> SafeString | str:
        return badge(_("特殊"), "amber") if characteristic.is_special else DASH

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "part__id__exact" or super().lookup_allowed(lookup, value, request)

    def has_rejudge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quality.change_characteristic")

    @admin.action(description=gettext_lazy("按现有设置重新判定"), permissions=["rejudge"])
    def rejudge(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Judge all current entries of these characteristics again, after asking."""
        rows = list(queryset)
        if "confirmed" not in request.POST:
            count = sum(_entries(kind, rows).count() for kind in KINDS.values())
            return self.ask_first(
                request,
                rows,
                action="rejudge",
                title=_("按现有设置重新判定"),
                question=_("将重新判定 %(count)d 个报告项目；新出现的异常会报警并通知。") % {"count": count},
                lines=[f"{row.part} · {row}" for row in rows],
                button=_("重新判定"),
            )

        def act(row: Characteristic) -> None:
            if not sum(request_rejudgement(_entries(kind, [row])) for kind in KINDS.values()):
                raise Conflict(_("没有报告用到这个项目。"))

        self.act_on_each(request, rows, act, done=_("已请求重新判定 %(count)d 个项目的报告，结果随后更新。"))
        return None


def _entries(kind: Any, characteristics: list[Characteristic]) -> Any:
    return kind.entry_model.objects.filter(characteristic__in=characteristics).current()


class DefaultsForm(forms.ModelForm):
    alarm_rules = RuleField(label=gettext_lazy("报警规则"))

    class Meta:
        model = JudgementDefaults
        fields = ("cpk_limit", "judged_index", "alarm_rules")


@admin.register(JudgementDefaults)
class DefaultsAdmin(BaseAdmin):
    """One row: its list goes straight to it."""

    menu_order = 180
    form = DefaultsForm

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        JudgementDefaults.objects.get_or_create(pk=1)
        return HttpResponseRedirect(reverse("admin:quality_judgementdefaults_change", args=[1]))
