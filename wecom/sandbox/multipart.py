"""The one uploaded file of a multipart request, read the way WeCom reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The server reads filename="..." in UTF-8 and nothing else: a part with only filename*= is empty to it.
_NAME = re.compile(r';\s*name="([^"]*)"')
_FILENAME = re.compile(r';\s*filename="([^"]*)"')
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """The part named `media`; no name means that WeCom would not find a file in it."""

    name: str | None
    data: bytes


def uploaded_file(content_type: str, body: bytes) -> UploadedFile:
    """Return the file of the part named `media`, or an empty one."""
    boundary = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or not boundary:
        return UploadedFile(None, b"")
    mark = b"--" + boundary[1].encode("latin-1", "replace")
    for part in (b"\r\n" + body).split(b"\r\n" + mark)[1:]:
        head, _, data = part.partition(b"\r\n\r\n")
        for line in head.decode("utf-8", "replace").split("\r\n"):
            if not line.lower().startswith("content-disposition:"):
                continue
            name, filename = _NAME.search(line), _FILENAME.search(line)
            if name and name[1] == "media":
                return UploadedFile(filename[1].replace("%22", '"') if filename else None, data)
    return UploadedFile(None, b"")
