"""Master data in the admin: companies, parts, and how a characteristic is judged."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality import plans, wording
from quality.choices import Distribution, Index
from quality.models import (
    Characteristic,
    ControlLimits,
    Customer,
    IQCReport,
    JudgementDefaults,
    OQCReport,
    Part,
    Recalculation,
    Supplier,
)
from quality.services.limits import withdraw_limits
from quality.services.recalculation import cancel_recalculation, start_recalculation
from spc_site.admin import (
    DASH,
    BaseAdmin,
    PrettyJSONField,
    ReadOnlyAdmin,
    badge,
    badge_column,
    change_url,
    link,
    list_url,
    person_of,
)
from spc_site.errors import Conflict

_WESTERN_ELECTRIC = {
    "WE1": wording.RULES[1],
    "WE2": wording.RULES[5],
    "WE3": wording.RULES[6],
    "WE4": gettext_lazy("连续 8 点在中心线同一侧"),
}


class RuleField(forms.TypedMultipleChoiceField):
    """Control rules by number, each with what it looks for; numbers stay numbers when stored."""

    def __init__(self, **options: Any) -> None:
        rules = [*wording.RULES.items(), *_WESTERN_ELECTRIC.items()]
        super().__init__(
            coerce=lambda rule: int(rule) if rule.isdigit() else rule,
            choices=[(str(rule), format_lazy("{}  {}", rule, meaning)) for rule, meaning in rules],
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

    rule_parameters = PrettyJSONField(
        label=gettext_lazy("规则参数"),
        rows=3,
        required=False,
        help_text=gettext_lazy('只写改动的，如 {"2": {"length": 8}} 表示规则 2 取连续 8 点'),
    )
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
            "estimator",
            "rule_preset",
            "rule_parameters",
            "lower_is_bound",
            "upper_is_bound",
            "cpk_limit",
            "judged_index",
            "distribution",
            "alarm_rules",
            "defect_class",
            "is_special",
        )

    def clean_rule_parameters(self) -> Any:
        return self.cleaned_data["rule_parameters"] or {}

    def clean(self) -> dict[str, Any]:
        """Ask the engine for the rules that result, so that no judgement fails for them later."""
        cleaned = super().clean() or {}
        is_normal = cleaned.get("distribution", Distribution.NORMAL) == Distribution.NORMAL
        if not is_normal and cleaned.get("judged_index") == Index.WITHIN:
            self.add_error("judged_index", _("非正态分布只有总体指标，没有组内的 Cpk。"))
        wanted = Characteristic(
            rule_preset=cleaned.get("rule_preset", "none"),
            rule_parameters=cleaned.get("rule_parameters") or {},
        )
        try:
            known = {rule.id for rule in plans.rules_of(wanted)}
        except (TypeError, AttributeError, ValueError) as error:
            self.add_error("rule_parameters", _("规则参数有误：%(error)s") % {"error": error})
            return cleaned
        if absent := [str(rule) for rule in cleaned.get("alarm_rules", ()) if str(rule) not in known]:
            self.add_error("alarm_rules", _("所选规则组没有规则 %(rules)s。") % {"rules": "、".join(absent)})
        return cleaned


@admin.register(Characteristic)
class CharacteristicAdmin(BaseAdmin):
    """How a characteristic is judged. What is judged already waits for the action to change."""

    menu_order = 166
    form = CharacteristicForm
    actions = ("rejudge",)
    object_actions = ("rejudge",)
    autocomplete_fields = ("part",)
    readonly_fields = ("limits_in_force",)
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
    list_filter = ("chart", "judged_index", "distribution", "defect_class", "is_special")
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
        (
            gettext_lazy("控制图"),
            {"fields": (("chart", "subgroup_size", "estimator"), "limits_in_force")},
        ),
        (
            gettext_lazy("判定"),
            {
                "fields": (
                    ("cpk_limit", "judged_index"),
                    "distribution",
                    ("lower_is_bound", "upper_is_bound"),
                    "alarm_rules",
                    "rule_preset",
                    "rule_parameters",
                )
            },
        ),
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

    @admin.display(description=gettext_lazy("锁定的控制限"))
    def limits_in_force(self, characteristic: Characteristic) -> SafeString | str:
        row = characteristic.control_limits.filter(valid_to__isnull=True).first()
        return link(change_url(row), f"{row} {row.reason}") if row else _("没有，由各报告自行计算")

    @admin.action(description=gettext_lazy("按现有设置重新判定"), permissions=["rejudge"])
    def rejudge(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Judge all current entries of these characteristics again, after asking."""
        rows = list(queryset)
        if "confirmed" not in request.POST:
            return self.ask_first(
                request,
                rows,
                action="rejudge",
                title=_("按现有设置重新判定"),
                question=_("将在后台重新判定 %(count)d 个检测项目的全部现行数据；新出现的异常会报警并通知。")
                % {"count": len(rows)},
                lines=[f"{row.part} · {row}" for row in rows],
                button=_("重新判定"),
            )
        self.act_on_each(
            request,
            rows,
            lambda row: start_recalculation(user=person_of(request), characteristic=row),
            done=_("已开始重新判定 %(count)d 个检测项目，进度见“重新判定”。"),
        )
        return None


