"""Payloads that stand for a file: frozen as a reference, uploaded when they are sent. Pure.

`{"msgtype":"image","upload":{"attachment":12,"name":"图.png"}}` names an attachment;
`{"msgtype":"file","upload":{"name":"全文.txt","text":"…"}}` brings its text along. WeCom's own
form with a media id is built at delivery, since a media id lives three days and one robot long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wecom.payloads import Payload

if TYPE_CHECKING:
    from notifications.models import Attachment

_UNFIT = re.compile(r'[\\/:*?"<>|\x00-\x1f]+')


@dataclass(frozen=True, slots=True)
class Reference:
    """What a payload says about its file."""

    msgtype: str
    name: str
    attachment_id: int | None = None
    text: str = ""

    @property
    def text_bytes(self) -> bytes:
        """Return the text as a file: with the mark by which old Windows programs know UTF-8."""
        return self.text.encode("utf-8-sig")


def text_file(title: str, text: str, **members: Any) -> str:
    """Return the payload of a text file named by the message's title."""
    name = _UNFIT.sub(" ", title).strip()[:40] or "全文"
    return Payload.build("file", upload={"name": f"{name}.txt", "text": text}, **members).json


def attached(attachments: Sequence[Attachment], *, image_limit: int, **members: Any) -> list[str]:
    """Return one payload per attachment; a picture too large to be shown as one goes as a file."""
    payloads = []
    for row in attachments:
        is_image = row.kind == row.Kind.IMAGE and row.size <= image_limit
        upload = {"attachment": row.pk, "name": row.name}
        payloads.append(Payload.build("image" if is_image else "file", upload=upload, **members).json)
    return payloads


def reference(payload: str) -> Reference | None:
    """Return what a payload says about its file; None for one that is sent as it stands."""
    try:
        data = json.loads(payload)
    except ValueError:
        return None
    upload = data.get("upload") if isinstance(data, dict) else None
    if not isinstance(upload, dict):
        return None
    return Reference(
        msgtype=data["msgtype"],
        name=upload["name"],
        attachment_id=upload.get("attachment"),
        text=upload.get("text", ""),
    )
