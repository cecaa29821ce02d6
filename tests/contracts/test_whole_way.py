"""Approve in WeCom's sandbox: the contract is in the archive, its number given, its file in the group."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from approvals import services as approvals
from contracts.choices import ContractState
from contracts.models import Contract, Delivery
from contracts.services import generation, sending, templates
from notifications.models import Robot
from notifications.services import deliver_due
from tests.approvals.conftest import Post
from tests.contracts import building
from wecom.sandbox import SandboxServer
from wecom.sandbox.forms import PURCHASE

pytestmark = pytest.mark.django_db
TYPED = {"Text-party": "无锡示例轴承厂", "Money-total": "4480.50", "Date-due": "2026-12-31"}
TYPED |= {"Table-1.0.Text-item": "深沟球轴承 6204", "Table-1.0.Money-line": "3600.00"}
TYPED |= {"Table-1.1.Text-item": "密封圈 20×35×7", "Table-1.1.Money-line": "880.50"}


@pytest.fixture
def desk(sandbox: SandboxServer, settings: Any) -> SandboxServer:
    """The sandbox, a robot in a group of its own, and a template for its purchase contracts."""
    settings.WEBHOOK_BASE_URL = sandbox.webhook_base_url
    settings.WECHAT_BOT_WEBHOOK = ""
    Robot.objects.create(group="CONTRACTS", key="demo-iqc")
    template = building.template(wecom_template_id=PURCHASE.id, group="CONTRACTS")
    building.active_version(templates.save_template(template))
    return sandbox


def work() -> None:
    """Answer every bell on the way."""
    approvals.process_due()
    generation.generate_due()
    deliver_due()
    sending.settle_due()


def files_in_the_group(desk: SandboxServer) -> int:
    return sum(one.call == "robot" and one.msgtype == "file" and one.shown for one in desk.messages)


def test_a_grant_becomes_a_file_in_the_group_in_under_five_seconds(desk: SandboxServer, post: Post) -> None:
    number = desk.approvals.hand_in(PURCHASE.id, TYPED).sp_no
    post.deliver_all()
    work()
    assert not Contract.objects.exists()
    began = time.monotonic()
    desk.approvals.act(number, "agree")
    post.deliver_all()
    work()
    assert time.monotonic() - began < 5
    contract = Contract.objects.get()
    assert (contract.sp_no, contract.state) == (number, ContractState.SENT), contract.problems
    assert (contract.amount_fen, contract.party_b) == (448050, "无锡示例轴承厂")
    assert contract.number.endswith("-2026-0001")
    assert files_in_the_group(desk) == 1
    assert Delivery.objects.filter(was_received=True).count() == 2
    desk.approvals.act(number, "withdraw_granted")
    post.deliver_all()
    work()
    contract.refresh_from_db()
    assert contract.state == ContractState.VOID
    assert any("已作废" in one.content for one in desk.messages)


def lost(post: Post) -> None:
    post.events.clear()
    approvals.reconcile()


def repeated(post: Post) -> None:
    for xml in post.events * 3:
        post.deliver(xml)


def reordered(post: Post) -> None:
    events = post.events
    random.Random(6).shuffle(events)
    for xml in events:
        post.deliver(xml)
        work()


@pytest.mark.parametrize("delivery", [lost, repeated, reordered])
def test_however_the_callbacks_come_each_grant_is_one_contract(
    desk: SandboxServer, post: Post, delivery: Callable[[Post], None]
) -> None:
    numbers = [desk.approvals.hand_in(PURCHASE.id, TYPED).sp_no for _ in range(3)]
    for number in numbers[:2]:
        desk.approvals.act(number, "remind")
        desk.approvals.act(number, "agree")
        desk.approvals.act(number, "comment", text="已用印")
    desk.approvals.act(numbers[2], "refuse")
    delivery(post)
    work()
    work()
    made = list(Contract.objects.order_by("sp_no"))
    assert [one.sp_no for one in made] == sorted(numbers[:2])
    assert sorted(one.number[-4:] for one in made) == ["0001", "0002"]
    assert [one.versions.count() for one in made] == [1, 1]
    assert files_in_the_group(desk) == 2
