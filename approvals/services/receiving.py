"""Take a callback in: open it, store what is inside, ring. Nothing else happens before the answer."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.db import transaction
from django.db.models import F

from approvals.choices import EventState
from approvals.models import InboundEvent, Refusal
from spc_site import clock, jobs
from wecom import callback
from wecom.callback import Element
from wecom.crypto import CallbackKeys, CallbackRefused, Stage

APPROVAL_CHANGED = "sys_approval_change"
CARD_CLICKED = "template_card_event"
_UNDERSTOOD = (APPROVAL_CHANGED, CARD_CLICKED)


def keys() -> CallbackKeys | None:
    """Return what WeCom and we share; None where the callback is not set up."""
    if not settings.WECHAT_CALLBACK_TOKEN or not settings.WECHAT_CALLBACK_AES_KEY:
        return None
    return CallbackKeys(
        token=settings.WECHAT_CALLBACK_TOKEN,
        aes_key=settings.WECHAT_CALLBACK_AES_KEY,
        receive_id=settings.WECHAT_CORP_ID,
    )


def verify(shared: CallbackKeys, raw_query: str) -> bytes:
    """Return the answer to the check of the address; raises CallbackRefused."""
    return callback.verify_url(shared, raw_query)


def receive(shared: CallbackKeys, raw_query: str, body: bytes) -> None:
    """Store the event of a delivery. One query and a ring.

    Raises CallbackRefused for what is not WeCom's, and the database's errors: an answer other than
    success has WeCom deliver it again.
    """
    raw = callback.receive(shared, raw_query, body)
    message = callback.parse(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise CallbackRefused(Stage.XML) from None
    name = message.value("Event") or message.value("MsgType")
    is_understood = name in _UNDERSTOOD
    now = clock.now()
    event = InboundEvent(
        key=key_of(message, raw),
        event=name[:64],
        subject=subject_of(message)[:128],
        raw=text,
        received_at=now,
        state=EventState.WAITING if is_understood else EventState.IGNORED,
        next_at=now if is_understood else None,
    )
    # In one statement: two deliveries of the same event may come at the same moment.
    InboundEvent.objects.bulk_create([event], ignore_conflicts=True)
    if is_understood:
        jobs.enqueue("approvals.events")


def subject_of(message: Element) -> str:
    """Return whom an event is about: the number of an approval, the task of a card."""
    info = ("ApprovalInfo",)
    return message.value(*info, "SpNoStr") or message.value(*info, "SpNo") or message.value("TaskId")


def key_of(message: Element, raw: bytes) -> str:
    """Return what makes an event the same one, however often it is delivered.

    An approval's sender is always `sys`, so sender and second are not enough: two approvals granted in
    one second would be one. What the event says of the approval (or of the click) is the same in each
    delivery, and of nothing else.
    """
    parts = [
        message.value("ToUserName"),
        subject_of(message),
        message.value("ApprovalInfo", "StatuChangeEvent") or message.value("EventKey"),
        message.value("CreateTime"),
        hashlib.sha256(_told(message.find("ApprovalInfo")) or raw).hexdigest(),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _told(element: Element | None) -> bytes:
    """Return what an element says, without its layout."""
    if element is None:
        return b""
    inner = b"".join(_told(child) for child in element.children)
    return b"<%s>%s%s" % (element.name.encode(), element.text.encode(), inner)


def refuse(stage: Stage) -> None:
    """Count a callback that was refused."""
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    with transaction.atomic():
        if not Refusal.objects.filter(stage=stage, hour=hour).update(count=F("count") + 1):
            row, is_new = Refusal.objects.get_or_create(stage=stage, hour=hour, defaults={"count": 1})
            if not is_new:  # somebody else wrote the hour's first
                Refusal.objects.filter(pk=row.pk).update(count=F("count") + 1)
