"""What people do with a message: send it again, call it off. Each act leaves its line."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from notifications import policy, rendering
from notifications.choices import Reason, State, Verb
from notifications.models import Notification, NotificationEvent
from notifications.routing import Way
from notifications.services import audit, failover
from notifications.services.requests import send_notification, send_template_notification
from notifications.services.retention import HASHED
from notifications.services.states import move
from spc_site.errors import AppError, Conflict

ASKS_FIRST = frozenset({State.SENT, State.UNCERTAIN})
"""States in which a message was or may have been shown: a resend doubles it."""
RESENDABLE = ASKS_FIRST | {State.DEAD, State.SUPPRESSED, State.CANCELLED}
CANCELLABLE = frozenset(state for state in State if policy.may(state, State.CANCELLED))


def resend(notification: Notification, *, user: User, confirmed: bool = False) -> Notification:
    """Queue a message again as a new row linked to the old one; return the new row.

    It goes its whole route again. One made from a template is rendered again, so that a mended
    template helps; a part of a split message goes as it was, and a digest with all its items. A
    message that was shown, or may have been, needs `confirmed`, and is uncertain no longer: its
    resend stands for it. One that still waits is a conflict. Raises AppError.
    """
    with transaction.atomic():
        old = Notification.objects.select_for_update().get(pk=notification.pk)
        if old.is_test:
            raise Conflict(_("测试消息不重发；请再试发一次。"))
        if old.status not in RESENDABLE:
            raise Conflict(_("这条消息还在等待发送，不需要重发。"))
        if old.status != State.DEAD and old.payload.startswith(HASHED):
            raise AppError("text_gone", _("正文已按保存期限清除，不能再重发。"))
        if old.status in ASKS_FIRST and not confirmed:
            raise AppError("would_double", _("这条消息已经或可能已经送达，重发会重复；请确认。"))
        if old.resends.exclude(status__in=[State.DEAD, State.SUPPRESSED, State.CANCELLED]).exists():
            raise Conflict(_("这条消息已经重发过，请看新的那一条。"))
        first, *further = (Way(**way) for way in failover.ways(old))
        common: dict[str, Any] = {
            "event": old.event,
            "link": old.link,
            "subject": old.subject,
            "correlation_id": old.correlation_id or uuid.uuid4().hex,
            "source": old.source,
            "fallbacks": further,
            "resent_from": old,
            "attachments": list(old.attachments.all()),
        }
        if old.template_name and old.part_count == 1:
            message_id = send_template_notification(
                old.template_name,
                first.target,
                rendering.from_json(old.variables, language=old.template_language),
                priority=old.priority,
                channel=first.channel,
                language=old.template_language,
                **common,
            )
        else:
            message_id = send_notification(
                old.title, old.content, first.channel, first.target, old.priority, **common
            )
        new = Notification.objects.get(message_id=message_id)
        if old.status == State.UNCERTAIN:
            move(Notification.objects.filter(pk=old.pk), State.CANCELLED, reason=Reason.BY_PERSON)
        NotificationEvent.objects.create(notification=old, kind="resent", actor=user, note=f"→ {message_id}")
        NotificationEvent.objects.create(
            notification=new, kind="resend_of", actor=user, note=f"← {old.message_id}"
        )
        audit.record(
            Verb.RESENT, old, changes={"status": (old.status, new.status)}, note=message_id, user=user
        )
    return new


def cancel(notification: Notification, *, user: User, note: str = "") -> None:
    """Call off a message that has not left; raises Conflict when it is too late."""
    with transaction.atomic():
        mine = Notification.objects.filter(pk=notification.pk)
        done = move(mine, State.CANCELLED, reason=Reason.BY_PERSON)
        if not done:
            raise Conflict(_("这条消息已经发出或已经结束，不能取消。"))
        NotificationEvent.objects.create(
            notification_id=notification.pk, kind="cancelled", actor=user, note=note
        )
        change = {"status": (notification.status, State.CANCELLED)}
        audit.record(Verb.CANCELLED, notification, changes=change, note=note, user=user)
