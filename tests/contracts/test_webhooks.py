"""Other systems are told every state: signed, tried again with pauses, nothing lost."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from contracts.choices import CallState
from contracts.models import OutboundWebhook, WebhookDelivery
from contracts.services import acts, generation, webhooks
from spc_site import clock
from spc_site.errors import AppError
from tests.contracts import building

pytestmark = pytest.mark.django_db
SECRET = "a-secret-of-the-erp"


class Erp:
    """A system that listens; `answers` are its statuses in turn, then 204."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        erp = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                erp.calls.append((dict(self.headers), body))
                status = erp.answers.pop(0) if erp.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def erp(settings: Any) -> Iterator[Erp]:
    settings.ALLOW_HTTP = True
    found = Erp()
    yield found
    found.server.shutdown()
    found.thread.join()
    found.server.server_close()


def hook(erp: Erp, **fields: Any) -> OutboundWebhook:
    return OutboundWebhook.objects.create(**{"name": "ERP", "url": erp.url, "secret": SECRET, **fields})


def test_each_state_is_told_once_with_a_signature_that_the_other_side_can_check(erp: Erp) -> None:
    hook(erp)
    hook(erp, name="只要作废", states=["void"])
    hook(erp, name="停用", is_enabled=False)
    building.active_version()
    contract = generation.generate(building.granted())
    acts.void(contract, reason="审批已撤销")
    assert webhooks.call_due() == 3
    assert webhooks.call_due() == 0
    told = [json.loads(body) for _headers, body in erp.calls]
    assert [(one["event"], one["contract"]["state"]) for one in told] == [
        ("contract.generated", "generated"),
        ("contract.void", "void"),
        ("contract.void", "void"),
    ]
    assert told[0]["contract"] | {"number": contract.number, "amount": "150.50"} == told[0]["contract"]
    assert told[0]["contract"]["sha256"] == contract.versions.get().file_id
    assert told[0]["trace"] == contract.trace
    headers, body = erp.calls[0]
    signed = hmac.new(SECRET.encode(), headers["X-Contract-Timestamp"].encode() + b"." + body, hashlib.sha256)
    assert headers["X-Contract-Signature"] == f"sha256={signed.hexdigest()}"
    assert headers["X-Contract-Event"] == told[0]["id"]


def test_a_call_that_fails_is_tried_again_with_growing_pauses_and_then_left_to_a_person(
    erp: Erp, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook(erp)
    building.active_version()
    generation.generate(building.granted())
    passed = timedelta(0)
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + passed)
    erp.answers = [500, 302, 404, 503, 500, 500, 500]
    for pause in (1, 5, 15, 60, 240, 720):
        assert webhooks.call_due() == 1
        assert webhooks.call_due() == 0
        passed += timedelta(minutes=pause)
    assert webhooks.call_due() == 1
    call = WebhookDelivery.objects.get()
    assert (call.state, call.attempts, call.error) == (CallState.DEAD, 7, "HTTP 500")
    assert webhooks.retry(call)
    assert webhooks.call_due() == 1
    call.refresh_from_db()
    assert (call.state, call.http_status) == (CallState.SENT, 204)
    assert len({body for _headers, body in erp.calls}) == 1


def test_a_system_that_is_away_costs_the_contract_nothing(erp: Erp) -> None:
    hook(erp, url="http://127.0.0.1:9/hook")
    building.active_version()
    assert generation.generate(building.granted()).state == "generated"
    webhooks.call_due()
    assert WebhookDelivery.objects.get().error == "ConnectionError"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("http://erp.example.com/x", SECRET),
        ("ftp://erp.example.com/x", SECRET),
        ("https://user:pw@erp.example.com/x", SECRET),
        ("https:///x", SECRET),
        ("https://erp.example.com/x", "short"),
    ],
)
def test_addresses_and_secrets_that_are_no_good_are_refused(settings: Any, url: str, secret: str) -> None:
    settings.ALLOW_HTTP = False
    with pytest.raises(AppError):
        webhooks.validate(url, secret)
