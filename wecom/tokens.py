"""The access token of an application: fetched once, shared, renewed early, dropped when it fails.

WeCom limits `gettoken` and blocks a whole address for an hour after many wrong secrets, so all
processes share one token per application through a `TokenStore`, and only one of them refreshes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from wecom.errors import Kind, Outcome
from wecom.transport import Transport, unanswered

_EARLY_S = 300.0  # renewed this long before WeCom lets it run out


class TokenStore(Protocol):
    """Where tokens live between calls and between processes; names are one per application."""

    def get(self, name: str) -> str | None:
        """Return the token that is still good, if there is one."""

    def put(self, name: str, token: str, lifetime_s: float) -> None:
        """Keep a token for so many seconds."""

    def drop(self, name: str, token: str) -> None:
        """Forget the token, only if it is still this one."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Keep everybody else from refreshing this token meanwhile."""


class MemoryTokenStore:
    """Tokens of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def get(self, name: str) -> str | None:
        """Return the token that is still good, if there is one."""
        token, until = self._tokens.get(name, ("", 0.0))
        return token if token and self._clock() < until else None

    def put(self, name: str, token: str, lifetime_s: float) -> None:
        """Keep a token for so many seconds."""
        self._tokens[name] = (token, self._clock() + lifetime_s)

    def drop(self, name: str, token: str) -> None:
        """Forget the token, only if it is still this one."""
        with self._guard:
            if self._tokens.get(name, ("", 0.0))[0] == token:
                del self._tokens[name]

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Keep other threads from refreshing this token meanwhile."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            yield


@dataclass(frozen=True, slots=True)
class Grant:
    """A token, or the outcome that says why there is none."""

    token: str = ""
    failure: Outcome | None = None

    def __repr__(self) -> str:
        return f"Grant(granted={bool(self.token)}, failure={self.failure!r})"


class Tokens:
    """The tokens of one application."""

    def __init__(
        self, base_url: str, corp_id: str, secret: str, *, name: str, store: TokenStore, transport: Transport
    ) -> None:
        query = urlencode({"corpid": corp_id, "corpsecret": secret})
        self._url = f"{base_url}/cgi-bin/gettoken?{query}"
        self._secret = secret
        self._name = name
        self._store = store
        self._transport = transport

    def __repr__(self) -> str:
        return f"<Tokens {self._name}>"

    def current(self) -> Grant:
        """Return the shared token; fetch one where there is none, one process at a time."""
        if token := self._store.get(self._name):
            return Grant(token)
        with self._store.lock(self._name):
            if token := self._store.get(self._name):  # somebody else was faster
                return Grant(token)
            return self._fetch()

    def renew(self) -> Grant:
        """Fetch the token although one may be known: the only call that proves corp id and secret."""
        with self._store.lock(self._name):
            return self._fetch()

    def _fetch(self) -> Grant:
        reply = self._transport.get(self._url, secrets=(self._secret,), at_gettoken=True)
        token = reply.data.get("access_token")
        if not reply.outcome.ok:
            return Grant(failure=reply.outcome)
        if not isinstance(token, str) or not token:
            return Grant(failure=unanswered(reply.outcome, Kind.UNREADABLE))
        lifetime_s = _lifetime_s(reply.data.get("expires_in"))
        if lifetime_s > 0:
            self._store.put(self._name, token, lifetime_s)
        return Grant(token)

    def reject(self, token: str) -> None:
        """Forget a token that WeCom did not take, unless it was replaced meanwhile."""
        self._store.drop(self._name, token)


def _lifetime_s(expires_in: object) -> float:
    """Return how long to keep a token: what WeCom says, less a margin; never more than half of it off."""
    if not isinstance(expires_in, int | float) or isinstance(expires_in, bool) or expires_in <= 0:
        return 0.0
    return max(expires_in - _EARLY_S, expires_in / 2)
