"""Write a message for its channel: the payloads, and the text of each where it became several."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from notifications import channels
from notifications.models import Attachment, Channel, Notification
from wecom.payloads import Payload, PayloadError


@dataclass(frozen=True, slots=True)
class Part:
    """One message as it will be shown: to whom, its frozen payload, and its text."""

    target: str
    payload: str
    content: str


def form_of(channel: Channel | None) -> channels.Form:
    """Return how the plant wants the messages of a channel."""
    return channels.Form(channel.style, channel.overflow) if channel else channels.Form()


def compose(
    driver: channels.Driver,
    title: str,
    content: str,
    target: str,
    form: channels.Form,
    attachments: Sequence[Attachment] = (),
) -> list[Part]:
    """Return the messages that a text makes: one per lot of recipients and part of the text.

    Each keeps the text that it shows; one that stays whole, or shows none (a file), the sender's.
    """
    parts: list[Part] = []
    for lot in driver.lots(target):
        payloads = driver.compose(title, content, lot, form, attachments)
        for payload in payloads:
            text = content if len(payloads) == 1 else _text_of(payload) or content
            parts.append(Part(lot, payload, text))
    return parts


def _text_of(payload: str) -> str:
    """Return the text that a payload shows; of one that is no JSON the payload itself."""
    try:
        return Payload.thaw(payload).content
    except PayloadError:
        return payload


_OWN = frozenset(
    {
        "id",
        "message_id",
        "dedupe_key",
        "repeats",
        "status",
        "lease_until",
        "lease_owner",
        "created_at",
        "updated_at",
        "sent_at",
        "receipt",
        "missed",
        "error_message",
        "retry_count",
        "merged_into_id",
    }
)
"""What a further part does not share with the row that it was made from."""


def add_parts(
    row: Notification, further: Iterable[Part], carried: Sequence[Attachment], **changed: Any
) -> None:
    """Write the rows of the further messages that a row became when it was composed anew.

    A part that is split again keeps its number; its rows leave in the order of their keys.
    """
    shared = {
        field.attname: getattr(row, field.attname)
        for field in Notification._meta.concrete_fields
        if field.attname not in _OWN
    }
    for number, part in enumerate(further, start=2):
        added = Notification(message_id=uuid.uuid4().hex, **(shared | changed))
        added.target, added.payload, added.content = part.target, part.payload, part.content
        added.part_no = number if row.part_count == 1 else row.part_no
        added.save(force_insert=True)
        added.attachments.set(carried)