@admin.register(ControlLimits)
class LimitsAdmin(ReadOnlyAdmin):
    """Versions of locked limits: never edited; the one in force can be withdrawn."""

    menu_order = 168
    actions = ("withdraw",)
    object_actions = ("withdraw",)
    list_display = (
        "version_name",
        "characteristic",
        "state",
        "centre",
        "sigma",
        "reason",
        "author",
        "valid_from",
    )
    list_select_related = ("characteristic__part", "author")
    list_filter = (("valid_to", admin.EmptyFieldListFilter), "valid_from")
    search_fields = ("characteristic__name", "characteristic__part__number", "reason")
    search_help_text = gettext_lazy("检测项目、料号、理由")
    fieldsets = (
        (None, {"fields": ("characteristic", ("version", "state"), "reason", "author")}),
        (
            gettext_lazy("界限"),
            {
                "fields": (
                    ("centre", "sigma"),
                    ("ucl", "lcl"),
                    ("secondary_centre", "secondary_ucl", "secondary_lcl"),
                )
            },
        ),
        (gettext_lazy("来历"), {"fields": (("valid_from", "valid_to"), "created_at", "baseline_links")}),
    )

    @admin.display(description=gettext_lazy("版本"), ordering="version")
    def version_name(self, row: ControlLimits) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("状态"), ordering="valid_to")
    def state(self, row: ControlLimits) -> SafeString:
        return badge(_("已失效"), "grey") if row.valid_to else badge(_("生效中"), "green")

    @admin.display(description=gettext_lazy("基线"))
    def baseline_links(self, row: ControlLimits) -> SafeString | str:
        links = [
            (
                reverse("quality:entry", args=[one["kind"], one["report"], one["entry"]]),
                one["kind"],
                one["report"],
            )
            for one in row.baseline
        ]
        return format_html_join("、", '<a href="{}">{} {}</a>', links) or DASH

    def get_object_actions(self, request: HttpRequest, obj: ControlLimits) -> tuple[str, ...]:
        return () if obj.valid_to else ("withdraw",)

    @admin.action(description=gettext_lazy("停用"), permissions=["act"])
    def withdraw(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        rows = list(queryset.select_related("characteristic__part"))
        if "confirmed" not in request.POST:
            return self.ask_first(
                request,
                rows,
                action="withdraw",
                title=_("停用控制限"),
                question=_("停用之后，控制限重新由各报告自行计算；已判定的数据不变。"),
                lines=[f"{row.characteristic.part} · {row.characteristic} · {row}" for row in rows],
                button=_("停用"),
            )

        def act(row: ControlLimits) -> None:
            if row.valid_to or not withdraw_limits(row.characteristic):
                raise Conflict(_("早已失效。"))

        self.act_on_each(request, rows, act, done=_("已停用 %(count)d 个版本。"))
        return None


@admin.register(Recalculation)
class RecalculationAdmin(ReadOnlyAdmin):
    """Runs over stored reports: how far they are, and stopping them."""

    menu_order = 170
    actions = ("stop",)
    object_actions = ("stop",)
    list_display = ("scope", "state_badge", "progress", "requested_by", "created_at", "finished_at")
    list_select_related = ("characteristic__part", "requested_by")
    list_filter = ("state", "created_at")
    fields = ("scope", "state_badge", "progress", "requested_by", ("created_at", "finished_at"))

    state_badge = badge_column("state", {"running": "blue", "done": "green", "cancelled": "grey"})

    @admin.display(description=gettext_lazy("范围"), ordering="characteristic")
    def scope(self, run: Recalculation) -> str:
        one = run.characteristic
        return f"{one.part} · {one}" if one else _("全部数据")

    @admin.display(description=gettext_lazy("进度"))
    def progress(self, run: Recalculation) -> SafeString:
        return format_html(
            '<progress max="100" value="{}"></progress> {} / {}', run.percent, run.done, run.total
        )

    def get_object_actions(self, request: HttpRequest, obj: Recalculation) -> tuple[str, ...]:
        return ("stop",) if obj.state == Recalculation.State.RUNNING else ()

    @admin.action(description=gettext_lazy("停止"), permissions=["act"])
    def stop(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        def act(run: Recalculation) -> None:
            if not cancel_recalculation(run):
                raise Conflict(_("已经结束。"))

        self.act_on_each(request, queryset, act, done=_("已停止 %(count)d 次重新判定；判过的不变。"))


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
    actions = ("rejudge",)
    object_actions = ("rejudge",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_rejudge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quality.add_recalculation")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return super().changelist_view(request, extra_context)
        JudgementDefaults.objects.get_or_create(pk=1)
        return HttpResponseRedirect(reverse("admin:quality_judgementdefaults_change", args=[1]))

    @admin.action(description=gettext_lazy("重新判定全部数据"), permissions=["rejudge"])
    def rejudge(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.ask_first(
                request,
                list(queryset),
                action="rejudge",
                title=_("重新判定全部数据"),
                question=_("将在后台重新判定全部报告的现行数据；新出现的异常会报警并通知。"),
                button=_("重新判定"),
            )
        start_recalculation(user=person_of(request))
        self.message_user(request, _("已开始重新判定，进度见“重新判定”。"), messages.SUCCESS)
        return HttpResponseRedirect(list_url(Recalculation))
