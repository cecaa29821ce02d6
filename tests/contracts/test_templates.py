"""A template's way into use: refused, linted, mapped, tried, activated by a second person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from contracts.choices import TemplateState
from contracts.mapping import Rule
from contracts.models import ArchivedFile, ContractTemplate, ContractTemplateVersion
from contracts.services import generation, templates
from spc_site.errors import AppError, Conflict, NotAllowed
from tests import builders
from tests.contracts import building
from tests.docx_files import docx, paragraph
from tests.oracles import docx_text

pytestmark = pytest.mark.django_db
DATA = Path(__file__).parents[1] / "data" / "contracts"


def uploaded(data: bytes = building.DOCUMENT, **options: Any) -> ContractTemplateVersion:
    return templates.upload_version(building.template(), data, "合同.docx", user=building.clerk(), **options)


def mapped(version: ContractTemplateVersion, rules: list[Rule] | None = None, **options: Any) -> Any:
    rules = building.RULES if rules is None else rules
    return templates.save_mapping(version, rules, user=version.uploaded_by, **options)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("h02_attached_template.docx", "external_relation"),
        ("h05_entity_bomb.docx", "dtd"),
        ("h09_encrypted.docx", "encrypted_or_old"),
        ("h10_truncated.docx", "not_docx"),
    ],
)
def test_a_hostile_file_is_refused_with_its_code_and_leaves_nothing(file: str, code: str) -> None:
    with pytest.raises(AppError) as refused:
        uploaded((DATA / file).read_bytes())
    assert (refused.value.code, f"（{code}）" in refused.value.message) == (code, True)
    assert not ContractTemplateVersion.objects.exists()
    assert not ArchivedFile.objects.exists()


def test_the_fields_come_from_the_file_or_from_what_was_declared() -> None:
    assert uploaded().fields[:3] == ["编号", "签订日期", "甲方"]
    glued = docx(paragraph("由$甲方公司签订，$总额元"))
    assert uploaded(glued).fields == ["甲方公司签订", "总额元"]
    declared = uploaded(glued, declared=["总额", "甲方"])
    assert declared.fields == ["甲方", "总额"]
    assert [finding["code"] for finding in declared.lint] == ["glued_field", "glued_field"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (docx(paragraph("$甲方 ${")), "占位符有误"),
        ((DATA / "23_tracked_changes.docx").read_bytes(), "留有修订痕迹"),
    ],
)
def test_what_the_linter_stops_cannot_be_activated(file: bytes, words: str) -> None:
    version = uploaded(file)
    rules = [Rule(name, source="constant", argument="x") for name in version.fields]
    mapped(version, rules)
    version.refresh_from_db()
    assert (version.state, words in version.trouble) == (TemplateState.DRAFT, True)
    with pytest.raises(AppError):
        templates.activate(version, user=building.clerk())


def test_a_version_is_checked_when_its_mapping_is_complete_and_fills_the_sample() -> None:
    version = uploaded()
    assert version.trouble == "还没有字段映射。"
    mapped(version, building.RULES[:-3])
    version.refresh_from_db()
    assert set(version.trouble.splitlines()) == {"大写：没有映射", "交货期：没有映射", "核验码：没有映射"}
    mapped(version, checks=building.CHECKS, roles={"amount": "没有的字段"})
    version.refresh_from_db()
    assert "没有的字段" in version.trouble
    mapped(version, checks=building.CHECKS, roles=building.ROLES)
    version.refresh_from_db()
    assert (version.state, version.trouble) == (TemplateState.CHECKED, "")
    assert [one.number for one in version.mappings.all()] == [3, 2, 1]


def test_activation_needs_somebody_who_neither_uploaded_nor_mapped() -> None:
    version = uploaded()
    mapper = building.clerk()
    templates.save_mapping(version, building.RULES, user=mapper, checks=building.CHECKS)
    for person in (version.uploaded_by, mapper):
        with pytest.raises(NotAllowed):
            templates.activate(version, user=person)
    templates.activate(version, user=building.clerk())
    version.refresh_from_db()
    assert version.state == TemplateState.ACTIVE


def test_a_new_version_takes_the_place_of_the_active_one_and_a_used_mapping_never_changes() -> None:
    old = building.active_version()
    with pytest.raises(Conflict):
        mapped(old)
    user = building.clerk()
    new = templates.copy_version(old, user=user)
    assert (new.number, new.state, new.file_id) == (2, TemplateState.CHECKED, old.file_id)
    assert new.mappings.get().rows.count() == len(building.RULES)
    with pytest.raises(NotAllowed):
        templates.activate(new, user=user)
    templates.activate(new, user=building.clerk())
    old.refresh_from_db()
    assert old.state == TemplateState.RETIRED
    templates.retire(new)
    with pytest.raises(Conflict):
        templates.retire(new)


def test_two_editors_do_not_overwrite_each_other() -> None:
    version = uploaded()
    mapped(version, based_on=0)
    with pytest.raises(Conflict):
        mapped(version, based_on=0)


def test_compiled_templates_are_kept_by_the_hash_of_their_file() -> None:
    from contracts.services import compiling

    version = building.active_version()
    compiling.forget()
    before = compiling._compiled.cache_info()
    first = compiling.compiled(version)
    again = compiling.compiled(ContractTemplateVersion.objects.get(pk=version.pk))
    assert first is again
    assert compiling._compiled.cache_info().misses == before.misses + 1


# --- pages --------------------------------------------------------------------------------------


def test_a_template_goes_from_upload_to_use_on_the_pages(client: Client) -> None:
    maker, second = building.clerk(), building.clerk()
    series = building.series()
    client.force_login(maker)
    form = {"name": "采购合同", "contract_type": "采购", "series": series.pk, "tells_applicant": "on"}
    form |= {"wecom_template_id": building.WECOM_TEMPLATE, "is_enabled": "on"}
    client.post(reverse("contracts:new_template"), form)
    template = ContractTemplate.objects.get()
    bad = SimpleUploadedFile("坏.docx", (DATA / "h05_entity_bomb.docx").read_bytes())
    said = client.post(template.get_absolute_url(), {"file": bad}).content.decode()
    assert "文件含有 DTD 或实体（dtd）" in said
    good = SimpleUploadedFile("采购合同.docx", building.DOCUMENT)
    answer = client.post(template.get_absolute_url(), {"file": good, "declared": ""}, follow=True)
    assert "还没有字段映射" in answer.content.decode()
    version = ContractTemplateVersion.objects.get()
    url = version.get_absolute_url()
    # a real approval stands beside the mapping
    contract = building.granted(sp_no="202611240007")
    shown = client.get(url, {"approval": contract.sp_no}).content.decode()
    assert '<option value="Text-party">供应商 · Text</option>' in shown
    posted = {"based_on": "0", "check:total": "总额", "check:rows": "明细.金额", "check:capital": "大写"}
    posted |= {f"role:{role}": field for role, field in building.ROLES.items()}
    rules = {rule.field: rule for rule in building.RULES}
    for index, name in enumerate(version.fields):
        rule = rules[name]
        posted |= {
            f"source:{index}": rule.source,
            f"path:{index}": rule.path,
            f"conversion:{index}": rule.conversion,
            f"argument:{index}": rule.argument,
            f"required:{index}": "on",
        }
    tried = client.post(f"{url}?approval={contract.sp_no}", posted | {"try": "1"}).content.decode()
    assert "人民币壹佰伍拾元伍角整" in tried
    assert "无锡示例轴承厂" in tried
    assert not version.mappings.exists()
    client.post(f"{url}?approval={contract.sp_no}", posted | {"save": "1"})
    saved = version.mappings.get()
    assert saved.rows.get(field="明细.金额").kind == "Money"
    assert (saved.roles, saved.checks[0]["capital"]) == (building.ROLES, "大写")
    preview = client.get(reverse("contracts:preview", args=[version.pk]), {"approval": contract.sp_no})
    assert "乙方：无锡示例轴承厂" in docx_text.read(preview.content)["document"]
    activate = reverse("contracts:activate", args=[version.pk])
    assert "另一人启用" in client.post(activate, follow=True).content.decode()
    client.force_login(second)
    assert client.post(activate, follow=True).context["row"].state == TemplateState.ACTIVE
    generation.generate_due()
    contract.refresh_from_db()
    assert contract.number.endswith("-0001")


def test_the_editor_names_what_an_approval_lacks_beside_its_field(client: Client) -> None:
    version = uploaded()
    mapped(version, checks=building.CHECKS)
    building.granted(template_id=building.WECOM_TEMPLATE, detail=building.approval_detail(party=""))
    client.force_login(building.clerk())
    assert "乙方：没有填写" in client.get(version.get_absolute_url()).content.decode()


@pytest.mark.parametrize("name", ["templates", "new_template"])
def test_templates_are_for_their_role(client: Client, name: str) -> None:
    client.force_login(builders.person("质检员"))
    assert client.get(reverse(f"contracts:{name}")).status_code == 403


def test_what_is_declared_beyond_the_file_needs_no_mapping() -> None:
    version = uploaded(docx(paragraph("${甲方}")), declared=["甲方", "备用"])
    mapped(version, [Rule("甲方", source="constant", argument="示例")])
    version.refresh_from_db()
    assert (version.state, version.trouble) == (TemplateState.CHECKED, "")
