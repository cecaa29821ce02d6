"""Content hashes: the same bytes have the same name, whatever the file is called."""

from __future__ import annotations

import hashlib
from pathlib import Path


def content_hash(source: Path | bytes) -> str:
    """Return the SHA-256 of a file or of bytes as 64 lower-case hexadecimal digits."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
