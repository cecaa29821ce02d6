"""What people do with a message: send it again, call it off. Each act leaves its line."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from notifications import policy, rendering
from notifications.choices import Reason, State, Verb
from notifications.models import Attachment, Notification, NotificationEvent
from notifications.routing import Way
from notifications.services import audit, failover
from notifications.services.requests import send_notification, send_template_notification
from notifications.services.retention import HASHED
from notifications.services.states import move
from spc_site.errors import AppError, Conflict

ASKS_FIRST = frozenset({State.SENT, State.UNCERTAIN})
"""States in which a message was or may have been shown: a resend doubles it."""
GONE = frozenset({State.DEAD, State.SUPPRESSED, State.CANCELLED})
"""Ends in which nothing was shown: a resend that ended so does not stand for what it repeats."""
RESENDABLE = ASKS_FIRST | GONE
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
        if old.resends.exclude(status__in=GONE).exists():
            raise Conflict(_("这条消息已经重发过，请看新的那一条。"))
        attachments, is_whole = _what_comes_along(old)
        first, *further = (Way(**way) for way in failover.ways(old))
        common: dict[str, Any] = {
            "event": old.event,
            "link": old.link,
            "subject": old.subject,
            "button": old.button,
            "correlation_id": old.correlation_id or uuid.uuid4().hex,
            "source": old.source,
            "fallbacks": further,
            "resent_from": old,
            "attachments": attachments,
        }
        if old.template_name and is_whole:
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


def _what_comes_along(old: Notification) -> tuple[list[Attachment], bool]:
    """Return the attachments of a resend, and whether it says the whole message again.

    A text brings along its pictures and files, which are parts after it; one of several texts goes
    alone, and so does a picture. Raises Conflict for a picture that its text has taken along.
    """
    own = list(old.attachments.all())
    if old.part_count == 1:
        return own, True
    parts = Notification.objects.filter(
        correlation_id=old.correlation_id,
        channel=old.channel,
        target=old.target,
        resent_from=old.resent_from_id,
        part_count=old.part_count,
    ).prefetch_related("attachments", "resends")
    texts = [part for part in parts if not part.attachments.all()]
    if own:
        if len(texts) == 1 and any(resend.status not in GONE for resend in texts[0].resends.all()):
            raise Conflict(_("这个附件已随正文重发，请看新的那一条。"))
        return own, False
    if len(texts) > 1:
        return [], False
    further = [part for part in parts if part.pk != old.pk]
    return [one for part in further for one in part.attachments.all()], True


def cancel(notification: Notification, *, user: User | None, note: str = "") -> None:
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
