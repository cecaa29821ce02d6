"""The clerk's pages: search, one contract, what can be done with it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from contracts.choices import ContractState
from contracts.models import BatchRun, Contract
from contracts.services import generation
from tests import builders
from tests.contracts import building

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(client: Client) -> Any:
    user = building.clerk()
    client.force_login(user)
    return user


def listed(client: Client, **query: str) -> list[str]:
    answer = client.get(reverse("contracts:list"), query)
    return [one.sp_no for one in answer.context["page"]]


def test_contracts_are_found_by_number_parties_amount_and_text(client: Client, clerk: Any) -> None:
    building.active_version()
    first = generation.generate(building.granted(sp_no="A1"))
    other = building.approval_detail(party="常州厂", lines=[("减速机", "7000000")], total="7000000")
    generation.generate(building.granted(sp_no="A2", detail=other))
    generation.generate(building.granted(sp_no="A3", detail=building.approval_detail(party="")))
    assert listed(client) == ["A3", "A2", "A1"]
    assert listed(client, q=first.number.lower()) == ["A1"]
    assert listed(client, q="常州") == ["A2"]
    assert listed(client, q="减速机 常州厂") == ["A2"]
    assert listed(client, q="减速机 无锡") == []
    assert listed(client, q="7,000,000.00") == listed(client, q="7000000") == ["A2"]
    assert listed(client, q="密封圈") == ["A1"]
    assert listed(client, which="trouble") == ["A3"]
    assert listed(client, q="9" * 30) == []


def test_the_lists_queries_do_not_grow_with_its_rows(
    client: Client, clerk: Any, django_assert_max_num_queries: Any
) -> None:
    building.active_version()
    for _ in range(5):
        generation.generate(building.granted())
    with django_assert_max_num_queries(10):
        client.get(reverse("contracts:list"))


def test_a_contract_shows_its_documents_receipts_and_story(client: Client, clerk: Any) -> None:
    version = building.active_version(building.template(group="CONTRACTS"))
    contract = generation.generate(building.granted())
    said = client.get(contract.get_absolute_url()).content.decode()
    for words in (
        contract.number,
        "150.50",
        contract.versions.get().file_id,
        str(version),
        "CONTRACTS",
        "审批通过",
        contract.trace,
    ):
        assert words in said
    link = said.partition('<a class="button slim primary" href="')[2].partition('"')[0]
    assert client.get(link).status_code == 200
    assert "下载记录" in client.get(contract.get_absolute_url()).content.decode()


def test_acts_of_the_page_do_what_they_say(client: Client, clerk: Any) -> None:
    building.active_version(building.template(group="CONTRACTS"))
    contract = generation.generate(building.granted())

    def act(name: str, **data: Any) -> str:
        url = reverse(f"contracts:{name}", args=[contract.pk])
        answer = client.post(url, data, follow=True)
        contract.refresh_from_db()
        return answer.content.decode()

    act("regenerate", note="改抬头")
    assert contract.versions.count() == 2
    act("send")
    assert contract.versions.first().deliveries.count() == 4
    assert "请选择" in act("sign")
    act("sign", scan=SimpleUploadedFile("s.pdf", b"%PDF-1.4"), signed_on="2026-01-05")
    assert (contract.state, str(contract.signed_on)) == (ContractState.SIGNED, "2026-01-05")
    assert "不能这样做" in act("regenerate", note="x")
    assert "请填写作废原因" in act("void", reason=" ")
    act("void", reason="双方同意解除")
    assert (contract.state, contract.void_reason) == (ContractState.VOID, "双方同意解除")
    assert "不能这样做" in act("void", reason="again")


def test_missing_data_is_supplied_on_the_page(client: Client, clerk: Any) -> None:
    building.active_version()
    contract = generation.generate(building.granted(detail=building.approval_detail(party="")))
    said = client.get(contract.get_absolute_url()).content.decode()
    assert 'name="field:乙方"' in said
    client.post(reverse("contracts:supply", args=[contract.pk]), {"field:乙方": "常州厂", "field:甲方": "x"})
    generation.generate_due()
    contract.refresh_from_db()
    assert (contract.state, contract.party_b) == (ContractState.GENERATED, "常州厂")


def test_many_are_handled_at_once_from_the_list(client: Client, clerk: Any) -> None:
    building.active_version()
    rows = [generation.generate(building.granted()) for _ in range(2)]
    start = reverse("contracts:start_batch")
    assert "请选择要做的操作" in client.post(start, {"act": "burn"}, follow=True).content.decode()
    answer = client.post(start, {"act": "regenerate", "contract": [one.pk for one in rows]}, follow=True)
    assert "0 / 2" in answer.content.decode()
    run = BatchRun.objects.get()
    client.post(reverse("contracts:cancel_batch", args=[run.pk]))
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_pages_and_acts_are_for_their_role(client: Client) -> None:
    building.active_version()
    contract = generation.generate(building.granted())
    assert client.get(contract.get_absolute_url()).status_code == 302
    client.force_login(builders.person("质检员"))
    assert listed(client) == []
    assert client.get(contract.get_absolute_url()).status_code == 404
    for name in ("regenerate", "supply", "retry", "send", "convert", "sign", "void", "replace"):
        assert client.post(reverse(f"contracts:{name}", args=[contract.pk])).status_code == 403
    assert client.post(reverse("contracts:start_batch")).status_code == 403
    assert Contract.objects.get().state == ContractState.GENERATED


def test_the_search_box_of_every_page_finds_contracts(client: Client, clerk: Any) -> None:
    building.active_version()
    rows = [generation.generate(building.granted()) for _ in range(2)]
    search = reverse("search")
    assert client.get(search, {"q": rows[0].number})["Location"] == rows[0].get_absolute_url()
    assert client.get(search, {"q": "轴承厂"}).context["contracts"] == [rows[1], rows[0]]
    client.force_login(builders.person("质检员"))
    assert client.get(search, {"q": "轴承厂"}).context["contracts"] == []
