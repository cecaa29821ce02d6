"""Write a message for its channel: the payloads, and the text of each where it became several."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from notifications import channels, uploads
from notifications.models import Attachment, Channel, Notification
from wecom.payloads import Payload, PayloadError


@dataclass(frozen=True, slots=True)
class Part:
    """One message as it will be shown: to whom, its frozen payload, its text, what it carries."""

    target: str
    payload: str
    content: str
    carried: tuple[Attachment, ...] = ()


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
    *,
    button: Mapping[str, str] | None = None,
) -> list[Part]:
    """Return the messages that a text makes: one per lot of recipients and part of the text.

    Each keeps the text that it shows; one that stays whole keeps the sender's. An attachment that
    is a message of its own has no text, and made anew without text it is that message alone: so a
    row that takes another way shows there what it showed here, once. `button` is that of the row.
    """
    if button:
        form = replace(form, button=channels.Button(**button))
    parts: list[Part] = []
    for lot in driver.lots(target):
        payloads = driver.compose(title, content, lot, form, attachments)
        files = {payload: own for payload in payloads if (own := _attached(payload, attachments))}
        if files and not content.strip():
            payloads = list(files)
        for payload in payloads:
            if payload in files:
                parts.append(Part(lot, payload, "", files[payload]))
            elif len(payloads) == 1:
                parts.append(Part(lot, payload, content, tuple(attachments)))
            else:
                # A file that stands for the whole text keeps it: elsewhere it may be shown as text.
                carried = () if files else tuple(attachments)
                parts.append(Part(lot, payload, _text_of(payload) or content, carried))
    return parts


def _attached(payload: str, attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """Return the attachment that a payload is; none for one that shows text."""
    if not attachments:
        return ()
    reference = uploads.reference(payload)
    wanted = reference.attachment_id if reference else None
    return tuple(one for one in attachments if one.pk == wanted)


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
    row: Notification, parts: Sequence[Part], carried: Sequence[Attachment], **changed: Any
) -> None:
    """Write the rows of the further messages that a row became when it was composed anew.

    `parts` are all of them, the first that of the row itself; each takes what it carries of what
    the row had `carried`.

    A part that is split again keeps its number; its rows leave in the order of their keys.
    """
    shared = {
        field.attname: getattr(row, field.attname)
        for field in Notification._meta.concrete_fields
        if field.attname not in _OWN
    }
    first, *further = parts
    if carried:
        row.attachments.set(first.carried)
    for number, part in enumerate(further, start=2):
        added = Notification(message_id=uuid.uuid4().hex, **(shared | changed))
        added.target, added.payload, added.content = part.target, part.payload, part.content
        added.part_no = number if row.part_count == 1 else row.part_no
        added.save(force_insert=True)
        if part.carried:
            added.attachments.set(part.carried)
