"""Pictures and files of messages: kept by us, shown at WeCom by a ticket of three days."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from notifications.models import Attachment, MediaTicket, MemberLoad
from notifications.uploads import Reference
from spc_site import clock
from spc_site.errors import AppError
from wecom.errors import Action, Outcome
from wecom.transport import Upload

MOST_BYTES = 20 * 1024 * 1024
LEAST_BYTES = 6
TICKET_LIFE = timedelta(days=3) - timedelta(hours=1)
"""A little less than WeCom's three days: a ticket must not run out on its way."""
UNUSED_FOR = timedelta(days=1)

_IMAGE_MARKS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True)
class File:
    """Bytes with the name under which they are shown."""

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.name.encode() + b"\0" + self.data).hexdigest()


def keep_attachment(name: str, data: bytes) -> Attachment:
    """Keep a picture (PNG, JPG) or file for messages; the same one again is the same row.

    Raises AppError for what no channel would take: empty, over 20 MB, a name that is no name.
    """
    name = " ".join(name.replace("/", " ").replace("\\", " ").split())
    if not name or len(name) > 128 or not name.isprintable():
        raise AppError("bad_attachment", _("附件需要一个 128 字以内的文件名。"))
    if not LEAST_BYTES <= len(data) <= MOST_BYTES:
        raise AppError("bad_attachment", _("附件 %(name)s 须大于 5 字节、不超过 20 MB。") % {"name": name})
    kind = Attachment.Kind.IMAGE if data.startswith(_IMAGE_MARKS) else Attachment.Kind.FILE
    row, _is_new = Attachment.objects.get_or_create(
        digest=File(name, data).digest,
        defaults={"name": name, "data": data, "size": len(data), "kind": kind},
    )
    return row


def file_of(reference: Reference) -> File | None:
    """Return the file that a payload refers to; None when it is gone."""
    if reference.attachment_id is None:
        return File(reference.name, reference.text_bytes)
    row = Attachment.objects.filter(pk=reference.attachment_id).values_list("name", "data").first()
    return File(row[0], bytes(row[1])) if row else None


def show_file(
    file: File, *, owner: str, upload: Callable[[], Upload], send: Callable[[str], Outcome]
) -> Outcome:
    """Send a file by its ticket: the one that is still good, else by uploading it first.

    A ticket that WeCom does not know (any more) is renewed once.
    """
    media_id = _ticket(owner, file)
    for _try in range(2):
        if not media_id:
            fresh = upload()
            if not fresh.media_id:
                return fresh.outcome
            media_id = fresh.media_id
            _keep_ticket(owner, file, media_id)
        outcome = send(media_id)
        if outcome.action is not Action.UPLOAD:
            break
        MediaTicket.objects.filter(owner=owner, digest=file.digest, media_id=media_id).delete()
        media_id = ""
    return outcome


def _ticket(owner: str, file: File) -> str:
    good = MediaTicket.objects.filter(owner=owner, digest=file.digest, at__gt=clock.now() - TICKET_LIFE)
    return good.values_list("media_id", flat=True).first() or ""


def _keep_ticket(owner: str, file: File, media_id: str) -> None:
    MediaTicket.objects.update_or_create(
        owner=owner, digest=file.digest, defaults={"media_id": media_id, "at": clock.now()}
    )


def forget_unused() -> int:
    """Delete attachments that no message carries any more, tickets and counts that have run out."""
    now = clock.now()
    MemberLoad.objects.filter(last_at__lte=now - timedelta(hours=2)).delete()
    MediaTicket.objects.filter(at__lte=now - TICKET_LIFE).delete()
    with transaction.atomic():
        unused = Attachment.objects.filter(created_at__lt=now - UNUSED_FOR, notifications=None)
        count, _by_model = Attachment.objects.filter(pk__in=unused.values("pk")).defer("data").delete()
    return count
