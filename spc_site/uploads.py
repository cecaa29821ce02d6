"""Uploaded files that wait for a person to look at the preview and confirm.

They lie in a directory, not in the database: until the confirmation nothing is written there.
One that nobody confirms is forgotten after a day; what was imported is kept under its hash.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import get_language

from spc_site.lib.problems import Language

_KEPT_S = 24 * 3600
_ID = re.compile(r"[0-9a-f]{32}")
_META = "upload.json"
_SUFFIXES = (".xlsx", ".xlsm", ".xls", ".csv", ".txt")


def language() -> Language:
    """Return the language of the sentences about files."""
    return "en" if (get_language() or "").startswith("en") else "zh"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One uploaded file: its name as the person knows it, and where it lies."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Upload:
    """Files uploaded together in one room, and what the person said about them."""

    id: str
    room: str
    about: dict[str, str]
    files: tuple[Waiting, ...]


def keep(files: Iterable[UploadedFile], *, room: str, about: dict[str, str], user_id: int) -> Upload:
    """Put the files aside under an id that only their owner can use; forget what is old."""
    _forget_old()
    upload_id = secrets.token_hex(16)
    directory = _directory(upload_id)
    directory.mkdir(parents=True)
    names = []
    for number, file in enumerate(files):
        with (directory / str(number)).open("wb") as out:
            for chunk in file.chunks():
                out.write(chunk)
        names.append(Path(file.name or "").name)
    meta = {"room": room, "about": about, "user": user_id, "names": names}
    (directory / _META).write_text(json.dumps(meta), encoding="utf-8")
    return _upload(upload_id, meta)


def find(upload_id: str, *, room: str, user_id: int) -> Upload | None:
    """Return what a person uploaded here under this id; None for anybody else's, or when it is gone."""
    if not _ID.fullmatch(upload_id):
        return None
    try:
        meta = json.loads((_directory(upload_id) / _META).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return _upload(upload_id, meta) if (meta["user"], meta.get("room")) == (user_id, room) else None


def forget(upload: Upload) -> None:
    """Remove the files: stored ones are kept elsewhere, under their hash."""
    shutil.rmtree(_directory(upload.id), ignore_errors=True)


def keep_imported(data: bytes, content_hash: str, file_name: str) -> Path:
    """Keep the file of an import under its hash, and return where it lies."""
    directory = Path(settings.IMPORT_DIR) / content_hash[:2]
    suffix = Path(file_name).suffix.lower()
    path = directory / f"{content_hash}{suffix if suffix in _SUFFIXES else '.xlsx'}"
    if path.exists():
        return path
    directory.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=directory, prefix=".")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    Path(temporary).replace(path)
    return path


def _upload(upload_id: str, meta: dict[str, Any]) -> Upload:
    directory = _directory(upload_id)
    files = tuple(Waiting(name, directory / str(number)) for number, name in enumerate(meta["names"]))
    return Upload(upload_id, meta["room"], meta["about"], files)


def _waiting() -> Path:
    return Path(settings.IMPORT_DIR) / "waiting"


def _directory(upload_id: str) -> Path:
    return _waiting() / upload_id


def _forget_old() -> None:
    if not _waiting().exists():
        return
    for directory in _waiting().iterdir():
        if time.time() - directory.stat().st_mtime > _KEPT_S:
            shutil.rmtree(directory, ignore_errors=True)
