"""From the button on the page of a report to the message in the group, over callbacks that go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from alarms.models import Alarm, Resolution
from approvals import client as wecom_client
from approvals import services
from notifications.models import Robot
from quality.choices import Status
from quality.models import Disposition
from quality.services import disposition_forms
from spc_site import jobs
from tests.approvals.conftest import KEYS, shared
from tests.quality.dispositions import REASON, asker, failed_report, form
from wecom.approvals import Pace
from wecom.sandbox import DEMO_APP, SandboxServer
from wecom.sandbox.courier import Mishap, Target

__all__ = ["shared"]
pytestmark = pytest.mark.django_db(transaction=True)
ROBOT = "robot-key-quality-0001"
ROOMS = ("approvals.", "notifications.")


@pytest.fixture
def sandbox(
    shared: None, live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SandboxServer]:
    target = Target(f"{live_server.url}/wecom/callback/", KEYS)
    with SandboxServer(keys={ROBOT: "IQC"}, apps=[DEMO_APP], callback=target) as server:
        server.courier._pause_s, server.courier._delay_s, server.courier._held_for_s = 0.05, 0.2, 0.2
        settings.WEBHOOK_BASE_URL = server.webhook_base_url
        settings.WEBHOOK_KEYS = {}
        settings.WECHAT_API_BASE_URL = server.base_url
        monkeypatch.setattr(wecom_client, "_PACE", Pace(1_000_000))
        Robot.objects.create(group="IQC", key=ROBOT)
        disposition_forms.watch(form())
        yield server


def work() -> None:
    """Do what is due, as the pump does."""
    for name in jobs.due():
        if name.startswith(ROOMS) and name != "approvals.reconcile":
            jobs.drain(name)


def arrive(sandbox: SandboxServer, mishap: Mishap | None) -> None:
    """Let what WeCom says arrive, as far as it does, and have it acted on, whatever comes twice."""
    assert sandbox.courier.settle()
    if mishap in (Mishap.LOST, Mishap.WRONG_SIGNATURE):
        services.reconcile()
    for _time in range(3):
        work()


def told(sandbox: SandboxServer, words: str) -> int:
    return sum(words in row.content for row in sandbox.messages if row.shown and row.group == "IQC")


@pytest.mark.parametrize("mishap", [None, Mishap.LOST, Mishap.REPEATED, Mishap.REORDERED])
def test_a_concession_is_asked_for_granted_and_withdrawn(
    sandbox: SandboxServer, mishap: Mishap | None
) -> None:
    report, phone = failed_report(), Client()
    phone.force_login(asker())
    url = report.get_absolute_url()
    entry = report.entries.get(status=Status.ABNORMAL)
    answer = phone.post(
        f"{url}/dispositions",
        {
            "proposal-decision": "concession",
            "proposal-quantity": "5000",
            "proposal-unit": "pcs",
            "proposal-characteristics": [entry.characteristic_id],
            "proposal-reason": REASON,
            "proposal-revision": report.revision,
        },
    )
    assert answer.status_code == 302
    assert "正在提交审批" in phone.get(url).content.decode()
    arrive(sandbox, None)
    (handed_in,) = sandbox.approvals.forms()
    assert (
        f'审批中</span></a> 让步接收 <span class="mut">{handed_in.sp_no}' in phone.get(url).content.decode()
    )
    for act, state, words in (
        ("agree", "granted", "已批准"),
        ("withdraw_granted", "void", "批准后被撤销"),
    ):
        if mishap:
            sandbox.courier.arm(mishap)
        sandbox.approvals.act(handed_in.sp_no, act)
        sandbox.approvals.act(handed_in.sp_no, "comment", text="已阅")
        arrive(sandbox, mishap)
        assert Disposition.objects.get().state == state
        assert told(sandbox, f">{words}</font>") == 1
        assert Alarm.objects.open().exists() == (state == "void")
    closed = Alarm.objects.get(resolution=Resolution.CONCESSION)
    assert closed.events.last().note == f"让步接收 {handed_in.sp_no}"  # type: ignore[union-attr]
    page = phone.get(url).content.decode()
    assert "请停止放行并隔离剩余物料" in page
    assert "另作处置" in page
