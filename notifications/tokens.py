"""The access token of an application as a row: shared by all processes, renewed by one at a time.

Nobody waits inside a transaction: who renews holds a lease in the row, the others look again
until the token is there or the lease has run out.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q

from notifications.models import AccessToken
from spc_site import clock
from spc_site.sealed import Unreadable

_LOOK_AGAIN_S = 0.05


class RowTokenStore:
    """Tokens in rows (`wecom.tokens.TokenStore`).

    `scope` keeps what differs by more than the application's name apart (its secret, its server);
    `lease_s` is longer than one call for a token can last.
    """

    def __init__(self, scope: str, *, lease_s: float) -> None:
        self._scope = scope
        self._lease = timedelta(seconds=lease_s)

    def get(self, name: str) -> str | None:
        """Return the token that is still good, if there is one. One query."""
        good = AccessToken.objects.filter(name=self._key(name), expires_at__gt=clock.now())
        try:
            return good.values_list("token", flat=True).first() or None
        except Unreadable:
            return None  # the key ring has changed: a new token is quickly had

    def put(self, name: str, token: str, lifetime_s: float) -> None:
        """Keep a token for so many seconds."""
        until = clock.now() + timedelta(seconds=lifetime_s)
        AccessToken.objects.update_or_create(
            name=self._key(name), defaults={"token": token, "expires_at": until}
        )

    def drop(self, name: str, token: str) -> None:
        """Forget the token, only if it is still this one."""
        row = AccessToken.objects.filter(name=self._key(name)).first()
        if row is not None and row.token == token:
            same = AccessToken.objects.filter(pk=row.pk, expires_at=row.expires_at)
            same.update(expires_at=None)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Keep all other processes from renewing this token meanwhile, as long as the lease lasts."""
        owner = uuid.uuid4().hex
        row, _is_new = AccessToken.objects.get_or_create(name=self._key(name))
        mine = AccessToken.objects.filter(pk=row.pk, lease_owner=owner)
        while not self._take(row.pk, owner):
            time.sleep(_LOOK_AGAIN_S)
        try:
            yield
        finally:
            mine.update(lease_until=None, lease_owner="")

    def _take(self, pk: int, owner: str) -> bool:
        now = clock.now()
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        taken = AccessToken.objects.filter(free, pk=pk).update(
            lease_until=now + self._lease, lease_owner=owner
        )
        return bool(taken)

    def _key(self, name: str) -> str:
        return hashlib.sha256(f"{self._scope}|{name}".encode()).hexdigest()
