"""What an approval becomes reaches the contracts in the transaction in which it is read."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Profile
from approvals.models import Approval, WatchedTemplate
from approvals.services.reading import take_in
from contracts.choices import ContractState
from contracts.models import Contract
from contracts.services import generation, intake, templates
from spc_site import clock
from tests import builders
from tests.contracts import building

pytestmark = pytest.mark.django_db


def info(sp_no: str, status: int, **more: Any) -> dict[str, Any]:
    """The detail of an approval as WeCom answers it."""
    return {
        **building.approval_detail()["info"],
        "sp_no": sp_no,
        "sp_status": status,
        "template_id": building.WECOM_TEMPLATE,
        "applyer": {"userid": "Wang.Min", "partyid": "2"},
        **more,
    }


def read(sp_no: str, status: int, *, at: datetime | None = None, **more: Any) -> Approval:
    return take_in(info(sp_no, status, **more), asked_at=at or clock.now())


def test_a_granted_approval_makes_its_contract_whatever_came_before_and_after() -> None:
    building.active_version()
    Profile.objects.create(user=builders.person(first_name="敏", last_name="王"), wecom_userid="wang.min")
    now = clock.now()
    read("1", 1, at=now)
    assert not Contract.objects.exists()
    read("1", 2, at=now + timedelta(seconds=2))
    read("1", 1, at=now + timedelta(seconds=1))  # asked before, answered after
    read("1", 2, at=now + timedelta(seconds=3), comments=[{"commentContent": "已用印"}])
    assert generation.generate_due() == 1
    contract = Contract.objects.get()
    assert (contract.state, contract.applicant_id, contract.department) == ("generated", "Wang.Min", "2")
    assert contract.applicant == "敏 王"
    assert contract.trace
    read("1", 6, at=now + timedelta(seconds=4))
    contract.refresh_from_db()
    assert contract.state == ContractState.VOID
    read("1", 7, at=now + timedelta(seconds=5))
    assert Contract.objects.get().void_reason == "审批已撤销"


def test_a_grant_of_which_only_the_payment_was_seen_makes_its_contract() -> None:
    building.active_version()
    read("1", 10)
    assert generation.generate_due() == 1


def test_approvals_granted_before_the_template_was_there_can_be_caught_up(client: Client) -> None:
    read("1", 2)
    read("2", 3)
    template = building.template()
    building.active_version(template)
    assert not Contract.objects.exists()
    client.force_login(building.clerk())
    page = template.get_absolute_url()
    assert "1 个已通过的审批还没有合同" in client.get(page).content.decode()
    client.post(reverse("contracts:catch_up", args=[template.pk]))
    assert [one.sp_no for one in Contract.objects.all()] == ["1"]
    assert intake.catch_up(template) == []


def test_lost_events_of_an_enabled_templates_approvals_are_looked_for() -> None:
    templates.save_template(building.template())
    templates.save_template(building.template(wecom_template_id="off", is_enabled=False))
    assert [row.template_id for row in WatchedTemplate.objects.all()] == [building.WECOM_TEMPLATE]


def test_a_real_approval_stands_beside_a_new_mapping_which_is_proposed_from_it(client: Client) -> None:
    read("9", 1)
    version = templates.upload_version(
        building.template(), building.DOCUMENT, "x.docx", user=building.clerk()
    )
    client.force_login(building.clerk())
    answer = client.get(version.get_absolute_url())
    assert answer.context["editor"].sample.sp_no == "9"
    assert "无锡示例轴承厂" not in answer.content.decode()  # titled 供应商, and no field is called so
