"""From a granted approval to the archive: once, numbered, exact; every obstacle stays with the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from approvals.choices import Status
from contracts import archive
from contracts.choices import ContractState, VersionState
from contracts.models import ArchivedFile, Contract, ContractVersion
from contracts.services import generation, intake, templates
from contracts.services.generation import digest_of_values
from notifications.models import Notification
from spc_site import clock
from spc_site.errors import AppError, Conflict
from tests.contracts import building
from tests.docx_files import docx, paragraph
from tests.oracles import docx_text

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(clock, "now", timezone.now)  # PostgreSQL has a clock that nobody sets
    with time_machine.travel(NOON, tick=True):
        yield


def made(**fields: Any) -> Contract:
    contract = generation.generate(building.granted(**fields))
    assert contract.state == ContractState.GENERATED, (contract.failure_text, contract.problems)
    return contract


def test_a_granted_approval_becomes_a_numbered_archived_document() -> None:
    version = building.active_version()
    contract = made(sp_no="202611240001")
    prefix = version.template.series.prefix
    assert contract.number == f"{prefix}-2026-0001"
    assert (contract.party_b, contract.amount_fen) == ("无锡示例轴承厂", 15050)
    assert (contract.applied_at, str(contract.expires_on)) == (
        datetime(2025, 11, 24, 16, tzinfo=UTC),
        "2026-12-31",
    )
    document = contract.versions.get()
    text = docx_text.read(archive.fetch(document.file_id))["document"]
    assert text == [
        f"合同编号：{contract.number}　签订日期：2026年11月24日",
        "甲方：苏州示例精密有限公司",
        "乙方：无锡示例轴承厂",
        *("1", "轴承", "100.50", "2", "密封圈", "50.00"),
        "合计 150.50 元（大写：人民币壹佰伍拾元伍角整），交货期 2026年12月31日。",
    ]
    assert document.template_digest == version.file_id
    assert document.mapping == version.mappings.get()
    assert document.data["核验码"]["qr"].endswith(f"/contracts/check/{contract.code}")
    assert document.data_digest == digest_of_values(document.data)
    assert document.file_name == f"{contract.number} {version.template.name}.docx"


def test_the_same_data_gives_the_same_bytes() -> None:
    from contracts.services.compiling import forget, render

    document = made_document()
    forget()
    assert archive.digest_of(render(document.template_version, document.data)) == document.file_id


def made_document() -> ContractVersion:
    building.active_version()
    return made().versions.get()


def test_repeats_and_comments_after_the_grant_make_one_contract() -> None:
    building.active_version()
    first = intake.take_in(building.approval("1"))
    again = intake.take_in(building.approval("1"))
    paid = intake.take_in(building.approval("1", status=Status.PAID))
    assert (len(first), again, paid) == (1, [], [])
    assert generation.generate_due() == 1
    assert generation.generate_due() == 0
    assert generation.generate(first[0]).state == ContractState.GENERATED
    assert ContractVersion.objects.count() == 1
    intake.take_in(building.approval("2", status=Status.PAID))  # the grant was lost
    assert Contract.objects.count() == 2


@pytest.mark.parametrize("status", [1, 3, 4, 11])
def test_other_states_of_an_approval_make_nothing(status: int) -> None:
    building.active_version()
    assert intake.take_in(building.approval(status=status)) == []
    assert not Contract.objects.exists()


def test_each_template_of_an_approval_makes_a_contract_of_its_own() -> None:
    building.active_version()
    building.active_version(building.template(name="附属协议"))
    building.template(name="停用", is_enabled=False)
    building.template(name="别的审批", wecom_template_id="other")
    assert len(intake.take_in(building.approval("1"))) == 2
    generation.generate_due()
    assert len({contract.number for contract in Contract.objects.all()}) == 2


def test_missing_data_is_named_to_the_applicant_and_a_person_can_supply_it() -> None:
    building.active_version()
    contract = generation.generate(
        building.granted(detail=building.approval_detail(party="", lines=[("轴承", "150.5"), ("密封圈", "")]))
    )
    assert (contract.state, contract.number) == (ContractState.NEEDS_DATA, "")
    assert [(one["field"], one["code"], one["row"]) for one in contract.problems] == [
        ("乙方", "missing", 0),
        ("明细.金额", "missing", 2),
    ]
    assert not ContractVersion.objects.exists()
    message = Notification.objects.get()
    assert (message.target, message.template_name) == ("Wang.Min", "contract_needs_data")
    assert "乙方：没有填写" in message.content
    assert "明细.金额（第 2 行）：没有填写" in message.content
    user = building.clerk()
    with pytest.raises(AppError):
        generation.supply(contract, {"甲方": "不该能改"}, user=user)
    generation.supply(contract, {"乙方": " 常州厂 ", "明细.金额#2": "0", "甲方": "不该能改"}, user=user)
    assert generation.generate_due() == 1
    contract.refresh_from_db()
    assert (contract.state, contract.party_b, contract.supplement) == (
        ContractState.GENERATED,
        "常州厂",
        {"乙方": "常州厂", "明细.金额#2": "0"},
    )
    assert contract.versions.get().data["甲方"] == "苏州示例精密有限公司"
    assert contract.events.filter(kind="supplied", actor=user).exists()


def test_amounts_that_do_not_agree_stop_the_contract() -> None:
    building.active_version()
    contract = generation.generate(building.granted(detail=building.approval_detail(total="150.49")))
    assert contract.state == ContractState.NEEDS_DATA
    assert contract.problems[0]["code"] == "amounts_differ"


def test_without_an_active_template_the_contract_waits_until_there_is_one() -> None:
    template = building.template()
    contract = generation.generate(building.granted())
    assert (contract.state, contract.failure, contract.next_at) == (
        ContractState.DRAFT,
        "no_active_version",
        None,
    )
    building.active_version(template)
    assert generation.generate_due() == 1
    contract.refresh_from_db()
    assert (contract.state, contract.failure) == (ContractState.GENERATED, "")


def test_a_value_that_the_engine_refuses_is_a_typed_failure() -> None:
    building.active_version()
    contract = generation.generate(building.granted(detail=building.approval_detail(party="厂" * 30000)))
    assert (contract.state, contract.failure) == (ContractState.DRAFT, "too_large")
    assert "乙方" in contract.failure_text
    assert not generation.has_due()


def test_what_fails_unexpectedly_is_tried_again_later_and_then_left_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    building.active_version()
    contract = building.granted()

    def broken(*_: Any, **__: Any) -> None:
        raise OSError("disk")

    with monkeypatch.context() as broken_for_now:
        broken_for_now.setattr(archive, "keep", broken)
        waits = []
        with time_machine.travel(NOON + timedelta(minutes=1), tick=False) as travelled:
            for _ in range(5):
                assert generation.generate_due() == 1
                contract.refresh_from_db()
                assert (contract.failure, contract.number) == ("error", "")
                if contract.next_at is not None:
                    waits.append((contract.next_at - datetime.now(UTC)) // timedelta(minutes=1))
                    travelled.move_to(contract.next_at)
        assert waits == [1, 5, 15, 60]
        assert contract.next_at is None
    assert not generation.has_due()
    generation.retry(contract, user=building.clerk())
    assert generation.generate_due() == 1
    contract.refresh_from_db()
    assert contract.number.endswith("-0001")  # what was rolled back used no number


def test_a_new_document_keeps_the_number_and_the_old_one_stays_marked() -> None:
    building.active_version()
    contract = made()
    user = building.clerk()
    with time_machine.travel(NOON + timedelta(days=1)):
        generation.regenerate(contract, user=user, note="改了抬头")
    new, old = contract.versions.all()
    assert (new.number, new.state, old.state) == (2, VersionState.CURRENT, VersionState.REPLACED)
    assert new.data["编号"] == old.data["编号"] == contract.number
    assert new.file_id != old.file_id
    assert archive.fetch(old.file_id)
    assert (new.made_by, new.note) == (user, "改了抬头")


def test_a_signed_contract_is_not_made_again() -> None:
    building.active_version()
    contract = made()
    Contract.objects.update(state=ContractState.SIGNED)
    with pytest.raises(Conflict):
        generation.regenerate(contract, user=building.clerk())
    assert contract.versions.count() == 1


def test_a_contract_uses_the_template_that_is_active_when_it_is_made() -> None:
    old = building.active_version()
    contract = building.granted()
    changed = docx(paragraph("${编号} ${乙方} 新版"))
    new = templates.upload_version(old.template, changed, "新.docx", user=building.clerk())
    templates.save_mapping(new, building.RULES[:1] + building.RULES[3:4], user=new.uploaded_by)
    templates.activate(new, user=building.clerk())
    generation.generate(contract)
    document = contract.versions.get()
    assert document.template_version == new
    assert docx_text.read(archive.fetch(document.file_id))["document"][0].endswith("新版")


def test_what_is_in_the_archive_is_checked_when_it_is_read() -> None:
    document = made_document()
    ArchivedFile.objects.filter(pk=document.file_id).update(data=b"PK changed")
    with pytest.raises(archive.Damaged):
        archive.fetch(document.file_id)
