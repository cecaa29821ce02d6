"""A document reaches applicant and group as a file through WeCom; what ends a contract reaches who has it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Profile
from approvals.choices import Status
from contracts import archive
from contracts.choices import ContractState, VersionState
from contracts.models import ArchivedFile, Contract, Delivery, DownloadLog, Reminder
from contracts.services import acts, batches, generation, intake, reminders, sending
from contracts.services.downloads import link_for_message, link_for_page
from notifications.choices import State
from notifications.models import Notification, Robot
from notifications.services import deliver_due
from spc_site import clock
from spc_site.errors import AppError, Conflict
from tests import builders
from tests.contracts import building
from tests.docx_files import member
from tests.oracles import docx_text
from wecom.sandbox import SandboxServer
from wecom.sandbox.application import App

pytestmark = pytest.mark.django_db
KEY = "robot-key-contracts-0001"
APP = App(corp_id="ww0000test", secret="application-secret-0001", agent_id=1000002)
PDF = b"%PDF-1.7 signed %%EOF"


@pytest.fixture
def wecom(settings: Any) -> Iterator[SandboxServer]:
    with SandboxServer(keys={KEY: "CONTRACTS"}, apps=[APP]) as server:
        settings.WEBHOOK_BASE_URL = server.webhook_base_url
        settings.WEBHOOK_KEYS = {}
        settings.WECHAT_BOT_WEBHOOK = ""
        settings.WECHAT_API_BASE_URL = server.base_url
        settings.WECHAT_CORP_ID = APP.corp_id
        settings.WECHAT_CORP_SECRET = APP.secret
        settings.WECHAT_AGENT_ID = APP.agent_id
        Robot.objects.create(group="CONTRACTS", key=KEY)
        yield server


def made(**fields: Any) -> Contract:
    building.active_version(building.template(**{"group": "CONTRACTS", **fields}))
    contract = generation.generate(building.granted())
    assert contract.state == ContractState.GENERATED, contract.failure_text
    return contract


def test_applicant_and_group_get_the_file_and_the_receipts_come_back(wecom: SandboxServer) -> None:
    contract = made()
    deliver_due()
    assert sending.settle_due() == 2
    contract.refresh_from_db()
    assert contract.state == ContractState.SENT
    shown = [(one.call, one.msgtype) for one in wecom.messages if one.shown]
    assert sorted(shown) == [
        ("message", "file"),
        ("message", "markdown"),
        ("robot", "file"),
        ("robot", "markdown"),
    ]
    words = [one.content for one in wecom.messages if one.msgtype == "markdown"]
    assert [contract.number in one and "150.50" in one for one in words] == [True, True]
    deliveries = list(Delivery.objects.order_by("pk"))
    assert [(one.recipient, one.target, one.was_received) for one in deliveries] == [
        ("applicant", "Wang.Min", True),
        ("group", "CONTRACTS", True),
    ]
    messages = Notification.objects.filter(subject=f"contracts.contract:{contract.pk}")
    assert {one.correlation_id[:22] for one in messages} == {contract.trace[:22]}
    assert [one.kind for one in contract.events.all()] == ["granted", "generated", "queued", "sent", "sent"]


def test_a_message_that_dies_is_seen_with_the_contract_and_can_be_sent_again(wecom: SandboxServer) -> None:
    contract = made(tells_applicant=False)
    Notification.objects.update(status=State.DEAD)
    sending.settle_due()
    contract.refresh_from_db()
    assert (contract.state, contract.failure) == (ContractState.GENERATED, "not_delivered")
    user = building.clerk()
    sending.send_again(contract, user=user)
    deliver_due()
    sending.settle_due()
    contract.refresh_from_db()
    assert (contract.state, contract.failure) == (ContractState.SENT, "")
    assert list(Delivery.objects.values_list("round", "was_received")) == [(1, False), (2, True)]


def test_nothing_is_settled_before_the_file_has_gone_too(wecom: SandboxServer) -> None:
    made(tells_applicant=False)
    Notification.objects.filter(part_no=1).update(status=State.SENT)
    assert sending.settle_due() == 0
    assert not Delivery.objects.get().is_settled


def test_what_is_over_20_mb_goes_as_a_link_that_serves_without_a_login(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(sending, "MOST_BYTES", 100)
    contract = made(tells_applicant=False)
    assert Delivery.objects.get().is_link
    message = Notification.objects.get()
    assert not message.attachments.exists()
    url = message.content.partition("](")[2].partition(")")[0]
    path = url[url.index("/contracts/file/") :]
    answer = client.get(path)
    assert archive.digest_of(answer.content) == contract.versions.get().file_id
    assert "filename*=UTF-8''" in answer["Content-Disposition"]
    log = DownloadLog.objects.get()
    assert (log.user, log.who, log.address) == (None, "消息链接：CONTRACTS", "127.0.0.1")


def test_a_message_that_cannot_be_queued_leaves_the_contract_archived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise AppError("no_template", "没有模板")

    monkeypatch.setattr(sending, "send_template_notification", broken)
    contract = made()
    contract.refresh_from_db()
    assert (contract.failure, contract.failure_text) == ("not_queued", "没有模板")
    assert contract.versions.count() == 1
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("status", [Status.WITHDRAWN_AFTER_GRANT, Status.DELETED])
def test_a_withdrawn_approval_voids_the_contract_and_tells_whoever_has_it(status: int) -> None:
    contract = made()
    buyer = builders.person("合同管理员", username="li.lei")
    Profile.objects.create(user=buyer, wecom_userid="Li.Lei")
    Profile.objects.create(user=building.clerk(), wecom_userid="nobody")
    DownloadLog.objects.create(contract=contract, form="docx", digest="x", user=buyer)
    Notification.objects.all().delete()
    ended = intake.take_in(building.approval(contract.sp_no, status=status))
    again = intake.take_in(building.approval(contract.sp_no, status=status))
    late_grant = intake.take_in(building.approval(contract.sp_no))
    assert ([one.pk for one in ended], again, late_grant) == ([contract.pk], [], [])
    contract.refresh_from_db()
    document = contract.versions.get()
    assert (contract.state, document.state) == (ContractState.VOID, VersionState.VOID)
    assert archive.fetch(document.file_id)
    told = Notification.objects.filter(template_name="contract_void").values_list("channel", "target")
    assert sorted(told) == [("wechat_api", "Wang.Min"), ("wechat_api", "li.lei"), ("wechat_bot", "CONTRACTS")]
    assert generation.generate_due() == 0


def test_what_has_not_left_yet_is_called_off_when_the_contract_ends(wecom: SandboxServer) -> None:
    contract = made()
    acts.void(contract, reason="审批已撤销")
    deliver_due()
    sent = Notification.objects.filter(template_name="contract_sent")
    assert {row.status for row in sent} == {State.CANCELLED}
    assert wecom.messages == []  # nobody has it, so nobody is told that it is void
    assert sending.settle_due() == 2
    contract.refresh_from_db()
    assert (contract.state, contract.failure) == (ContractState.VOID, "")


def test_a_new_document_calls_off_the_one_before_it(wecom: SandboxServer) -> None:
    contract = made(tells_applicant=False)
    generation.regenerate(contract, user=building.clerk())
    deliver_due()
    assert sending.settle_due() == 2
    assert [one.msgtype for one in wecom.messages] == ["markdown", "file"]
    assert list(Delivery.objects.order_by("pk").values_list("was_received", flat=True)) == [False, True]
    contract.refresh_from_db()
    assert (contract.state, contract.failure) == (ContractState.SENT, "")


def test_an_approval_withdrawn_before_its_contract_was_made_leaves_no_number_and_no_message() -> None:
    building.active_version()
    contract = building.granted()
    intake.take_in(building.approval(contract.sp_no, status=Status.WITHDRAWN_AFTER_GRANT))
    assert generation.generate_due() == 0
    contract.refresh_from_db()
    assert generation.generate(contract).state == ContractState.VOID
    assert contract.number == ""
    assert not Notification.objects.exists()


def test_a_signed_contract_has_its_scan_and_no_other_kind_of_file() -> None:
    contract = made()
    user = building.clerk()
    for bad in (b"MZ\x90 program", b""):
        with pytest.raises(AppError):
            acts.mark_signed(contract, scan=bad, file_name="x.pdf", user=user)
    with pytest.raises(AppError):
        tomorrow = timezone.localdate() + timedelta(days=1)
        acts.mark_signed(contract, scan=PDF, file_name="x.pdf", user=user, signed_on=tomorrow)
    acts.mark_signed(contract, scan=PDF, file_name="签署.pdf", user=user, signed_on=date(2026, 1, 5))
    contract.refresh_from_db()
    assert (contract.state, contract.signed_on) == (ContractState.SIGNED, date(2026, 1, 5))
    assert archive.fetch(contract.scans.get().file_id) == PDF


def test_a_contract_is_replaced_only_by_one_in_force() -> None:
    contract = made()
    other = generation.generate(building.granted())
    user = building.clerk()
    for number in ("", contract.number, "HT-none"):
        with pytest.raises(AppError):
            acts.replace(contract, number=number, user=user)
    acts.replace(contract, number=other.number, user=user)
    contract.refresh_from_db()
    assert (contract.state, contract.replaced_by) == (ContractState.REPLACED, other)
    with pytest.raises(Conflict):
        acts.void(contract, reason="x", user=user)


# --- downloads ----------------------------------------------------------------------------------


def test_a_link_of_a_page_serves_its_person_only_while_the_role_lasts(client: Client) -> None:
    contract = made()
    document = contract.versions.get()
    clerk, stranger = building.clerk(), builders.person("质检员")
    link = link_for_page(document, "docx", user=clerk)
    assert client.get(link).status_code == 403
    client.force_login(stranger)
    assert client.get(link).status_code == 403
    assert client.get(link_for_page(document, "docx", user=stranger)).status_code == 403
    client.force_login(clerk)
    assert client.get(link).status_code == 200
    assert client.get(link[:-2] + "xx").status_code == 410
    clerk.groups.clear()
    client.force_login(clerk)
    assert client.get(link).status_code == 403
    assert [(row.user, row.who) for row in DownloadLog.objects.all()] == [(clerk, clerk.get_username())]


def test_links_run_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    document = made().versions.get()
    clerk = building.clerk()
    client.force_login(clerk)
    page, message = link_for_page(document, "docx", user=clerk), link_for_message(document, recipient="w")
    now = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 1801)
    assert client.get(page).status_code == 410
    assert client.get(message).status_code == 200
    monkeypatch.setattr("django.core.signing.time.time", lambda: now + 7 * 86400 + 1)
    assert client.get(message).status_code == 410


def test_an_applicant_may_fetch_the_own_contract_without_any_role(client: Client) -> None:
    contract = made()
    applicant = builders.person()
    Profile.objects.create(user=applicant, wecom_userid="wang.min")
    client.force_login(applicant)
    assert client.get(link_for_page(contract.versions.get(), "docx", user=applicant)).status_code == 200
    assert client.get(contract.get_absolute_url()).status_code == 200
    client.force_login(builders.person())
    assert client.get(contract.get_absolute_url()).status_code == 404


def test_the_check_page_shows_what_the_paper_must_say_and_nothing_else(client: Client) -> None:
    contract = made()
    url = reverse("contracts:check", args=[contract.code])
    said = client.get(url).content.decode()
    for words in (contract.number, contract.party_b, "150.50", contract.versions.get().file_id, "已生成"):
        assert words in said
    for secret in (contract.sp_no, "王敏", "密封圈"):
        assert secret not in said
    acts.void(contract, reason="审批已撤销")
    assert "已作废" in client.get(url).content.decode()
    unknown = client.get(reverse("contracts:check", args=["0" * 16]))
    assert (unknown.status_code, unknown["X-Robots-Tag"]) == (404, "noindex, nofollow")


# --- days and runs ------------------------------------------------------------------------------


def test_reminders_are_given_once_and_what_has_run_out_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    contract = made(sign_within_days=10, remind_before_days=30)
    Notification.objects.all().delete()
    now = clock.now()

    def days_later(days: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=days))

    Contract.objects.update(expires_on=timezone.localdate(now) + timedelta(days=45))
    days_later(10)
    assert reminders.remind_due() == 0
    days_later(11)
    assert [reminders.remind_due(), reminders.remind_due()] == [1, 0]
    days_later(16)
    assert reminders.remind_due() == 1
    assert sorted(Reminder.objects.values_list("kind", flat=True)) == ["expiry", "signature"]
    told = Notification.objects.values_list("template_name", "target")
    assert sorted(told) == [
        ("contract_expiring", "CONTRACTS"),
        ("contract_expiring", "Wang.Min"),
        ("contract_unsigned", "CONTRACTS"),
        ("contract_unsigned", "Wang.Min"),
    ]
    days_later(45)
    assert acts.expire_due() == 0
    days_later(46)
    assert [acts.expire_due(), acts.expire_due()] == [1, 0]
    contract.refresh_from_db()
    assert contract.state == ContractState.EXPIRED


def test_a_run_over_many_shows_its_progress_names_refusals_and_can_be_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "_CHUNK", 3)
    contract = made()
    others = [generation.generate(building.granted()) for _ in range(4)]
    acts.void(others[0], reason="x")
    user = building.clerk()
    run = batches.start("regenerate", [contract.pk, *(one.pk for one in others), 999999], user=user)
    assert batches._some(run, batches.Budget(50)) == 3
    run.refresh_from_db()
    assert (run.place, run.state) == (3, "running")
    assert batches.run_due() == 3
    run.refresh_from_db()
    assert (run.done, run.failed, run.state) == (4, 2, "done")
    assert any("不能这样做" in line for line in run.refusals)
    assert contract.versions.count() == 2
    stopped = batches.start("send", [one.pk for one in others], user=user)
    assert batches.cancel(stopped)
    assert not batches.cancel(stopped)
    assert batches.run_due() == 0
    with pytest.raises(AppError):
        batches.start("send", [], user=user)


def test_the_same_document_is_one_row_of_the_archive() -> None:
    first = archive.keep(b"the same", archive.PDF)
    assert archive.keep(b"the same", archive.PDF) == first
    assert ArchivedFile.objects.filter(pk=first.pk).count() == 1


def test_a_document_that_is_no_longer_valid_says_so_across_its_pages_and_the_archive_keeps_it(
    client: Client,
) -> None:
    contract = made()
    document = contract.versions.get()
    clerk = building.clerk()
    client.force_login(clerk)
    link = link_for_page(document, "docx", user=clerk)
    assert archive.digest_of(client.get(link).content) == document.file_id
    acts.void(contract, reason="x")
    taken = client.get(link).content
    assert "作废" in member(taken, "word/headerWatermark.xml")
    assert docx_text.read(taken)["document"] == docx_text.read(archive.fetch(document.file_id))["document"]
    assert DownloadLog.objects.latest("pk").digest == archive.digest_of(taken)
    assert client.get(link_for_page(document, "pdf", user=clerk)).status_code == 410
