"""Entries of reports in the admin: values editable as pasted text, limits locked from them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality import pasting, selectors, wording
from quality.admin.rejudging import rejudge_all
from quality.choices import STATUS_TONES, Status
from quality.kinds import IQC, OQC, Kind
from quality.models import IQCReportEntry, OQCReportEntry
from quality.models.reports import ReportEntry
from quality.presenters.entry import entry_page
from quality.services.entries import bad_value_lines, change_values
from quality.services.limits import lock_limits
from spc_site.admin import (
    DASH,
    BaseAdmin,
    badge_column,
    change_url,
    link,
    person_of,
)
from spc_site.errors import AppError


class RevisionFilter(admin.SimpleListFilter):
    """Current values by default; superseded revisions on request."""

    title = gettext_lazy("修订")
    parameter_name = "revisions"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("all", _("包括旧修订"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        current, *others = super().choices(changelist)
        yield {**current, "display": _("当前修订")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> models.QuerySet:
        return queryset if self.value() == "all" else queryset.current()


class EntryForm(forms.ModelForm):
    """The values as text that a person can paste, and the version that was on the screen."""

    values_text = forms.CharField(
        label=gettext_lazy("测量值"),
        widget=forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField monospace", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "可从 Excel 整行或整列粘贴：用制表符、空格或换行隔开，全角数字也可以；空样本写“-”。"
        ),
        strip=False,
    )
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "values_text" in self.fields:
            self.initial["values_text"] = pasting.to_text(self.instance.values)
            self.initial["version"] = self.instance.version

    def clean_values_text(self) -> str:
        text = self.cleaned_data["values_text"]
        try:
            values = pasting.parse(text, self.instance.unit)
        except pasting.PasteError as error:
            raise forms.ValidationError(bad_value_lines(error)) from error
        if not any(value is not None for value in values):
            raise forms.ValidationError(_("没有测量值：请至少填一个。"))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "version" in self.fields and cleaned.get("version") != self.instance.version:
            raise forms.ValidationError(_("别人刚刚修改了这一项，请刷新后再改。"))
        return cleaned


class EntryAdmin(BaseAdmin):
    """One characteristic of one report. Only its values are edited, and only by the service."""

    kind: ClassVar[Kind]
    form = EntryForm
    actions = ("rejudge", "lock_limits")
    object_actions = ("rejudge", "lock_limits")
    list_display = (
        "name",
        "status_badge",
        "verdict_number",
        "report_link",
        "spec_shown",
        "samples",
        "edited_at",
    )
    list_filter = (RevisionFilter, "status", ("edited_at", admin.EmptyFieldListFilter))
    search_fields = ("name", "report__lot", "report__report_no")
    search_help_text = gettext_lazy("检测项目、批号、报告编号")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "status_badge",
                    "reason_list",
                    ("spec_shown", "unit", "gauge"),
                    "values_text",
                    "version",
                )
            },
        ),
        (gettext_lazy("统计"), {"fields": ("chart", "figures", "printed_shown")}),
        (
            gettext_lazy("来历"),
            {
                "fields": (
                    "report_link",
                    ("characteristic_link", "subgroup_size"),
                    ("revision", "position", "item_no"),
                    "source",
                    "limits_used",
                    ("judged_at", "edited_at", "edited_by"),
                    "replaced",
                )
            },
        ),
    )

    class Media:
        css: ClassVar = {"all": ("spc_site/chart.css",)}

    status_badge = badge_column("status", STATUS_TONES)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        visible = selectors.visible_reports(request.user, self.kind)
        entries = super().get_queryset(request).filter(report__in=visible)
        return entries.select_related("report__part", "characteristic", "edited_by", "limits")

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        """Abnormal first within a report; the newest first over all, which an index gives."""
        if "report__id__exact" in request.GET:
            return (selectors.ABNORMAL_FIRST.asc(), "position")
        return ("-report_id", "position")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        return lookup == "report__id__exact" or super().lookup_allowed(lookup, value, request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        shown = [
            name
            for _title, options in self.fieldsets
            for line in options["fields"]
            for name in ([line] if isinstance(line, str) else line)
        ]
        return [name for name in shown if name not in ("values_text", "version")]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the values as text where they may not be edited."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        main, *others = self.fieldsets
        fields = tuple("values_shown" if name == "values_text" else name for name in main[1]["fields"])
        return ((None, {"fields": tuple(name for name in fields if name != "version")}), *others)

    # --- columns ---

    @admin.display(description=gettext_lazy("判定"))
    def verdict_number(self, entry: ReportEntry) -> str:
        return wording.verdict(entry).headline

    @admin.display(description=gettext_lazy("报告"), ordering="report")
    def report_link(self, entry: Any) -> SafeString:
        return link(change_url(entry.report), f"{entry.report.lot} {entry.report.part.name}")

    @admin.display(description=gettext_lazy("检测项目设置"))
    def characteristic_link(self, entry: Any) -> SafeString:
        return link(change_url(entry.characteristic), entry.characteristic)

    @admin.display(description=gettext_lazy("判定所用控制限"))
    def limits_used(self, entry: Any) -> SafeString | str:
        return link(change_url(entry.limits), entry.limits) if entry.limits else _("由本报告计算")

    @admin.display(description=gettext_lazy("被替换的数值"))
    def replaced(self, entry: ReportEntry) -> SafeString | str:
        lines = format_html_join(
            "",
            "<li>{} {}<pre>{}</pre></li>",
            (
                (
                    date_format(timezone.localtime(datetime.fromisoformat(one["until"])), "DATETIME_FORMAT"),
                    one["changed_by"],
                    pasting.to_text(one["values"]),
                )
                for one in reversed(entry.history)
            ),
        )
        return format_html('<ul class="reasons">{}</ul>', lines) if lines else DASH

    @admin.display(description=gettext_lazy("规格"))
    def spec_shown(self, entry: ReportEntry) -> str:
        limits = f"[{entry.lsl or '−∞'}, {entry.usl or '+∞'}]" if entry.lsl or entry.usl else ""
        return " ".join(part for part in (entry.spec, limits) if part) or DASH

    @admin.display(description=gettext_lazy("样本数"))
    def samples(self, entry: ReportEntry) -> int:
        return sum(value is not None for value in entry.values)

    @admin.display(description=gettext_lazy("测量值"))
    def values_shown(self, entry: ReportEntry) -> SafeString:
        return format_html("<pre>{}</pre>", pasting.to_text(entry.values))

    @admin.display(description=gettext_lazy("原因"))
    def reason_list(self, entry: ReportEntry) -> SafeString | str:
        sentences = wording.verdict(entry).sentences
        if not sentences:
            return DASH
        lines = format_html_join("", "<li>{}</li>", ((sentence,) for sentence in sentences))
        return format_html('<ul class="reasons">{}</ul>', lines)

    @admin.display(description=gettext_lazy("控制图"))
    def chart(self, entry: ReportEntry) -> SafeString | str:
        control = entry_page(entry, selectors.judgement_defaults()).control
        return control.svg if control else DASH

    @admin.display(description=gettext_lazy("统计量"))
    def figures(self, entry: ReportEntry) -> SafeString | str:
        return _figures(_statistics(entry))

    @admin.display(description=gettext_lazy("报告所印"))
    def printed_shown(self, entry: ReportEntry) -> SafeString | str:
        return _figures([(str(name), str(value)) for name, value in (entry.printed or {}).items()])

    # --- saving ---

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Superseded revisions are read only."""
        may = super().has_change_permission(request, obj)
        return may and (obj is None or obj.revision == obj.report.revision)

    def save_model(self, request: HttpRequest, obj: Any, form: forms.Form, change: bool) -> None:
        """Let the service change the values: it judges, tells, and refuses a concurrent change."""
        judged = change_values(
            obj,
            text=form.cleaned_data["values_text"],
            user=person_of(request),
            expected_version=form.cleaned_data["version"],
        )
        if judged.version == form.cleaned_data["version"]:
            return
        verdict = wording.verdict(judged)
        level = messages.SUCCESS if judged.status == Status.NORMAL else messages.WARNING
        self.message_user(request, _("新判定：%(verdict)s") % {"verdict": verdict.headline}, level)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Tell what came between looking and saving (the form has looked before)."""
        try:
            return super().change_view(request, object_id, form_url, extra_context)
        except AppError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    # --- actions ---

    def has_rejudge_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"quality.change_{self.opts.model_name}")

    @admin.action(description=gettext_lazy("重新判定"), permissions=["rejudge"])
    def rejudge(self, request: HttpRequest, queryset: models.QuerySet) -> None:
        self.act_on_each(
            request,
            queryset,
            lambda entry: rejudge_all(self.model.objects.filter(pk=entry.pk, revision=entry.report.revision)),
            done=_("已请求重新判定 %(count)d 个项目，结果随后更新。"),
        )

    def has_lock_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("quality.add_controllimits")

    @admin.action(description=gettext_lazy("锁定控制限"), permissions=["lock"])
    def lock_limits(self, request: HttpRequest, queryset: models.QuerySet) -> HttpResponse | None:
        """Compute limits from these entries and put them in force for their characteristic."""
        rows = list(queryset.order_by("report__inspected_on", "report_id"))
        form = LockingForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self.ask_first(
                request,
                rows,
                action="lock_limits",
                title=_("锁定控制限"),
                question=_("将用以下 %(count)d 份数据计算控制限，之后的报告都按它判定。")
                % {"count": len(rows)},
                lines=[f"{row.report.lot} · {row}" for row in rows],
                form=form,
                button=_("锁定控制限"),
            )
        try:
            limits = lock_limits(
                rows[0].characteristic,
                entries=rows,
                user=person_of(request),
                reason=form.cleaned_data["reason"],
            )
        except AppError as refusal:
            self.message_user(request, refusal.message, messages.ERROR)
        else:
            told = _("已锁定 %(name)s 的控制限 %(version)s。") % {"name": rows[0], "version": limits}
            self.message_user(request, told, messages.SUCCESS)
        return None


class LockingForm(forms.Form):
    """Why these values are a fit baseline."""

    reason = forms.CharField(
        label=gettext_lazy("理由"), max_length=255, widget=forms.TextInput(attrs={"class": "vTextField"})
    )


_STATISTICS = (
    ("mean", gettext_lazy("均值")),
    ("sd_overall", gettext_lazy("标准差（全部）")),
    ("sd_within", gettext_lazy("标准差（组内）")),
    ("minimum", gettext_lazy("最小")),
    ("maximum", gettext_lazy("最大")),
    ("ppk", gettext_lazy("CPK（报告口径，即 Ppk）")),
    ("cpk", gettext_lazy("Cpk（组内）")),
    ("pp", "Pp"),
    ("cp", "Cp"),
)
_INDICES = {"ppk", "cpk", "pp", "cp"}


def _statistics(entry: ReportEntry) -> list[tuple[str, str]]:
    """Return the stored statistics by name; one that does not exist says why."""
    numbers = entry.statistics or {}
    missing = numbers.get("missing", {})
    decimals = wording.decimals_of(entry) + 2
    pairs = [(_("样本数"), str(numbers["n"]))] if "n" in numbers else []
    for name, title in _STATISTICS:
        if name in missing:
            pairs.append((str(title), wording.missing_text(missing[name])))
        elif name in numbers:
            digits = 2 if name in _INDICES else decimals
            pairs.append((str(title), wording.number_text(numbers[name], digits)))
    return pairs


def _figures(pairs: Sequence[tuple[str, str]]) -> SafeString | str:
    if not pairs:
        return DASH
    rows = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", pairs)
    return format_html('<dl class="figures">{}</dl>', rows)


@admin.register(IQCReportEntry)
class IQCEntryAdmin(EntryAdmin):
    kind = IQC
    menu_order = 120


@admin.register(OQCReportEntry)
class OQCEntryAdmin(EntryAdmin):
    kind = OQC
    menu_order = 130
