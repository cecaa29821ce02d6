"""Compiled templates, kept in each process under the hash of their file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import segno

from contracts import archive
from contracts.docx import Fields, Picture, Template, compile_template, watermarked
from contracts.models import ContractTemplateVersion

_MOST_KEPT = 32


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


def render(version: ContractTemplateVersion, values: Mapping[str, Any], mark: str = "") -> bytes:
    """Return the document of these JSON values; the same values give the same bytes. Raises DocxError."""
    return compiled(version, mark).fill({name: _as_value(value) for name, value in values.items()})


def _as_value(value: Any) -> Any:
    """Return a value as the engine takes it: a QR code becomes the picture of one."""
    if isinstance(value, dict) and "qr" in value:
        return Picture(qr_png(value["qr"]), float(value["width_mm"]))
    return value


def qr_png(text: str) -> bytes:
    """Return the QR code of a text as PNG; the same bytes whenever it is asked for."""
    stream = io.BytesIO()
    segno.make(text, error="m", micro=False).save(stream, kind="png", scale=6, border=2)
    return stream.getvalue()
