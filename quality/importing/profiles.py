"""A layout of reports as data: what a file is recognised by, and what stands where.

A profile says where things are; what they mean and how they are cleaned is told by the columns
of `meanings`. It is stored as JSON, so that a layout taught by clicking on a sample sheet is
one more row. Nothing in it depends on file names, and fixed places are only a last resort
for labels that a form does not print.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from quality.importing.meanings import COLUMN_BY_KEY, FIELD_BY_KEY
from spc_site.lib.columns import Column

VERSION = 1
_CELL = re.compile(r"[A-Z]{1,3}[1-9]\d{0,5}")
_LETTERS = re.compile(r"[A-Z]{1,3}")


class ProfileError(ValueError):
    """Stored data that is no profile; `path` says where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where a field of the header is found.

    By one of its `labels`: the value stands in the same cell after a colon, to the right, or
    below; `offset` (rows down, columns right of the label) settles it. `cell` is a fixed
    address, `default` what holds if the form does not tell.
    """

    key: str
    labels: tuple[str, ...] = ()
    required_for: tuple[str, ...] = ()
    offset: tuple[int, int] | None = None
    cell: str = ""
    default: str = ""
    in_footer: bool = False


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """By which titles a column of the table is found; `letter` is a fixed place."""

    key: str
    titles: tuple[str, ...] = ()
    letter: str = ""


@dataclass(frozen=True, slots=True)
class SampleRule:
    """How the columns of samples are titled: a number with something before or after it.

    `groups` are headings over all of them, which do where no numbers are printed.
    """

    prefixes: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """One layout.

    `ends` are labels that begin the footer, `other_labels` labels that are known but not read
    (they must not be taken for a value), `title_rows` how many rows a table's title may take,
    `transposed` that characteristics are columns and samples rows.
    """

    name: str
    fields: tuple[FieldRule, ...]
    columns: tuple[ColumnRule, ...]
    samples: SampleRule
    ends: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()
    title_rows: int = 3
    transposed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the layout (without its name) as plain data; empty settings are left out."""
        return {
            "version": VERSION,
            "fields": [
                _without_blanks(
                    {
                        "key": rule.key,
                        "labels": list(rule.labels),
                        "required_for": list(rule.required_for),
                        "offset": list(rule.offset) if rule.offset else None,
                        "cell": rule.cell,
                        "default": rule.default,
                        "in_footer": rule.in_footer,
                    }
                )
                for rule in self.fields
            ],
            "columns": [
                _without_blanks({"key": rule.key, "titles": list(rule.titles), "letter": rule.letter})
                for rule in self.columns
            ],
            "samples": {
                "prefixes": list(self.samples.prefixes),
                "suffixes": list(self.samples.suffixes),
                "groups": list(self.samples.groups),
            },
            "ends": list(self.ends),
            "other_labels": list(self.other_labels),
            "title_rows": self.title_rows,
            "transposed": self.transposed,
        }

    @classmethod
    def from_json(cls, name: str, data: object) -> Profile:
        """Return the profile that plain data describes.

        Raises
        ------
        ProfileError
            Naming the place in the data that is not understood.
        """
        layout = _mapping(data, "layout")
        if layout.get("version") != VERSION:
            raise ProfileError("version", f"must be {VERSION}")
        _refuse_unknown(
            layout,
            {"version", "fields", "columns", "samples", "ends", "other_labels", "title_rows", "transposed"},
            "layout",
        )
        samples = _mapping(layout.get("samples", {}), "samples")
        _refuse_unknown(samples, {"prefixes", "suffixes", "groups"}, "samples")
        title_rows = layout.get("title_rows", 3)
        if not isinstance(title_rows, int) or not 1 <= title_rows <= 10:
            raise ProfileError("title_rows", "must be a number from 1 to 10")
        return cls(
            name=name,
            fields=tuple(
                _field_rule(item, f"fields[{at}]") for at, item in enumerate(_list(layout, "fields"))
            ),
            columns=tuple(
                _column_rule(item, f"columns[{at}]") for at, item in enumerate(_list(layout, "columns"))
            ),
            samples=SampleRule(
                prefixes=_texts(samples, "prefixes", "samples"),
                suffixes=_texts(samples, "suffixes", "samples"),
                groups=_texts(samples, "groups", "samples"),
            ),
            ends=_texts(layout, "ends", "layout"),
            other_labels=_texts(layout, "other_labels", "layout"),
            title_rows=title_rows,
            transposed=_flag(layout, "transposed", "layout"),
        )


def _field_rule(data: object, path: str) -> FieldRule:
    item = _mapping(data, path)
    _refuse_unknown(item, {"key", "labels", "required_for", "offset", "cell", "default", "in_footer"}, path)
    offset = item.get("offset")
    if offset is not None and not (
        isinstance(offset, list) and len(offset) == 2 and all(type(step) is int for step in offset)
    ):
        raise ProfileError(f"{path}.offset", "must be two whole numbers: rows down, columns right")
    cell = _text(item, "cell", path)
    if cell and not _CELL.fullmatch(cell):
        raise ProfileError(f"{path}.cell", "must be an address such as D5")
    return FieldRule(
        key=_key(item, FIELD_BY_KEY, path),
        labels=_texts(item, "labels", path),
        required_for=_texts(item, "required_for", path),
        offset=(offset[0], offset[1]) if offset else None,
        cell=cell,
        default=_text(item, "default", path),
        in_footer=_flag(item, "in_footer", path),
    )


def _column_rule(data: object, path: str) -> ColumnRule:
    item = _mapping(data, path)
    _refuse_unknown(item, {"key", "titles", "letter"}, path)
    letter = _text(item, "letter", path)
    if letter and not _LETTERS.fullmatch(letter):
        raise ProfileError(f"{path}.letter", "must be the letters of a column such as C")
    return ColumnRule(key=_key(item, COLUMN_BY_KEY, path), titles=_texts(item, "titles", path), letter=letter)


def _without_blanks(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value or name == "key"}


def _mapping(data: object, path: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ProfileError(path, "must be an object")
    return data


def _refuse_unknown(item: Mapping[str, Any], known: set[str], path: str) -> None:
    if unknown := sorted(set(item) - known):
        raise ProfileError(path, f"does not know {', '.join(unknown)}")


def _list(item: Mapping[str, Any], name: str) -> list[object]:
    value = item.get(name)
    if not isinstance(value, list) or not value:
        raise ProfileError(name, "must be a list with at least one item")
    return value


def _texts(item: Mapping[str, Any], name: str, path: str) -> tuple[str, ...]:
    value = item.get(name, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ProfileError(f"{path}.{name}", "must be a list of texts")
    return tuple(value)


def _text(item: Mapping[str, Any], name: str, path: str) -> str:
    value = item.get(name, "")
    if not isinstance(value, str):
        raise ProfileError(f"{path}.{name}", "must be a text")
    return value


def _flag(item: Mapping[str, Any], name: str, path: str) -> bool:
    value = item.get(name, False)
    if not isinstance(value, bool):
        raise ProfileError(f"{path}.{name}", "must be true or false")
    return value


def _key(item: Mapping[str, Any], known: Mapping[str, Column], path: str) -> str:
    key = _text(item, "key", path)
    if key not in known:
        raise ProfileError(f"{path}.key", f"must be one of {', '.join(known)}")
    return key
