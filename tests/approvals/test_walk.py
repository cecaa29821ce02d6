"""From a person's click at WeCom to the file in the group, over real encrypted callbacks that go wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from approvals import client as wecom_client
from approvals import services
from approvals.models import Refusal
from contracts.choices import ContractState
from contracts.models import Contract
from notifications.models import Robot
from spc_site import jobs
from tests.approvals.conftest import KEYS
from tests.contracts import building
from wecom.approvals import Pace
from wecom.sandbox import DEMO_APP, SandboxServer
from wecom.sandbox.courier import Mishap, Target
from wecom.sandbox.forms import PURCHASE

pytestmark = pytest.mark.django_db(transaction=True)
ROBOT = "robot-key-contracts-0001"
ROOMS = ("approvals.", "contracts.", "notifications.")
TYPED = {
    "Text-party": "无锡示例轴承厂",
    "Table-1.0.Text-item": "轴承",
    "Table-1.0.Money-line": "150.50",
    "Money-total": "150.50",
    "Date-due": "2026-12-31",
}


@pytest.fixture
def sandbox(
    shared: None, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SandboxServer]:
    target = Target(f"{live_server.url}/wecom/callback/", KEYS)
    with SandboxServer(keys={ROBOT: "CONTRACTS"}, apps=[DEMO_APP], callback=target) as server:
        server.courier._pause_s, server.courier._delay_s, server.courier._held_for_s = 0.05, 0.3, 0.3
        settings.WEBHOOK_BASE_URL = server.webhook_base_url
        settings.WEBHOOK_KEYS = {}
        settings.WECHAT_API_BASE_URL = server.base_url
        monkeypatch.setattr(wecom_client, "_PACE", Pace(1_000_000))
        Robot.objects.create(group="CONTRACTS", key=ROBOT)
        building.active_version(building.template(group="CONTRACTS", wecom_template_id=PURCHASE.id))
        services.watch(PURCHASE.id)
        yield server


def work() -> None:
    """Do what is due, as the pump does."""
    for name in jobs.due():
        if name.startswith(ROOMS) and name != "approvals.reconcile":
            jobs.drain(name)


def files_in_group(sandbox: SandboxServer) -> list[str]:
    return [
        row.content
        for row in sandbox.messages
        if row.shown and row.msgtype == "file" and row.group == "CONTRACTS"
    ]


@pytest.mark.parametrize("mishap", [None, *Mishap])
def test_a_grant_becomes_one_file_in_the_group_and_a_withdrawal_ends_it(
    sandbox: SandboxServer, mishap: Mishap | None
) -> None:
    number = sandbox.approvals.hand_in(PURCHASE.id, TYPED).sp_no
    assert sandbox.courier.settle()
    if mishap:
        sandbox.courier.arm(mishap)
    began = time.monotonic()
    sandbox.approvals.act(number, "agree")
    sandbox.approvals.act(number, "comment", text="请盖章")
    if mishap in (Mishap.LOST, Mishap.WRONG_SIGNATURE):
        services.reconcile()
    while not files_in_group(sandbox) and time.monotonic() < began + 5:
        work()
    assert time.monotonic() - began < 5
    assert sandbox.courier.settle()
    for _time in range(3):  # whatever still comes changes nothing
        work()
    contract = Contract.objects.get()
    assert (contract.sp_no, contract.state) == (number, ContractState.SENT)
    assert contract.number
    (file,) = files_in_group(sandbox)
    assert contract.number in file
    assert Refusal.objects.filter(stage="signature").exists() == (mishap is Mishap.WRONG_SIGNATURE)
    if mishap:
        sandbox.courier.arm(mishap)
    sandbox.approvals.act(number, "withdraw_granted")
    assert sandbox.courier.settle()
    if mishap in (Mishap.LOST, Mishap.WRONG_SIGNATURE):
        services.reconcile()
    work()
    contract.refresh_from_db()
    assert contract.state == ContractState.VOID


def test_the_courier_tries_three_times(sandbox: SandboxServer, settings: Any) -> None:
    sandbox.courier.target = Target("http://127.0.0.1:9/wecom/callback/", KEYS)
    sandbox.approvals.hand_in(PURCHASE.id, TYPED)
    assert sandbox.courier.settle()
    (delivery,) = sandbox.courier.deliveries()
    assert (delivery.attempts, delivery.status) == (3, 0)
