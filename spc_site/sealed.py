"""Secrets at rest: text that only this installation can read again.

The key ring is the setting `SECRETS_KEYS`, newest first: the first key seals, every key unseals,
so a key is replaced by putting a new one in front and sealing what is stored once more. Each key
is a text of at least 20 characters; what encrypts is derived from it (Fernet: AES-128-CBC with
HMAC-SHA-256). Without the setting a key is made once and kept in `var/secrets_key`.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models.functions import Cast

_CONTEXT = b"spc_site.sealed:"
_MOST_KNOWN = 500

_known: dict[str, None] = {}
"""Texts that this process sealed or opened, newest last, so that its log can leave them out."""


class Unreadable(ValueError):
    """A sealed text that none of the keys opens: a key is missing from `SECRETS_KEYS`."""


@functools.lru_cache(maxsize=8)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    digests = (hashlib.sha256(_CONTEXT + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


def _keys() -> tuple[str, ...]:
    return tuple(settings.SECRETS_KEYS)


def seal(text: str) -> str:
    """Return the text encrypted with the newest key; an empty text stays empty."""
    _remember(text)
    return _ring(_keys()).encrypt(text.encode()).decode("ascii") if text else ""


def unseal(sealed: str) -> str:
    """Return the text again. Raises Unreadable if no key of the ring opens it."""
    if not sealed:
        return ""
    try:
        text = _ring(_keys()).decrypt(sealed.encode("ascii")).decode()
    except (InvalidToken, UnicodeEncodeError) as error:
        raise Unreadable("none of the keys in SECRETS_KEYS opens this secret") from error
    _remember(text)
    return text


def _remember(text: str) -> None:
    _known.pop(text, None)
    _known[text] = None
    while len(_known) > _MOST_KNOWN:
        _known.pop(next(iter(_known)), None)


def known() -> list[str]:
    """Return the secrets that this process has had in hand; for the log, which must not tell them."""
    return list(_known)


def is_current(sealed: str) -> bool:
    """Say whether the newest key opens it, so that it need not be sealed again."""
    try:
        _ring(_keys()[:1]).decrypt(sealed.encode("ascii"))
    except (InvalidToken, UnicodeEncodeError):
        return not sealed
    return True


def masked(text: str) -> str:
    """Return how a secret may be shown: its last four characters, if it is long enough to keep the rest."""
    return f"••••{text[-4:]}" if len(text) >= 12 else "••••" if text else ""


class SealedTextField(models.TextField):
    """A text that stands encrypted in the database and is plain in Python.

    It cannot be searched. A value that no key opens is never guessed: reading the row raises
    Unreadable.
    """

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return value if value is None else unseal(value)

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return value if value is None else seal(value)


# --- all stored secrets -----------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """How many stored secrets the newest key seals, how many an older one, and which none opens."""

    current: int = 0
    old: int = 0
    unreadable: list[str] = field(default_factory=list)


def survey() -> Tally:
    """Return how the stored secrets of all models stand; reads each once."""
    tally = Tally()
    for _model, name, pk, stored in _stored():
        _sort(tally, name, pk, stored)
    return tally


def reseal() -> Tally:
    """Seal anew, with the newest key, what an older one seals; return how it stood before.

    Can be stopped and run again: what is done is passed over. A secret that somebody replaces
    meanwhile is left as it is, since its new value is sealed with the newest key already.
    """
    tally = Tally()
    for model, name, pk, stored in _stored():
        if _sort(tally, name, pk, stored):
            column = name.rpartition(".")[2]
            unchanged = model._base_manager.annotate(_raw=_raw(column)).filter(pk=pk, _raw=stored)
            unchanged.update(**{column: unseal(stored)})
    return tally


def _stored() -> Iterator[tuple[type[models.Model], str, Any, str]]:
    """Yield model, field, key and the sealed text of every stored secret."""
    for model in apps.get_models():
        for column in model._meta.local_concrete_fields:
            if not isinstance(column, SealedTextField):
                continue
            rows = model._base_manager.annotate(_raw=_raw(column.name)).exclude(_raw="").order_by("pk")
            last = None
            while found := list(
                (rows if last is None else rows.filter(pk__gt=last)).values_list("pk", "_raw")[:200]
            ):
                for pk, stored in found:
                    if stored is not None:
                        yield model, f"{model._meta.label}.{column.name}", pk, stored
                last = found[-1][0]


def _raw(column: str) -> Cast:
    """The text as it stands in the database: a cast column is not unsealed."""
    return Cast(column, models.TextField())


def _sort(tally: Tally, name: str, pk: Any, stored: str) -> bool:
    """Count one secret; say whether it can and should be sealed anew."""
    if is_current(stored):
        tally.current += 1
        return False
    try:
        unseal(stored)
    except Unreadable:
        tally.unreadable.append(f"{name} #{pk}")
        return False
    tally.old += 1
    return True
