"""The list of alarms, one alarm, and what people do about it.

The acts are posted from here and from the pages that show what is abnormal; `next` leads back.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.redirects import next_address
from alarms import selectors, services
from alarms.models import Alarm, Severity
from alarms.views.permissions import may_act, may_view
from notifications import sources
from notifications.choices import STATE_TONES, State
from spc_site import clock
from spc_site.acts import do_and_say

_PER_PAGE = 50
_TABS = ("open", "active", "mine", "silenced", "resolved")


@may_view
def alarm_list(request: HttpRequest) -> HttpResponse:
    """Show the alarms of one tab, what nobody has acknowledged first."""
    which = request.GET.get("which", "")
    narrowing = selectors.Narrowing(
        text=request.GET.get("q", "").strip(),
        source=request.GET.get("source", ""),
        severity=request.GET.get("severity", ""),
        group_key=request.GET.get("group_key", ""),
        key=request.GET.get("key", ""),
    )
    if which not in _TABS and which != "all":
        # The link of a message about several alarms shows them all, however they stand by now.
        which = "all" if narrowing.group_key or narrowing.key else "open"
    counts = selectors.counts(request.user)
    tabs = (
        ("open", _("未关闭"), counts.open),
        ("active", _("未受理"), counts.active),
        ("mine", _("我负责"), counts.mine),
        ("silenced", _("已静默"), counts.silenced),
        ("resolved", _("已关闭"), counts.resolved),
    )
    page = Paginator(
        selectors.alarm_list(request.user, which=which, narrowing=narrowing), _PER_PAGE
    ).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "tabs": tabs,
        "which": which,
        "text": narrowing.text,
        "narrowing": narrowing,
        "sources": sources.choices_of(selectors.sources(request.user)),
        "severities": Severity.choices,
    }
    return render(request, "alarms/alarm_list.html", context)


@may_view
def alarm(request: HttpRequest, pk: str) -> HttpResponse:
    """Show one alarm: what, how bad, since when, what was done, what can be done."""
    found = selectors.alarm_with_timeline(request.user, int(pk))
    if found is None:
        raise Http404
    user = request.user
    context = {
        "alarm": found,
        "owners": selectors.possible_owners() if found.is_open else [],
        "can_act": user.has_perm("alarms.change_alarm"),
        "silences": selectors.silences_on(found, at=clock.now()) if found.is_open else [],
        "orders": selectors.work_orders_on(user, found),
        "messages_about": [
            (message, STATE_TONES[State(message.status)]) for message in selectors.messages_about(found)
        ]
        if user.has_perm("notifications.view_notification")
        else [],
    }
    return render(request, "alarms/alarm.html", context)


@require_POST
@may_act
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the alarm on."""
    return _act(request, pk, _("已受理。"), lambda alarm, user: services.acknowledge(alarm, user=user))


@require_POST
@may_act
def explain(request: HttpRequest, pk: int) -> HttpResponse:
    """Store cause and action; with the second button close the alarm too."""
    cause, action = request.POST.get("cause", ""), request.POST.get("action", "")

    def change(alarm: Alarm, user: User) -> None:
        explained = services.explain(alarm, user=user, cause=cause, action=action)
        if "resolve" in request.POST:
            services.resolve(explained, user=user)

    done = _("原因与措施已保存，报警已关闭。") if "resolve" in request.POST else _("原因与措施已保存。")
    return _act(request, pk, done, change)


@require_POST
@may_act
def assign(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the alarm to one of those who may work on alarms."""
    asked = request.POST.get("owner", "")
    owner = next((person for person in selectors.possible_owners() if str(person.pk) == asked), None)
    if owner is None:
        messages.error(request, _("请选择负责人。"))
        return HttpResponseRedirect(next_address(request, "alarms:list"))
    return _act(
        request, pk, _("已指派。"), lambda alarm, user: services.assign(alarm, user=user, owner=owner)
    )


@require_POST
@may_act
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    """Close the alarm by hand."""
    note = request.POST.get("note", "").strip()
    return _act(
        request, pk, _("报警已关闭。"), lambda alarm, user: services.resolve(alarm, user=user, note=note)
    )


_HOURS = (2, 8, 24, 72, 168)


@require_POST
@permission_required("alarms.add_silence", raise_exception=True)
def silence(request: HttpRequest, pk: int) -> HttpResponse:
    """Silence exactly this alarm for some hours."""
    asked = request.POST.get("hours", "")
    hours = int(asked) if asked.isdecimal() and int(asked) in _HOURS else _HOURS[0]
    reason = request.POST.get("reason", "")
    return _act(
        request,
        pk,
        _("已静默 %(hours)d 小时：期间不再告知，报警仍在。") % {"hours": hours},
        lambda alarm, user: services.silence_alarm(alarm, hours=hours, user=user, reason=reason),
    )


def _act(request: HttpRequest, pk: int, done: str, change: Callable[[Alarm, User], object]) -> HttpResponse:
    """Do one thing with an alarm, say how it went, and go back to the page it was asked on."""
    found = get_object_or_404(selectors.visible_to(request.user), pk=pk)
    user = request.user
    assert isinstance(user, User)
    do_and_say(request, lambda: change(found, user), done)
    return HttpResponseRedirect(next_address(request, found.get_absolute_url()))
