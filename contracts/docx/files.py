"""Filling from files: a template and a JSON file of values to a document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from contracts.docx.errors import BadValue
from contracts.docx.placeholders import Fields
from contracts.docx.template import Mode, compile_template


def fill_file(template: Path, data: Path, out: Path, mode: Mode = "strict") -> None:
    """Write `template` filled with the values of `data` to `out`, whole or not at all.

    The declared fields are those that the values could fill.

    Raises DocxError, OSError, or json.JSONDecodeError and UnicodeDecodeError for the data.
    """
    values = read_values(data)
    filled = compile_template(template.read_bytes(), Fields.of_values(values)).fill(values, mode)
    draft = out.with_name(f".{out.name}.part")
    try:
        draft.write_bytes(filled)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def read_values(path: Path) -> dict[str, Any]:
    """Return the values of a JSON file: numbers as they are written, pictures with the bytes of their files.

    An image is a file beside the JSON file or in a folder below it.
    """

    def picture(item: dict[str, Any]) -> dict[str, Any]:
        if item.keys() != {"image", "width_mm"}:
            return item
        file = path.parent / str(item["image"])
        if not file.resolve().is_relative_to(path.parent.resolve()):
            raise BadValue(str(item["image"]), "an image outside the folder of the values")
        try:
            return item | {"image": file.read_bytes()}
        except OSError as error:
            raise BadValue(str(item["image"]), error.strerror or "cannot be read") from error

    text = path.read_text(encoding="utf-8-sig")
    values = json.loads(text, object_hook=picture, parse_int=str, parse_float=str)
    if not isinstance(values, dict):
        raise BadValue(path.name, "no object with a value for each field")
    return values
