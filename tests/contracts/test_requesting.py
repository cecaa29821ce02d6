"""An approval of a contract that is started here, on a page, until it is the contract."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Profile
from approvals import services as approvals
from approvals.models import OutgoingApproval
from approvals.services import starting
from contracts.models import Contract, ContractTemplate
from contracts.services import generation
from tests import builders
from tests.approvals.conftest import Post
from tests.contracts import building
from wecom.sandbox import SandboxServer
from wecom.sandbox.forms import PURCHASE

pytestmark = pytest.mark.django_db
TYPED = {"Text-party": " 无锡示例\n轴承厂 ", "Money-total": "4,480.50", "Date-due": "2026-12-31"}
TYPED |= {"Table-1.1.Text-item": "轴承", "Table-1.1.Money-line": "3600"}
TYPED |= {"Table-1.4.Text-item": "密封圈", "Table-1.4.Money-line": "880.50"}


@pytest.fixture
def template(sandbox: SandboxServer) -> ContractTemplate:
    made = building.template(wecom_template_id=PURCHASE.id)
    building.active_version(made)
    return made


@pytest.fixture
def clerk(client: Client) -> Any:
    user = building.clerk()
    Profile.objects.update_or_create(user=user, defaults={"wecom_userid": "wang.min"})
    client.force_login(user)
    return user


def page_of(template: ContractTemplate) -> str:
    return reverse("contracts:new_approval", args=[template.pk])


def filled(client: Client, template: ContractTemplate, **changes: str) -> dict[str, str]:
    """What a person would send: everything that the page asks for."""
    answer = client.get(page_of(template))
    typed = dict(TYPED)
    for row in answer.context["rows"]:
        if row.input and row.input.is_required and row.input.name not in typed:
            assert row.input.kind in ("Text", "Textarea", "Selector"), row
            typed[row.input.name] = row.input.options[0][0] if row.input.options else "示例"
        for cells in (row.cells[1], row.cells[4]) if row.cells else ():
            for cell in cells:
                typed.setdefault(cell.name, "2")
    return typed | {"token": answer.context["token"]} | changes


def test_an_approval_is_started_on_a_page_once_and_becomes_its_contract(
    template: ContractTemplate, clerk: Any, client: Client, sandbox: SandboxServer, post: Post
) -> None:
    typed = filled(client, template)
    for _ in range(2):
        client.post(page_of(template), typed)
    starting.start_due()
    row = OutgoingApproval.objects.get()
    assert (row.state, row.creator) == ("started", "wang.min"), row.error
    assert row.sp_no in client.get(template.get_absolute_url()).content.decode()
    sandbox.approvals.act(row.sp_no, "agree")
    post.deliver_all()
    approvals.process_due()
    contract = generation.generate(Contract.objects.get(sp_no=row.sp_no))
    assert (contract.party_b, contract.amount_fen) == ("无锡示例 轴承厂", 448050), contract.problems
    assert [line["金额"] for line in contract.versions.get().data["明细"]] == ["3600.00", "880.50"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Text-party": " "}, "没有填写"),
        ({"Money-total": "1.005"}, "“1.005”不能填在这里"),
        ({"Date-due": "2026-02-31"}, "“2026-02-31”不能填在这里"),
        ({"Table-1.4.Money-line": ""}, "第 5 行"),
    ],
)
def test_what_is_missing_or_odd_is_named_and_nothing_is_lost(
    template: ContractTemplate, clerk: Any, client: Client, change: dict[str, str], words: str
) -> None:
    typed = filled(client, template, **change)
    said = client.post(page_of(template), typed).content.decode()
    assert words in said
    assert 'value="880.50"' in said or "Table-1.4.Money-line" in change
    assert typed["token"] in said
    assert not OutgoingApproval.objects.exists()


def test_starting_needs_the_permission_and_a_member_of_wecom(
    template: ContractTemplate, clerk: Any, client: Client
) -> None:
    typed = filled(client, template)
    Profile.objects.filter(user=clerk).update(wecom_userid=None)
    assert "没有对应的企业微信成员" in client.post(page_of(template), typed, follow=True).content.decode()
    reader = builders.person("合同查阅员")
    client.force_login(reader)
    assert client.get(page_of(template)).status_code == 403
    assert not OutgoingApproval.objects.exists()
