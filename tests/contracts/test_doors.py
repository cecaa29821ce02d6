"""Contracts for programs and in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from accounts.services import issue_token
from contracts import archive
from contracts.models import BatchRun, NumberSeries, OutboundWebhook, WebhookDelivery
from contracts.services import acts, generation
from tests import builders
from tests.contracts import building

pytestmark = pytest.mark.django_db


def with_token(user: User) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_token(user, name='test')[1]}"}


def test_a_program_finds_a_contract_and_fetches_its_document(client: Client) -> None:
    building.active_version()
    first = generation.generate(building.granted(sp_no="A1"))
    second = generation.generate(building.granted(sp_no="A2"))
    acts.void(second, reason="审批已撤销")
    headers = with_token(building.clerk())
    page = client.get("/api/v1/contracts?limit=1", headers=headers).json()
    assert [one["number"] for one in page["items"]] == [second.number]
    rest = client.get(f"/api/v1/contracts?before={page['next']}", headers=headers).json()
    assert [(one["number"], one["amount"]) for one in rest["items"]] == [(first.number, "150.50")]
    found = client.get("/api/v1/contracts?state=void&text=无锡", headers=headers).json()["items"]
    assert [one["approval_no"] for one in found] == ["A2"]
    assert (
        client.get("/api/v1/contracts?approval_no=A1", headers=headers).json()["items"][0]["id"] == first.pk
    )
    detail = client.get(f"/api/v1/contracts/{first.pk}", headers=headers).json()
    document = detail["documents"][0]
    path = document["docx_url"][document["docx_url"].index("/contracts/") :]
    answer = client.get(path, headers=headers)
    assert archive.digest_of(answer.content) == document["sha256"] == first.versions.get().file_id
    assert [one["kind"] for one in detail["events"]][:2] == ["granted", "generated"]
    assert client.get(path).status_code == 403


def test_a_token_sees_only_what_its_role_allows(client: Client) -> None:
    building.active_version()
    contract = generation.generate(building.granted())
    headers = with_token(builders.person("质检员"))
    assert client.get("/api/v1/contracts", headers=headers).status_code == 403
    assert client.get(f"/api/v1/contracts/{contract.pk}", headers=headers).status_code == 403
    viewer = builders.person()
    viewer.user_permissions.set(builders.permissions("view_contract"))
    shown = client.get(f"/api/v1/contracts/{contract.pk}", headers=with_token(viewer)).json()
    assert shown["documents"][0]["docx_url"] == ""


def test_a_clerk_keeps_series_and_systems_in_the_admin(client: Client) -> None:
    clerk = building.clerk()
    client.force_login(clerk)
    form: dict[str, Any] = {"name": "采购", "prefix": "HT", "separator": "-", "reset": "year", "digits": 4}
    url = reverse("admin:contracts_numberseries_add")
    assert "按" in client.post(url, form | {"department_codes": "[1]"}).text
    client.post(url, form | {"department_codes": '{"采购部": "CG"}'})
    assert NumberSeries.objects.get(name="采购").department_codes == {"采购部": "CG"}
    url = reverse("admin:contracts_outboundwebhook_add")
    system = {"name": "ERP", "url": "https://erp.example.com/x", "states": ["void"], "is_enabled": "on"}
    assert "至少 16 个字符" in client.post(url, system | {"secret": "short"}).text
    client.post(url, system | {"secret": "a-secret-of-the-erp"})
    row = OutboundWebhook.objects.get()
    page = reverse("admin:contracts_outboundwebhook_change", args=[row.pk])
    assert "a-secret-of-the-erp" not in client.get(page).text
    client.post(page, system | {"name": "ERP 2", "secret": ""})
    row.refresh_from_db()
    assert (row.name, row.secret, row.states) == ("ERP 2", "a-secret-of-the-erp", ["void"])


def test_many_contracts_and_dead_calls_are_acted_on_from_their_lists(client: Client) -> None:
    building.active_version()
    OutboundWebhook.objects.create(name="ERP", url="https://erp.example.com/x", secret="x" * 16)
    contract = generation.generate(building.granted())
    WebhookDelivery.objects.update(state="dead")
    client.force_login(building.clerk())
    chosen = {"_selected_action": [contract.pk]}
    url = reverse("admin:contracts_contract_changelist")
    answer = client.post(url, chosen | {"action": "regenerate"})
    run = BatchRun.objects.get()
    assert answer["Location"] == reverse("contracts:batch", args=[run.pk])
    calls = reverse("admin:contracts_webhookdelivery_changelist")
    client.post(calls, {"action": "retry", "_selected_action": [WebhookDelivery.objects.get().pk]})
    assert WebhookDelivery.objects.get().state == "pending"
