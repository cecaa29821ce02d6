"""What can stop a template or its filling, each with the code that callers translate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

RefusalCode = Literal[
    "macro",
    "external_relation",
    "embedded_object",
    "dtd",
    "too_large",
    "too_deep",
    "bad_member_name",
    "duplicate_member",
    "encrypted_or_old",
    "not_docx",
]


class DocxError(ValueError):
    """The parent of all errors of this package; `code` is a stable word."""

    code: str


class PackageRefused(DocxError):
    """The file is not one that may become a template; `detail` names the member or relation."""

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: str = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: member of the package, number of the paragraph from 1, its text."""

    part: str
    paragraph: int
    text: str
    reason: str


class BadPlaceholder(DocxError):
    """The template has placeholders that mean nothing; `places` lists every one."""

    code = "bad_placeholder"

    def __init__(self, places: Sequence[Place]) -> None:
        lines = [
            f"{place.part}, paragraph {place.paragraph}: {place.text} ({place.reason})" for place in places
        ]
        super().__init__(f"bad_placeholder: {len(places)} places\n" + "\n".join(lines))
        self.places = tuple(places)


class MissingField(DocxError):
    """Fields of the template that have no value; `names` lists every one, in the template's order."""

    code = "missing_field"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__("missing_field: " + ", ".join(names))
        self.names = tuple(names)


class BadValue(DocxError):
    """A value of the wrong kind (`bad_value`) or beyond the limits (`too_large`); `field` names it."""

    def __init__(
        self, field: str, message: str, *, code: Literal["bad_value", "too_large"] = "bad_value"
    ) -> None:
        super().__init__(f"{code}: {field}: {message}")
        self.code: str = code
        self.field = field


class FieldError(DocxError):
    """A declared field has a name that no placeholder could have."""

    code = "bad_field"

    def __init__(self, message: str) -> None:
        super().__init__(f"bad_field: {message}")
