"""The API's root: tokens, refusals, description, for every operation alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import services as accounts
from spc_site.api import api
from tests import builders

pytestmark = pytest.mark.django_db

ROOT = "/api/v1"


def _operations() -> Iterator[tuple[str, str]]:
    for path, methods in api.get_openapi_schema(path_prefix=f"{ROOT}/")["paths"].items():
        filled = path.replace("{kind}", "IQC").replace("{message_id}", "x")
        filled = re.sub(r"\{\w+_id\}", "1", filled)
        for method in methods:
            yield method.upper(), filled


every_operation = pytest.mark.parametrize(("method", "path"), list(_operations()))


def _client(*roles: str, **fields: Any) -> Client:
    _token, raw = accounts.issue_token(builders.person(*roles, **fields), name="test")
    return Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)


def _is_problem(response: Any, code: str) -> bool:
    body = response.json()
    return set(body) == {"code", "message", "where", "details"} and body["code"] == code and body["message"]


@every_operation
def test_no_operation_answers_without_a_token(method: str, path: str) -> None:
    response = Client().generic(method, path)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert _is_problem(response, "unauthorized")


@every_operation
def test_a_browsers_session_is_no_token(method: str, path: str) -> None:
    client = Client()
    client.force_login(builders.superuser())
    assert client.generic(method, path).status_code == 401


_ABOUT_ALARMS = {
    "hours": 2,
    "cause": "x",
    "title": "x",
    "matchers": "source=x",
    "ends_at": "2099-01-01T00:00:00+08:00",
    "reason": "x",
}


@every_operation
def test_a_token_whose_user_has_no_role_may_do_nothing(method: str, path: str) -> None:
    body = {
        f"{ROOT}/notifications": {"title": "t", "content": "c", "channel": "wechat_bot", "target": "IQC"},
        f"{ROOT}/notifications/from-template": {"template_name": "x", "target": "IQC", "variables": {}},
        f"{ROOT}/notifications/events": {"event": "x", "title": "t", "group": "IQC"},
        f"{ROOT}/outputs": {"rows": [{"group": "S", "day": "2026-05-01", "amount": 1, "unit": "t"}]},
        f"{ROOT}/readings": {"batch_id": "1", "readings": [{"meter": "M1", "at": "2026-03-01", "value": 1}]},
        f"{ROOT}/charging-orders": {
            "order_number": "1",
            "station": "S",
            "plug": "1",
            "started_at": "2026-03-01T08:00:00+08:00",
        },
        f"{ROOT}/quotas": {"name": "q", "energy_type": "electricity", "quota_value": "1", "reason": "x"},
        f"{ROOT}/reports/IQC/1/dispositions": {"decision": "scrap", "quantity": "1", "reason": "x"},
        f"{ROOT}/quotas/1/revisions": {"value": "1", "reason": "x"},
        f"{ROOT}/quotas/1/switch": {"is_active": False},
    }.get(path, {"values": ["1"], "version": 1, **_ABOUT_ALARMS})
    response = _client().generic(method, path, data=json.dumps(body), content_type="application/json")
    assert response.status_code in (403, 422) if path.endswith("imports") else response.status_code == 403
    if response.status_code == 403:
        assert _is_problem(response, "not_allowed")


@pytest.mark.parametrize("raw", ["", "wrong", "令牌"])
def test_a_wrong_token_is_refused(raw: str) -> None:
    response = Client(headers={"Authorization": f"Bearer {raw}"}).get(f"{ROOT}/alarms")
    assert response.status_code == 401


def test_expired_and_revoked_tokens_are_refused() -> None:
    user = builders.person("质检员")
    past = timezone.now() - timedelta(seconds=1)
    _expired, raw = accounts.issue_token(user, name="a", expires_at=past)
    assert Client(headers={"Authorization": f"Bearer {raw}"}).get(f"{ROOT}/alarms").status_code == 401
    token, raw = accounts.issue_token(user, name="b")
    client = Client(headers={"Authorization": f"Bearer {raw}"})
    assert client.get(f"{ROOT}/alarms").status_code == 200
    accounts.revoke_token(token)
    assert client.get(f"{ROOT}/alarms").status_code == 401


def test_what_is_wrong_is_named_by_its_place() -> None:
    response = _client("质检员").get(f"{ROOT}/reports/IQC", {"limit": 9999, "since": "yesterday"})
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "invalid"
    assert {one["where"] for one in body["details"]} == {"query.limit", "query.since"}
    assert body["where"] in {"query.limit", "query.since"}


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"'])
def test_a_body_that_is_no_json_object_is_refused(body: str) -> None:
    response = _client("通知管理员").post(f"{ROOT}/notifications", body, content_type="application/json")
    assert response.status_code in (400, 422)
    assert response.json()["code"] in ("bad_request", "invalid")


def test_a_fault_of_ours_is_logged_and_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("alarms.selectors.alarm_list", broken)
    response = _client("质检员").get(f"{ROOT}/alarms")
    assert response.status_code == 500
    assert _is_problem(response, "internal")
    assert "secret detail" not in response.text
    assert "secret detail" in caplog.text


# --- the description ------------------------------------------------------------------------


def test_the_description_is_for_people_and_tokens_and_nobody_else() -> None:
    for url in (f"{ROOT}/", f"{ROOT}/openapi.json"):
        assert Client().get(url).status_code == 401
        assert _client().get(url).status_code == 200
        person = Client()
        person.force_login(builders.person())
        assert person.get(url).status_code == 200


def test_the_description_names_every_operation_and_every_refusal() -> None:
    client = _client()
    schema = client.get(f"{ROOT}/openapi.json").json()
    page = client.get(reverse("api:openapi-view")).text
    for path, methods in schema["paths"].items():
        assert path in page
        for operation in methods.values():
            assert operation["summary"] in page
            assert {"401", "403", "404", "409", "422"} <= set(operation["responses"])
            assert operation["security"]


def test_the_page_of_the_description_loads_nothing_from_elsewhere() -> None:
    response = _client().get(f"{ROOT}/")
    assert "https://cdn" not in response.text
    assert "<style" not in response.text
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]
