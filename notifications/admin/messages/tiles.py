"""What the first page says about messages."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications.admin.messages.dead import SHOWN_FOR
from notifications.choices import State
from notifications.models import Notification
from spc_site.admin import Tile, list_url, tiles


@tiles(order=300)
def message_tiles(request: HttpRequest) -> Iterable[Tile]:
    """Show what waits, what is stuck, and what died lately."""
    if not request.user.has_perm("notifications.view_notification"):
        return
    counts = dict(
        Notification.objects.filter(status__in=[State.PENDING, State.SENDING, State.HELD, State.UNCERTAIN])
        .values_list("status")
        .annotate(count=models.Count("pk"))
        .order_by()
    )
    waiting = counts.get(State.PENDING, 0) + counts.get(State.SENDING, 0)
    held, unsure = counts.get(State.HELD, 0), counts.get(State.UNCERTAIN, 0)
    yield Tile(
        label=_("待发消息"),
        value=waiting,
        tone="amber" if held else "blue" if waiting else "green",
        note=_("另有 %(count)d 条暂缓") % {"count": held} if held else "",
        url=list_url(Notification, status__exact=State.HELD if held else State.PENDING),
    )
    if unsure:
        yield Tile(
            label=_("不确定的消息"),
            value=unsure,
            tone="amber",
            note=_("可能已送达，请确认"),
            url=list_url(Notification, status__exact=State.UNCERTAIN),
        )
    since = timezone.now() - SHOWN_FOR
    dead = Notification.objects.filter(status=State.DEAD, created_at__gte=since).count()
    yield Tile(
        label=_("死信（7 天内）"),
        value=dead,
        tone="red" if dead else "green",
        note=_("没有送达") if dead else "",
        url=reverse("admin:notifications_notification_dead") if dead else "",
    )
