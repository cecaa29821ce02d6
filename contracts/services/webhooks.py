"""Other systems (ERP, CRM) hear of every change of state: signed, tried again, nothing lost.

The call is a row in the transaction of the change. Its body is frozen; it is signed when it is sent:
`X-Contract-Signature: sha256=HMAC(secret, timestamp + "." + body)` beside `X-Contract-Timestamp`, so that
neither can be changed and an old call cannot be played again. `X-Contract-Event` names the event: who has
seen it already answers 2xx and does nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import uuid
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.utils.translation import gettext as _

from contracts import formats
from contracts.choices import CallState, EventKind
from contracts.models import Contract, OutboundWebhook, WebhookDelivery
from spc_site import clock, jobs
from spc_site.errors import AppError
from spc_site.jobs import Budget
from spc_site.sealed import Unreadable

log = logging.getLogger("contracts")

RETRY_AFTER = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720))
"""A call that fails is tried again after these; then a person decides."""
LEASE = timedelta(seconds=60)
TIMEOUT_S = (3.05, 10)
LEAST_SECRET = 16


def announce(contract: Contract, kind: EventKind) -> None:
    """Write a call for every system that wants to know of this state, in the caller's transaction."""
    hooks = [
        hook
        for hook in OutboundWebhook.objects.filter(is_enabled=True).defer("secret")
        if not hook.states or contract.state in hook.states
    ]
    if not hooks:
        return
    event_id, now = uuid.uuid4().hex, clock.now()
    body = json.dumps(_payload(contract, kind, event_id, now), ensure_ascii=False, sort_keys=True)
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            webhook=hook, contract=contract, event_id=event_id, event=kind, body=body, next_at=now
        )
        for hook in hooks
    )
    jobs.enqueue("contracts.webhooks")


def _payload(contract: Contract, kind: EventKind, event_id: str, now: datetime) -> dict[str, object]:
    amount = contract.amount_fen
    current = contract.versions.filter(state="current").values_list("number", "file_id").first()
    return {
        "id": event_id,
        "event": f"contract.{kind}",
        "at": now.isoformat(),
        "trace": contract.trace,
        "contract": {
            "id": contract.pk,
            "number": contract.number,
            "state": contract.state,
            "approval_no": contract.sp_no,
            "template": contract.template.name,
            "type": contract.template.contract_type,
            "name": contract.name,
            "party_a": contract.party_a,
            "party_b": contract.party_b,
            "amount": None if amount is None else formats.fen_to_yuan(amount),
            "applicant": contract.applicant,
            "signed_on": contract.signed_on.isoformat() if contract.signed_on else None,
            "expires_on": contract.expires_on.isoformat() if contract.expires_on else None,
            "version": current[0] if current else None,
            "sha256": current[1] if current else None,
            "url": settings.FRONTEND_URL + contract.get_absolute_url(),
        },
    }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what stands in X-Contract-Signature."""
    return "sha256=" + hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def validate(url: str, secret: str) -> None:
    """Raise AppError for an address or a secret that may not be used."""
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and settings.ALLOW_HTTP)
    if not is_safe or not parts.hostname or parts.username:
        raise AppError("bad_url", _("地址须以 https:// 开头，且不含用户名与密码。"))
    if len(secret) < LEAST_SECRET:
        raise AppError("short_secret", _("签名密钥至少 %(least)d 个字符。") % {"least": LEAST_SECRET})


# --- sending ----------------------------------------------------------------------------------


def has_due() -> bool:
    return WebhookDelivery.objects.filter(state=CallState.PENDING, next_at__lte=clock.now()).exists()


def call_due(*, budget_s: float = 50) -> int:
    """Make the calls that are due, for at most `budget_s`; return how many were made."""
    budget, made = Budget(budget_s), 0
    with requests.Session() as session:
        session.trust_env = False
        while budget:
            call = _claimed()
            if call is None:
                break
            _make(call, session)
            made += 1
    return made


def retry(call: WebhookDelivery) -> bool:
    """Try a call again that was given up; say whether it was."""
    again = WebhookDelivery.objects.filter(pk=call.pk, state=CallState.DEAD).update(
        state=CallState.PENDING, attempts=0, next_at=clock.now(), error=""
    )
    jobs.enqueue("contracts.webhooks")
    return bool(again)


def _claimed() -> WebhookDelivery | None:
    """Take the next call for this process: its time moves on, so that nobody else takes it meanwhile."""
    now = clock.now()
    due = WebhookDelivery.objects.filter(state=CallState.PENDING, next_at__lte=now)
    for pk, next_at, attempts in due.order_by("next_at").values_list("pk", "next_at", "attempts")[:20]:
        mine = WebhookDelivery.objects.filter(pk=pk, state=CallState.PENDING, next_at=next_at)
        if mine.update(next_at=now + LEASE, attempts=attempts + 1):
            return WebhookDelivery.objects.select_related("webhook").defer("webhook__secret").get(pk=pk)
    return None


def _make(call: WebhookDelivery, session: requests.Session) -> None:
    status, error = None, ""
    try:
        status = _post(call, session)
        if not 200 <= status < 300:
            error = f"HTTP {status}"
    except requests.RequestException as failure:
        error = type(failure).__name__  # its words would repeat the address, which may hold a key
    except (AppError, Unreadable) as refused:
        error = str(refused)
    mine = WebhookDelivery.objects.filter(pk=call.pk, state=CallState.PENDING)
    if not error:
        mine.update(state=CallState.SENT, http_status=status, error="", sent_at=clock.now())
        return
    is_over = call.attempts > len(RETRY_AFTER) or not call.webhook.is_enabled
    log.warning("webhook call failed: call=%s attempt=%s error=%s", call.pk, call.attempts, error)
    mine.update(
        state=CallState.DEAD if is_over else CallState.PENDING,
        http_status=status,
        error=error[:255],
        next_at=clock.now() + RETRY_AFTER[min(call.attempts, len(RETRY_AFTER)) - 1],
    )


def _post(call: WebhookDelivery, session: requests.Session) -> int:
    secret = call.webhook.secret
    validate(call.webhook.url, secret)
    body, timestamp = call.body.encode(), str(int(clock.now().timestamp()))
    with session.post(
        call.webhook.url,
        data=body,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "X-Contract-Event": call.event_id,
            "X-Contract-Timestamp": timestamp,
            "X-Contract-Signature": signature(secret, timestamp, body),
        },
        timeout=TIMEOUT_S,
        allow_redirects=False,
        stream=True,
    ) as answer:
        return int(answer.status_code)
