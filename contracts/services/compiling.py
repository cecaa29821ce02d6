"""Compiled templates, kept in each process under the hash of their file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import segno

from contracts import archive
from contracts.docx import Fields, Picture, Template, compile_template, watermarked
from contracts.mapping import is_picture
from contracts.models import ContractTemplateVersion

_MOST_KEPT = 32
_NOTHING = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A transparent PNG of one pixel: where a picture may be missing and is."""


def compiled(version: ContractTemplateVersion, mark: str = "") -> Template:
    """Return the template of a version, ready to be filled; compiled once per process.

    `mark` is a word across every page, part of the compiled template.

    Raises DocxError, or AppError where the archive is damaged.
    """
    return _compiled(version.file_id, tuple(version.fields), mark)


@lru_cache(maxsize=_MOST_KEPT)
def _compiled(digest: str, fields: tuple[str, ...], mark: str) -> Template:
    data = archive.fetch(digest)
    return compile_template(watermarked(data, mark) if mark else data, Fields.of(fields))


def forget() -> None:
    """Forget every compiled template of this process."""
    _compiled.cache_clear()


def render(
    version: ContractTemplateVersion,
    values: Mapping[str, Any],
    mark: str = "",
    pictures: Mapping[str, bytes] | None = None,
) -> bytes:
    """Return the document of these JSON values; the same values give the same bytes.

    `pictures` are the files, by their hash, that are not in the archive yet.

    Raises DocxError, or AppError where the archive lacks a file.
    """
    known = pictures or {}
    return compiled(version, mark).fill({name: _as_value(value, known) for name, value in values.items()})


def _as_value(value: Any, pictures: Mapping[str, bytes]) -> Any:
    """Return a value as the engine takes it: QR codes and files become pictures, also those in rows."""
    if isinstance(value, list):
        return [{name: _as_value(one, pictures) for name, one in row.items()} for row in value]
    if not is_picture(value):
        return value
    return Picture(_picture_data(value, pictures), float(value["width_mm"]))


def _picture_data(value: Mapping[str, Any], pictures: Mapping[str, bytes]) -> bytes:
    if "qr" in value:
        return qr_png(value["qr"])
    digest = value["picture"]
    if not digest:
        return _NOTHING
    return pictures[digest] if digest in pictures else archive.fetch(digest)


def qr_png(text: str) -> bytes:
    """Return the QR code of a text as PNG; the same bytes whenever it is asked for."""
    stream = io.BytesIO()
    segno.make(text, error="m", micro=False).save(stream, kind="png", scale=6, border=2)
    return stream.getvalue()
