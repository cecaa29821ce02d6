"""Dead letters by reason, with the page that mends each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from notifications.admin import contacts
from notifications.admin.messages.resending import with_query
from notifications.causes import REASON_ADVICE
from notifications.choices import Reason, State, channel_names
from notifications.models import Channel, Notification, NotificationTemplate, Recipient
from notifications.services import bulk
from spc_site.admin import DASH, list_url

SHOWN_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DeadRow:
    """Dead letters of one reason, channel and template."""

    channel: str
    template_name: str
    count: int
    latest: Notification
    error: str
    list_url: str
    resend_url: str


@dataclass(frozen=True, slots=True)
class DeadReason:
    """Dead letters of one reason: what mends it, and what can be sent again then."""

    label: str
    advice: str | Promise
    count: int
    fix_url: str
    fix_text: str
    list_url: str
    resend_url: str
    rows: list[DeadRow]


def dead_reasons(
    groups: Sequence[bulk.DeadGroup], *, request: HttpRequest, may_resend: bool
) -> list[DeadReason]:
    """Return the groups by reason, the most first, with the pages that mend them."""
    by_reason: dict[str, list[bulk.DeadGroup]] = {}
    for group in groups:
        by_reason.setdefault(group.reason, []).append(group)
    start = timezone.localtime() - SHOWN_FOR
    names = channel_names()

    def urls(**filters: str) -> tuple[str, str]:
        filters = {"status__exact": State.DEAD, "from": f"{start:%Y-%m-%dT%H:%M}", **filters}
        url = list_url(Notification, **{name: value for name, value in filters.items() if value})
        matching = with_query("admin:notifications_notification_resend_matching", url.partition("?")[2])
        return url, matching if may_resend else ""

    found = []
    for reason, some in by_reason.items():
        fix_url, fix_text = _fix_of(reason, some)
        url, resend_url = urls(reason__exact=reason)
        rows = []
        for group in some:
            own = urls(reason__exact=reason, channel__exact=group.channel, template=group.template_name)
            name = names.get(group.channel, group.channel)
            error = contacts.shown_to(request, group.latest.error_message)
            rows.append(DeadRow(name, group.template_name, group.count, group.latest, error, *own))
        found.append(
            DeadReason(
                label=str(Reason(reason).label) if reason else DASH,
                advice=REASON_ADVICE.get(reason, ""),
                count=sum(group.count for group in some),
                fix_url=fix_url,
                fix_text=fix_text,
                list_url=url,
                resend_url=resend_url,
                rows=rows,
            )
        )
    return sorted(found, key=lambda one: -one.count)


def _fix_of(reason: str, groups: Sequence[bulk.DeadGroup]) -> tuple[str, str]:
    """Return the page on which a reason is put right, and its name."""
    templates = {group.template_name for group in groups}
    if reason in (Reason.BAD_TEMPLATE, Reason.REFUSED, Reason.TOO_LONG) and templates - {""}:
        search = {"q": templates.pop()} if len(templates) == 1 else {}
        return list_url(NotificationTemplate, **search), _("改模板")
    if reason == Reason.RECIPIENT:
        return list_url(Recipient), _("看收件人")
    return list_url(Channel), _("看渠道")
