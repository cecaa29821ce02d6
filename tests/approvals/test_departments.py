"""Departments by name: asked of WeCom once, kept, and said to be a number where it gives none."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from approvals import services
from approvals.models import Approval
from approvals.services import departments
from contracts.models import Contract, NumberSeries
from contracts.services import generation
from tests import builders
from tests.approvals.conftest import Post
from tests.contracts import building
from wecom.app import App
from wecom.sandbox import SandboxServer, application
from wecom.sandbox.forms import PURCHASE

pytestmark = pytest.mark.django_db
TYPED = {"Text-party": "无锡示例轴承厂", "Money-total": "150.50", "Date-due": "2026-12-31"}
TYPED |= {"Table-1.0.Text-item": "轴承", "Table-1.0.Money-line": "150.50"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The numbers that WeCom was asked for."""
    numbers: list[str] = []
    real = App.department

    def ask(self: App, number: str) -> Any:
        numbers.append(number)
        return real(self, number)

    monkeypatch.setattr(App, "department", ask)
    return numbers


def granted(sandbox: SandboxServer, post: Post, party: str) -> Approval:
    number = sandbox.approvals.hand_in(PURCHASE.id, TYPED, party=party).sp_no
    sandbox.approvals.act(number, "agree")
    post.deliver_all()
    services.process_due()
    return Approval.objects.get(sp_no=number)


def test_a_departments_name_is_asked_once_and_stands_in_the_contract(
    sandbox: SandboxServer, post: Post, asked: list[str]
) -> None:
    codes = {"采购部": "CG", "3": "ZL"}
    building.active_version(
        building.template(wecom_template_id=PURCHASE.id, series=building.series(department_codes=codes))
    )
    for party, name, code in (("2", "采购部", "CG"), ("2", "采购部", "CG"), ("3", "质量部", "ZL")):
        approval = granted(sandbox, post, party)
        assert (approval.department, approval.department_name) == (party, name)
        contract = generation.generate(Contract.objects.get(sp_no=approval.sp_no))
        assert contract.department == name
        assert f"-{code}-" in contract.number, contract.failure_text
    assert asked == ["2", "3"]
    assert NumberSeries.objects.count() == 1


def test_a_department_without_a_name_is_a_number_that_says_so(
    sandbox: SandboxServer,
    post: Post,
    asked: list[str],
    later: Any,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = building.active_version(building.template(wecom_template_id=PURCHASE.id))
    approval = granted(sandbox, post, "12")
    client.force_login(builders.person("合同管理员"))
    said = "部门 12（企业微信未给出名称）"
    assert said in client.get(approval.get_absolute_url()).content.decode()
    contract = Contract.objects.get()
    assert said in client.get(contract.get_absolute_url()).content.decode()
    # It is not asked for again at once, and a name that comes later is taken over.
    granted(sandbox, post, "12")
    assert asked == ["12"]
    later(seconds=departments.UNKNOWN_FOR.total_seconds() + 1)
    monkeypatch.setitem(application.DEPARTMENTS, "12", "研发部")
    services.read_again(approval.sp_no)
    approval.refresh_from_db()
    assert (asked, approval.department_name) == (["12", "12"], "研发部")
    assert version.template.contracts.count() == 2
