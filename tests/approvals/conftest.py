"""A site that WeCom's sandbox can call, and a way to deliver what the sandbox says."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client

from approvals import client as wecom_client
from spc_site import clock
from wecom.approvals import Pace
from wecom.crypto import CallbackKeys
from wecom.sandbox import DEMO_APP, SandboxServer

TOKEN, AES_KEY = "Qc7LineToken2026", "4I7UzYWxDABVCuzGcyHil4DlLC3Pfeu6suzvDfjdeek"
KEYS = CallbackKeys(TOKEN, AES_KEY, DEMO_APP.corp_id)
URL = "/wecom/callback/"


class Post:
    """Takes events out of the sandbox's hands, and delivers them whenever a test wants."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self._client = Client()

    def take(self, xml: str, _label: str) -> None:
        self.events.append(xml)

    def deliver(self, xml: str, **changes: str) -> HttpResponse:
        encrypted = KEYS.seal(xml.encode(), random=secrets.token_bytes(16))
        return self.send(encrypted, **changes)

    def send(self, encrypted: str, **changes: str) -> HttpResponse:
        query = {"timestamp": "1767225600", "nonce": secrets.token_hex(5)}
        query["msg_signature"] = KEYS.signature(query["timestamp"], query["nonce"], encrypted)
        body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        address = f"{URL}?{urlencode(query | changes)}"
        answer: Any = self._client.post(address, body, content_type="text/xml")
        return answer  # type: ignore[no-any-return]

    def deliver_all(self) -> None:
        for xml in self.events:
            assert self.deliver(xml).status_code == 200
        self.events.clear()


@pytest.fixture
def shared(settings: Any) -> None:
    settings.WECHAT_CORP_ID = DEMO_APP.corp_id
    settings.WECHAT_CORP_SECRET = DEMO_APP.secret
    settings.WECHAT_AGENT_ID = DEMO_APP.agent_id
    settings.WECHAT_CALLBACK_TOKEN = TOKEN
    settings.WECHAT_CALLBACK_AES_KEY = AES_KEY


@pytest.fixture
def post(shared: None) -> Post:
    return Post()


@pytest.fixture
def sandbox(db: None, post: Post, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer(apps=[DEMO_APP]) as server:
        settings.WECHAT_API_BASE_URL = server.base_url
        monkeypatch.setattr(server.courier, "send", post.take)
        monkeypatch.setattr(wecom_client, "_PACE", Pace(1_000_000))
        yield server


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Call with a time that passes."""
    real, passed = clock.now, [timedelta()]

    def now() -> datetime:
        return real() + passed[0]

    monkeypatch.setattr(clock, "now", now)

    def wait(**time: float) -> None:
        passed[0] += timedelta(**time)

    return wait
