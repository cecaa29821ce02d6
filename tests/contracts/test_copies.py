"""Copies: for roles that may have nothing else, marked on every page, logged, the archive as it was."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.test import Client

from contracts import archive
from contracts.choices import ContractState
from contracts.models import Contract, DownloadLog
from contracts.services import acts, generation
from tests import builders
from tests.contracts import building

pytestmark = pytest.mark.django_db


def links(client: Client, contract: Contract) -> list[str]:
    shown = client.get(contract.get_absolute_url()).content.decode()
    return [part.partition('"')[0] for part in shown.split('href="') if part.startswith("/contracts/file/")]


def headers_of(document: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(document)) as package:
        names = [name for name in package.namelist() if "header" in name]
        return "".join(package.read(name).decode() for name in names)


def test_a_reader_gets_copies_alone_and_the_archive_stays_as_it_was(client: Client) -> None:
    building.active_version()
    contract = generation.generate(building.granted())
    made = contract.versions.get()
    kept = archive.fetch(made.file_id)
    client.force_login(builders.person("合同查阅员"))
    (link,) = links(client, contract)
    answer = client.get(link)
    assert 'string="副本"' in headers_of(answer.content)
    assert "%E5%89%AF%E6%9C%AC" in answer["Content-Disposition"]
    assert archive.fetch(made.file_id) == kept != answer.content
    row = DownloadLog.objects.get()
    assert (row.form, row.digest) == ("copy", archive.digest_of(answer.content))
    # Whoever may have the contract itself can take a copy, too; void is said before copy.
    clerk = building.clerk()
    client.force_login(clerk)
    original, copy = links(client, contract)
    assert client.get(original).content == kept
    assert client.get(link).status_code == 403
    acts.void(contract, reason="试验", user=clerk)
    assert 'string="作废"' in headers_of(client.get(copy).content)


def test_a_copy_is_not_for_whoever_may_only_look(client: Client) -> None:
    building.active_version()
    contract = generation.generate(building.granted())
    assert contract.state == ContractState.GENERATED
    looker = builders.person("质检员")
    looker.user_permissions.add(*builders.permissions("view_contract"))
    client.force_login(looker)
    assert links(client, contract) == []
