"""The one door to archived files: kept under their content hash, checked whenever they are read."""

from __future__ import annotations

import hashlib

from django.utils.translation import gettext as _

from contracts.models import ArchivedFile
from spc_site.errors import AppError

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PDF = "application/pdf"
PNG = "image/png"
JPEG = "image/jpeg"

_MARKS = ((b"%PDF-", PDF), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))


class Damaged(AppError):
    """What is in the archive is not what was put there."""


def digest_of(data: bytes) -> str:
    """Return the name of these bytes."""
    return hashlib.sha256(data).hexdigest()


def keep(data: bytes, media_type: str) -> ArchivedFile:
    """Put bytes into the archive; the same ones again are the same row."""
    digest = digest_of(data)
    row, _is_new = ArchivedFile.objects.defer("data").get_or_create(
        digest=digest, defaults={"data": data, "size": len(data), "media_type": media_type}
    )
    return row


def fetch(digest: str) -> bytes:
    """Return the bytes of that name. Raises Damaged if they have changed, or are gone."""
    data = ArchivedFile.objects.filter(pk=digest).values_list("data", flat=True).first()
    if data is None or digest_of(bytes(data)) != digest:
        raise Damaged(
            "damaged", _("归档文件 %(digest)s 已损坏或缺失，请联系运维。") % {"digest": digest[:12]}
        )
    return bytes(data)


def media_type_of(data: bytes) -> str | None:
    """Return the type of a PDF, PNG or JPEG by what is in it; None for anything else."""
    return next((kind for mark, kind in _MARKS if data.startswith(mark)), None)
