"""Who would get this? An event that might happen, and the plan of the function that sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import services
from notifications.admin import contacts
from notifications.admin.routes.words import FIELDS, days
from notifications.choices import Severity, channel_names
from notifications.models import NotificationTemplate, Route
from notifications.routing import Chain, Event, Miss, Outcome, Skip
from notifications.services import routing
from spc_site.admin import badge, change_url
from spc_site.errors import AppError

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
    names = channel_names()
    ways = tuple(
        WayLine(
            f"{names.get(way.channel, way.channel)} {contacts.shown_to(request, way.target)}",
            services.obstacle(way.channel, way.target),
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
        asked, found = days(asked), days(found)
    return _("%(field)s 要求 %(asked)s，实际是 %(found)s") % {
        "field": FIELDS[miss.field],
        "asked": asked,
        "found": found or _("空"),
    }
