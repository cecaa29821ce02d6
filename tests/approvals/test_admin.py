"""What the operator sees and does: events, forms, files, refusals, figures, the silence of the look."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse
from prometheus_client import generate_latest

from approvals import services
from approvals.models import Approval, ApprovalFile, InboundEvent, OutgoingApproval, Refusal
from approvals.services import files, starting
from spc_site import health
from spc_site.metrics import REGISTRY
from tests import builders
from tests.approvals.conftest import Post
from wecom.sandbox import SandboxServer
from wecom.sandbox.forms import PURCHASE

pytestmark = pytest.mark.django_db
TYPED = {
    "Text-party": "无锡<b>示例</b>轴承厂",
    "Table-1.0.Text-item": "深沟球轴承",
    "Table-1.0.Money-line": "150.50",
    "Money-total": "150.50",
    "Date-due": "2026-12-31",
    "Selector-type": "框架",
}


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(builders.person("运维"))
    return client


def page(client: Client, model: str, pk: int | None = None) -> str:
    name = f"admin:approvals_{model}_{'changelist' if pk is None else 'change'}"
    answer = client.get(reverse(name, args=[] if pk is None else [pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_pages_show_what_came_and_what_it_said(
    sandbox: SandboxServer, post: Post, operator: Client
) -> None:
    number = sandbox.approvals.hand_in(PURCHASE.id, TYPED, files={"报价单.html": b"<script>1</script>"}).sp_no
    post.deliver_all()
    post.deliver("<xml><Event>x</Event></xml>", msg_signature="0" * 40)
    services.process_due()
    files.fetch_due()
    services.reconcile()
    event, approval, file = InboundEvent.objects.get(), Approval.objects.get(), ApprovalFile.objects.get()
    raw = page(operator, "inboundevent", event.pk)
    assert f"&lt;SpNoStr&gt;{number}&lt;/SpNoStr&gt;" in raw
    assert approval.get_absolute_url() in raw
    form = page(operator, "approval", approval.pk)
    for text in (
        "无锡&lt;b&gt;示例&lt;/b&gt;轴承厂",
        "深沟球轴承",
        "150.50",
        "2026-12-31",
        "框架",
        "报价单.html",
    ):
        assert text in form
    answer = operator.get(reverse("admin:approvals_approvalfile_download", args=[file.pk]))
    assert answer.content == b"<script>1</script>"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "application/octet-stream"
    assert "signature" in page(operator, "refusal")
    for model in ("inboundevent", "approval", "approvalfile", "outgoingapproval", "reconcilerun"):
        page(operator, model)


def test_an_event_that_waits_for_a_person_is_on_the_first_page_and_can_be_retried(
    sandbox: SandboxServer, post: Post, operator: Client
) -> None:
    sandbox.approvals.hand_in(PURCHASE.id, TYPED)
    post.deliver_all()
    InboundEvent.objects.update(state="dead", next_at=None)
    assert "未能处理的回调" in operator.get(reverse("admin:index")).content.decode()
    event = InboundEvent.objects.get()
    data = {"action": "retry", "_selected_action": [event.pk]}
    operator.post(reverse("admin:approvals_inboundevent_changelist"), data)
    assert services.process_due() == 1
    assert "未能处理的回调" not in operator.get(reverse("admin:index")).content.decode()


def test_a_start_that_failed_is_handed_in_again_but_not_one_that_was_given_up(operator: Client) -> None:
    failed, given_up, waiting = (
        services.start_approval(key=key, template_id="T", creator="lin.qc", contents=[])
        for key in ("failed", "given up", "waiting")
    )
    OutgoingApproval.objects.filter(pk=failed.pk).update(state="dead", next_at=None)
    assert starting.give_up(given_up, "withdrawn")
    assert "已放弃" in page(operator, "outgoingapproval", given_up.pk)
    assert "重新提交" in page(operator, "outgoingapproval", failed.pk)
    assert "重新提交" not in page(operator, "outgoingapproval", given_up.pk)
    data = {"action": "retry", "_selected_action": [failed.pk, given_up.pk, waiting.pk]}
    answer = operator.post(reverse("admin:approvals_outgoingapproval_changelist"), data, follow=True)
    words = answer.content.decode()
    assert "已安排 1 份审批重新提交" in words
    assert "given up：已放弃，不能重新提交" in words and "waiting：待提交，不能重新提交" in words
    states = OutgoingApproval.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["waiting", "given_up", "waiting"]


def test_only_who_may_sees_files_and_acts(sandbox: SandboxServer, post: Post) -> None:
    sandbox.approvals.hand_in(PURCHASE.id, TYPED, files={"a.txt": b"confidential"})
    post.deliver_all()
    services.process_due()
    files.fetch_due()
    client = Client()
    client.force_login(builders.person("质检员"))
    url = reverse("admin:approvals_approvalfile_download", args=[ApprovalFile.objects.get().pk])
    assert client.get(url).status_code == 403
    assert client.get(reverse("admin:approvals_approval_changelist")).status_code == 403


def test_the_figures_tell_what_waits_and_what_was_refused(post: Post, db: None) -> None:
    post.deliver("<xml><Event>sys_approval_change</Event></xml>")
    Refusal.objects.all().delete()
    post.deliver("<xml/>", msg_signature="0" * 40)
    text = generate_latest(REGISTRY).decode()
    assert "qbo_callback_events_waiting 1.0" in text
    assert 'qbo_callback_refused_total{stage="signature"} 1.0' in text
    assert 'qbo_callback_refused_total{stage="padding"} 0.0' in text
    assert "qbo_callback_oldest_seconds" in text


def test_a_look_that_no_longer_succeeds_is_told_on_every_page(
    sandbox: SandboxServer, later: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.watch(PURCHASE.id)
    services.reconcile()
    assert health.examine().reconcile_silent_minutes is None
    later(minutes=31)
    sandbox.fail("errcode", errcode=301056, call="approval")
    services.reconcile()
    assert health.examine().reconcile_silent_minutes == 31
    monkeypatch.setattr(
        health, "examine", lambda: health.Health(True, True, 0.0, reconcile_silent_minutes=31)
    )
    monkeypatch.setattr(health, "_kept", None)
    assert "审批核对已 31 分钟没有成功" in health.system_banner()
    monkeypatch.setattr(health, "_kept", None)


def test_half_a_callback_is_a_warning(shared: None, settings: Any) -> None:
    assert "approvals.W001" not in {message.id for message in run_checks()}
    settings.WECHAT_CALLBACK_AES_KEY = ""
    (warning,) = [message for message in run_checks() if message.id == "approvals.W001"]
    assert "WECHAT_CALLBACK_AES_KEY" in warning.msg
