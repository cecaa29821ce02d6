"""Who gets what, in the admin: ordered routes, the people they name, "who would get this?", floods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import channels, events, safety, services
from notifications import variables as declarations
from notifications.admin.audited import AuditedAdmin
from notifications.choices import ChannelCode, Severity, channel_choices
from notifications.forms import PreferencesForm, time_field
from notifications.models import Flood, Notification, NotificationTemplate, Recipient, Route, RouteStep
from notifications.routing import Chain, Event, Miss, Outcome, Skip, Way
from notifications.services import audit, routing
from spc_site.admin import DASH, ReadOnlyAdmin, badge, change_url, link, list_url
from spc_site.errors import AppError

WEEKDAYS = (
    ("1", gettext_lazy("周一")),
    ("2", gettext_lazy("周二")),
    ("3", gettext_lazy("周三")),
    ("4", gettext_lazy("周四")),
    ("5", gettext_lazy("周五")),
    ("6", gettext_lazy("周六")),
    ("7", gettext_lazy("周日")),
)
_FIELDS = {
    "event": gettext_lazy("事件"),
    "source": gettext_lazy("来源"),
    "severity": gettext_lazy("最低级别"),
    "supplier": gettext_lazy("供应商"),
    "part": gettext_lazy("料号"),
    "group": gettext_lazy("组"),
    "hour": gettext_lazy("时段"),
    "weekday": gettext_lazy("星期"),
}
_SKIPS = {
    Skip.INACTIVE: gettext_lazy("已停用，略过"),
    Skip.MUTED: gettext_lazy("本人不接收此类事件"),
    Skip.NO_ADDRESS: gettext_lazy("没有任何地址，略过"),
    Skip.QUIET_RESERVE: gettext_lazy("免打扰时段，不作后备"),
}
_OUTCOMES = {
    Outcome.MATCHED: (gettext_lazy("匹配"), "green"),
    Outcome.MISSED: (gettext_lazy("不匹配"), "grey"),
    Outcome.NOT_REACHED: (gettext_lazy("未轮到"), "grey"),
}


def _shown(target: str, request: HttpRequest) -> str:
    """Return a target as this person may see it: numbers and addresses are masked for most."""
    return target if request.user.has_perm("notifications.view_contacts") else safety.mask_contacts(target)


# --- routes ---------------------------------------------------------------------------------


class RouteForm(forms.ModelForm):
    """A route's conditions; weekdays as boxes, hours as times."""

    weekdays = forms.MultipleChoiceField(
        label=gettext_lazy("星期"),
        required=False,
        choices=WEEKDAYS,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("不选：每天；跨过午夜的时段算开始的那一天"),
    )
    hour_from = time_field(gettext_lazy("时段从"))
    hour_until = time_field(gettext_lazy("时段至"), gettext_lazy("可以跨过午夜"))

    class Meta:
        model = Route
        fields = (
            "name",
            "is_active",
            "goes_on",
            "event",
            "source",
            "minimum_severity",
            "supplier",
            "part",
            "group",
            "hour_from",
            "hour_until",
            "weekdays",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["weekdays"] = list(self.instance.weekdays)
        if "event" in self.fields:
            self.fields["event"].help_text = _("可以用 *，几个用逗号分开；如 %(known)s") % {
                "known": "、".join(f"{pattern}（{label}）" for pattern, label in events.known().items())
            }

    def clean_weekdays(self) -> str:
        chosen = "".join(sorted(self.cleaned_data["weekdays"]))
        return "" if len(chosen) == len(WEEKDAYS) else chosen


class StepForm(forms.ModelForm):
    """A person, or a channel with a target that the channel understands."""

    position = forms.IntegerField(
        label=gettext_lazy("次序"),
        required=False,
        min_value=1,
        max_value=999,
        help_text=gettext_lazy("空白：排在最后"),
    )

    class Meta:
        model = RouteStep
        fields = ("position", "recipient", "channel", "target", "is_reserve", "mentions")

    def __init__(self, *args: Any, people: list[tuple[Any, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if people is not None and "recipient" in self.fields:
            # One look-up for all lines of the form.
            self.fields["recipient"].widget.choices = [("", "—"), *people]

    def clean_mentions(self) -> str:
        text = self.cleaned_data["mentions"]
        if text.strip() and not declarations.userids(text):
            raise forms.ValidationError(_("请写企业微信 userid，用逗号分开；不能提醒所有人。"))
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        channel, target = cleaned.get("channel", ""), cleaned.get("target", "")
        driver = channels.driver_for(channel)
        if driver is not None and target and (problem := driver.target_problem(target)):
            self.add_error("target", problem)
        return cleaned


class StepFormSet(forms.BaseInlineFormSet):
    """The lines of a route, which offer the same people."""

    @cached_property
    def people(self) -> list[tuple[Any, str]]:
        return list(Recipient.objects.values_list("pk", "name"))

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        return {**super().get_form_kwargs(index), "people": self.people}


class StepInline(admin.TabularInline):
    model = RouteStep
    form = StepForm
    formset = StepFormSet
    extra = 2
    ordering = ("position", "pk")
    verbose_name_plural = gettext_lazy("去向（自上而下；后备跟着它上面的一行）")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).select_related("recipient")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Leave out the icons beside the recipient: people are kept in their own list."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "recipient" and field is not None:
            for name in ("add", "change", "delete", "view"):
                setattr(field.widget, f"can_{name}_related", False)
        return field


@admin.register(Route)
class RouteAdmin(AuditedAdmin):
    """Routes in their order; each is asked after the one above it."""

    menu_order = 312
    form = RouteForm
    inlines = (StepInline,)
    change_list_template = "admin/notifications/route_list.html"
    list_display = ("name", "place", "state", "conditions", "destinations", "then")
    list_per_page = 200
    sortable_by = ()
    search_fields = ("name", "event", "supplier", "part", "group", "steps__target", "steps__recipient__name")
    search_help_text = gettext_lazy("名称、事件、供应商、料号、去向")
    ordering = ("position", "pk")
    fieldsets = (
        (None, {"fields": ("name", ("is_active", "goes_on"))}),
        (
            gettext_lazy("条件（空白不限）"),
            {
                "fields": (
                    "event",
                    ("source", "group"),
                    "minimum_severity",
                    ("supplier", "part"),
                    ("hour_from", "hour_until"),
                    "weekdays",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> models.QuerySet:
        return super().get_queryset(request).prefetch_related("steps__recipient")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view
        return [
            path("who/", view(self.who_view), name="notifications_route_who"),
            path("<int:pk>/move/", view(self.move_view), name="notifications_route_move"),
            *super().get_urls(),
        ]

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the buttons of the order to whoever may change it."""
        may_move = self.has_change_permission(request)
        return tuple(name for name in self.list_display if may_move or name != "place")

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if not change:
            routing.append(obj)
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Store the steps one by one, so that each change of a destination is told."""
        rows = formset.save(commit=False)
        last = max((row.position for row in formset.get_queryset()), default=0)
        for row in rows:
            if not row.position:
                row.position = last = last + 1
            audit.save(row)
        for row in formset.deleted_objects:
            audit.remove(row)
        formset.save_m2m()

    # --- columns ---

    @admin.display(description=gettext_lazy("顺序"))
    def place(self, route: Route) -> SafeString:
        """Two buttons of the list's own form, that lead elsewhere: no script is needed."""
        url = reverse("admin:notifications_route_move", args=[route.pk])
        return format_html(
            '<span class="movers">{}</span>',
            format_html_join(
                "",
                '<button type="submit" class="button" formaction="{}" name="to" value="{}"'
                ' aria-label="{}" title="{}">{}</button>',
                (
                    (url, to, label % {"name": route.name}, label % {"name": route.name}, sign)
                    for to, label, sign in (
                        ("up", _("上移：%(name)s"), "↑"),
                        ("down", _("下移：%(name)s"), "↓"),
                    )
                ),
            ),
        )

    @admin.display(description=gettext_lazy("状态"))
    def state(self, route: Route) -> SafeString:
        return badge(_("启用"), "green") if route.is_active else badge(_("停用"), "grey")

    @admin.display(description=gettext_lazy("条件"))
    def conditions(self, route: Route) -> str:
        return conditions_of(route) or _("所有事件")

    @admin.display(description=gettext_lazy("去向"))
    def destinations(self, route: Route) -> SafeString | str:
        lines = [
            (_("后备：") if step.is_reserve else "", str(step.recipient or ""), _way_label(step))
            for step in sorted(route.steps.all(), key=lambda step: (step.position, step.pk))
        ]
        if not lines:
            return badge(_("没有去向"), "amber")
        return format_html_join("", '<span class="line">{}{}{}</span>', lines)

    @admin.display(description=gettext_lazy("匹配后"))
    def then(self, route: Route) -> str:
        return _("继续下一条") if route.goes_on else _("到此为止")

    # --- acts ---

    def move_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Change places with the neighbour, then return to the list."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        route = get_object_or_404(Route, pk=pk)
        if not routing.move(route, up=request.POST.get("to") == "up"):
            self.message_user(request, _("“%(name)s”已经在尽头。") % {"name": route}, messages.WARNING)
        return HttpResponseRedirect(list_url(Route))

    def who_view(self, request: HttpRequest) -> HttpResponse:
        """Show who would get an event, and why: the question is in the address, so it can be shared."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = bool(request.GET.get("event"))
        form = WhoForm(request.GET if asked else None)
        context = {
            **self.admin_site.each_context(request),
            "title": _("谁会收到？"),
            "opts": self.opts,
            "form": form,
            "answer": answer_of(form, request) if asked and form.is_valid() else None,
        }
        return TemplateResponse(request, "admin/notifications/who.html", context)


def _way_label(step: RouteStep) -> str:
    if step.recipient:
        return ""
    return f"{_channel_label(Way(step.channel, step.target))} {safety.mask_contacts(step.target)}"


def conditions_of(route: Route) -> str:
    """Return in one line what a route asks."""
    texts = [
        f"{_FIELDS[name]} {getattr(route, name)}"
        for name in ("event", "source", "supplier", "part", "group")
        if getattr(route, name)
    ]
    if route.minimum_severity:
        texts.append(f"{_FIELDS['severity']} {route.get_minimum_severity_display()}")
    if route.hour_from and route.hour_until:
        texts.append(f"{route.hour_from:%H:%M}–{route.hour_until:%H:%M}")
    if route.weekdays:
        texts.append(_days(route.weekdays))
    return "；".join(texts)


def _days(numbers: str) -> str:
    return "、".join(str(label) for number, label in WEEKDAYS if number in numbers)


# --- who would get this? --------------------------------------------------------------------


class WhoForm(forms.Form):
    """An event that might happen, at a moment."""

    event = forms.CharField(
        label=gettext_lazy("事件"),
        max_length=64,
        widget=forms.TextInput(attrs={"placeholder": "quality.iqc.summary"}),
    )
    source = forms.CharField(label=gettext_lazy("来源"), max_length=64, required=False)
    severity = forms.ChoiceField(
        label=gettext_lazy("级别"), required=False, choices=[("", "—"), *Severity.choices]
    )
    priority = forms.TypedChoiceField(
        label=gettext_lazy("优先级"), coerce=int, choices=[(n, n) for n in range(1, 6)], initial=1
    )
    supplier = forms.CharField(label=gettext_lazy("供应商"), max_length=255, required=False)
    part = forms.CharField(label=gettext_lazy("料号"), max_length=255, required=False)
    group = forms.CharField(
        label=gettext_lazy("组"),
        max_length=255,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "IQC"}),
    )
    template = forms.ChoiceField(
        label=gettext_lazy("模板"), required=False, help_text=gettext_lazy("没有路由匹配时用它的渠道")
    )
    at = forms.DateTimeField(
        label=gettext_lazy("时间"),
        required=False,
        help_text=gettext_lazy("空白：现在"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = NotificationTemplate.objects.order_by("template_name").values_list("template_name", flat=True)
        self.fields["template"].choices = [  # type: ignore[attr-defined]
            ("", "—"),
            *((name, name) for name in names.distinct()),
        ]

    def asked(self) -> tuple[Event, datetime]:
        """Return the event and the moment."""
        given = self.cleaned_data
        event = Event(
            name=given["event"],
            source=given["source"],
            severity=given["severity"],
            supplier=given["supplier"],
            part=given["part"],
            group=given["group"],
            template=given["template"],
            title="—",
            priority=given["priority"],
        )
        return event, given["at"] or timezone.now()


@dataclass(frozen=True, slots=True)
class WayLine:
    """One way as the page shows it: whether it can send now, and why not."""

    label: str
    problem: str

    @property
    def badge(self) -> SafeString:
        return badge(_("不可用"), "red") if self.problem else badge(_("可用"), "green")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message that would be made."""

    who: str
    effect: SafeString
    ways: tuple[WayLine, ...]
    mentions: str
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route as the page shows it."""

    route: Route
    url: str
    verdict: SafeString
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Who would get an event, and what became of every route."""

    at: datetime
    deliveries: tuple[Delivery, ...] = ()
    routes: tuple[RouteLine, ...] = ()
    is_default: bool = False
    refusal: str = ""


def answer_of(form: WhoForm, request: HttpRequest) -> Answer:
    """Ask the function that sends, and put its plan into words."""
    event, at = form.asked()
    try:
        plan = services.who_would_get(event, at=at)
    except AppError as refusal:
        return Answer(at, refusal=refusal.message)
    return Answer(
        at,
        deliveries=tuple(_delivery(chain, request) for chain in plan.chains),
        routes=tuple(_route_line(one) for one in plan.judged),
        is_default=plan.is_default,
    )


def _delivery(chain: Chain, request: HttpRequest) -> Delivery:
    first = chain.person or (chain.skipped[0][0] if not chain.ways else None)
    if not chain.ways:
        effect = badge(_("不发送，只留记录"), "grey")
    elif chain.quiet_until:
        until = timezone.localtime(chain.quiet_until)
        effect = badge(_("免打扰，%(at)s 发送") % {"at": f"{until:%m-%d %H:%M}"}, "amber")
    else:
        effect = badge(_("立即发送"), "green")
    ways = tuple(
        WayLine(
            f"{_channel_label(way)} {_shown(way.target, request)}", services.obstacle(way.channel, way.target)
        )
        for way in chain.ways
    )
    return Delivery(
        who=first.name if first else ways[0].label,
        effect=effect,
        ways=ways,
        mentions=" ".join(f"@{userid}" for userid in chain.mentions),
        skipped=tuple(f"{person.name}：{_SKIPS[why]}" for person, why in chain.skipped),
    )


def _channel_label(way: Way) -> str:
    return str(dict(channel_choices()).get(way.channel) or ChannelCode(way.channel).label)


def _route_line(judged: routing.Judged) -> RouteLine:
    return RouteLine(
        route=judged.route,
        url=change_url(judged.route),
        verdict=badge(*_OUTCOMES[judged.verdict.outcome]),
        reasons=tuple(_in_words(miss) for miss in judged.verdict.misses),
    )


def _in_words(miss: Miss) -> str:
    asked, found = miss.asked, miss.found
    if miss.field == "severity":
        asked, found = (str(Severity(one).label) if one else "" for one in (asked, found))
    elif miss.field == "weekday":
        asked, found = _days(asked), _days(found)
    return _("%(field)s 要求 %(asked)s，实际是 %(found)s") % {
        "field": _FIELDS[miss.field],
        "asked": asked,
        "found": found or _("空"),
    }


# --- recipients -----------------------------------------------------------------------------


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
        return " → ".join(_channel_label(way) for way in ways)

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


# --- floods ---------------------------------------------------------------------------------


@admin.register(Flood)
class FloodAdmin(ReadOnlyAdmin):
    """Firings of the rule against flooding: who sent too much, where to, how much was withheld."""

    menu_order = 346
    list_display = ("minute", "source_shown", "channel", "target_shown", "withheld", "messages_link")
    list_filter = ("minute", "channel")
    search_fields = ("source", "target")
    search_help_text = gettext_lazy("来源、目标")
    fields = ("minute", "source_shown", "channel", "target_shown", "withheld", "messages_link")
    readonly_fields = fields

    @admin.display(description=gettext_lazy("来源"), ordering="source")
    def source_shown(self, flood: Flood) -> str:
        return flood.source or _("（未注明）")

    @admin.display(description=gettext_lazy("目标"), ordering="target")
    def target_shown(self, flood: Flood) -> str:
        return safety.mask_contacts(flood.target)

    @admin.display(description=gettext_lazy("消息"))
    def messages_link(self, flood: Flood) -> SafeString:
        url = list_url(Notification, reason__exact="flooded", q=flood.target)
        return link(url, _("查看未发送的消息"))
