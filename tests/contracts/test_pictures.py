"""Files of the approval as pictures in the contract: fetched, checked, shown in the preview, kept."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from approvals.choices import FileState
from approvals.models import Approval, ApprovalFile
from approvals.services import files as approval_files
from contracts import archive
from contracts.choices import ContractState
from contracts.docx.pictures import MOST_BYTES
from contracts.mapping import Rule, sample_picture
from contracts.models import ArchivedFile, Contract, ContractTemplateVersion
from contracts.services import compiling, generation, templates
from contracts.services.compiling import qr_png
from spc_site import clock
from tests.contracts import building
from tests.contracts.forms import control, table
from tests.docx_files import docx, paragraph, row
from tests.docx_files import table as docx_table
from wecom.errors import Action, Kind, Outcome
from wecom.transport import Download

pytestmark = pytest.mark.django_db

PHOTO = qr_png("photo")
SEAL = sample_picture()
DOCUMENT = docx(
    paragraph("编号 ${编号}")
    + paragraph("现场照片：${照片}")
    + docx_table(row(paragraph("$明细.品名"), paragraph("$明细.图")))
    + paragraph("${核验码}")
)
RULES = [
    Rule("编号", source="number"),
    Rule("照片", path="File-photo", kind="File", conversion="picture", argument="80"),
    Rule("明细.品名", path="Table-1/Text-item", kind="Text"),
    Rule("明细.图", path="Table-1/File-item", kind="File", conversion="picture", is_required=False),
    Rule("核验码", source="qr"),
]


def files(*ids: str) -> dict[str, Any]:
    return {"files": [{"file_id": one} for one in ids]}


def detail(*photos: str, item: str = "") -> dict[str, Any]:
    of = building.approval_detail(lines=[])
    lines = [[control("Text", "Text-item", {"text": "轴承"}), control("File", "File-item", files(item))]]
    of["info"]["apply_data"]["contents"] = [
        control("File", "File-photo", files(*photos), title="照片"),
        table("Table-1", lines if item else [lines[0][:1]]),
    ]
    return of


def approval(sp_no: str, of: dict[str, Any], **stored: bytes) -> Contract:
    """A granted approval whose files are fetched as far as they are `stored`, and its contract."""
    found = Approval.objects.create(
        corp=building.CORP,
        sp_no=sp_no,
        template_id=building.WECOM_TEMPLATE,
        status=2,
        detail=of["info"],
        asked_at=clock.now(),
        changed_at=clock.now(),
    )
    for file_id, data in stored.items():
        ApprovalFile.objects.create(
            approval=found,
            control_id="File-photo",
            file_id=file_id,
            name=f"{file_id}.png",
            state=FileState.STORED if data else FileState.WAITING,
            next_at=None if data else clock.now(),
            data=data,
            size=len(data),
        )
    return building.granted(sp_no=sp_no, detail=of)


@pytest.fixture
def version() -> ContractTemplateVersion:
    made = templates.upload_version(building.template(), DOCUMENT, "合同.docx", user=building.clerk())
    templates.save_mapping(made, RULES, user=made.uploaded_by)
    return templates.activate(made, user=building.clerk())


def pictures_in(document: bytes) -> dict[bytes, int]:
    """The pictures of a document with their widths in mm."""
    with zipfile.ZipFile(io.BytesIO(document)) as package:
        names = [name for name in package.namelist() if name.startswith("word/media/filled-")]
        main = package.read("word/document.xml").decode()
        relations = package.read("word/_rels/document.xml.rels").decode()
        found = {}
        for name in names:
            number = relations.partition(f'Target="{name.removeprefix("word/")}"')[0].rpartition('Id="')[2]
            before = main.partition(f'r:embed="{number.partition(chr(34))[0]}"')[0]
            width = before.rpartition('<wp:extent cx="')[2].partition('"')[0]
            found[package.read(name)] = int(width) // 36_000
        return found


def test_files_of_the_form_are_pictures_of_the_contract_and_stay_with_it(version: Any) -> None:
    contract = generation.generate(approval("A1", detail("f1", item="f2"), f1=PHOTO, f2=SEAL))
    assert contract.state == ContractState.GENERATED, contract.problems
    made = contract.versions.get()
    document = archive.fetch(made.file_id)
    qr = qr_png(settings.FRONTEND_URL + reverse("contracts:check", args=[contract.code]))
    widths = pictures_in(document)
    assert (widths.pop(PHOTO), widths.pop(SEAL)) == (80, 60)
    assert widths == {qr: 22}
    assert made.data["照片"] == {"picture": archive.digest_of(PHOTO), "width_mm": 80}
    assert "picture" not in contract.content
    # Without the approval's rows the document can still be made, with a word across it.
    ApprovalFile.objects.all().delete()
    assert PHOTO in pictures_in(compiling.render(made.template_version, made.data, mark="作废"))


def test_a_file_that_is_not_required_may_be_missing(version: Any) -> None:
    contract = generation.generate(approval("A1", detail("f1"), f1=PHOTO))
    assert contract.state == ContractState.GENERATED, contract.problems
    assert SEAL not in pictures_in(archive.fetch(contract.versions.get().file_id))


@pytest.mark.parametrize(
    ("photos", "stored", "words"),
    [
        ([], {}, "照片：没有图片"),
        (["f1", "f2"], {"f1": PHOTO, "f2": SEAL}, "照片：应为一张图片，上传了多个文件（2）"),
        (["f1"], {"f1": b"%PDF-1.7 a drawing"}, "照片：附件不是 PNG 或 JPEG 图片（f1.png）"),
        (["f1"], {"f1": PHOTO + bytes(MOST_BYTES)}, "照片：图片超过 10 MB（f1.png）"),
    ],
)
def test_what_is_no_picture_stops_the_contract_and_names_the_field(
    version: Any, client: Client, photos: list[str], stored: dict[str, bytes], words: str
) -> None:
    contract = generation.generate(approval("A1", detail(*photos), **stored))
    assert contract.state == ContractState.NEEDS_DATA
    clerk = building.clerk()
    client.force_login(clerk)
    shown = client.get(contract.get_absolute_url()).content.decode()
    assert words in shown
    assert 'type="file" id="problem1" name="picture:照片"' in shown
    # The clerk puts a picture in its place; what is none is refused.
    supply = reverse("contracts:supply", args=[contract.pk])
    bad = client.post(supply, {"picture:照片": SimpleUploadedFile("x.pdf", b"%PDF-1")}, follow=True)
    assert "“x.pdf”不是 10 MB 以内的 PNG 或 JPEG 图片" in bad.content.decode()
    client.post(supply, {"picture:照片": SimpleUploadedFile("现场.png", SEAL)})
    generation.generate_due()
    contract.refresh_from_db()
    assert contract.state == ContractState.GENERATED, contract.problems
    assert pictures_in(archive.fetch(contract.versions.get().file_id))[SEAL] == 80
    assert "照片：现场.png" in {event.note for event in contract.events.all()}


class Wecom:
    """What `media/get` answers."""

    def __init__(self, answer: Download) -> None:
        self.answer = answer

    def download_media(self, _media_id: str) -> Download:
        return self.answer


def test_a_contract_waits_for_its_files_and_goes_on_when_they_come(
    version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = generation.generate(approval("A1", detail("f1"), f1=b""))
    assert (contract.state, contract.failure) == (ContractState.DRAFT, "picture_waiting")
    assert "照片：附件还没有下载完" in contract.failure_text
    assert not generation.has_due()
    lost = Download(Outcome(Kind.REFUSED, Action.MESSAGE_DEAD, "没有了", "gone"))
    came = Download(Outcome(Kind.ACCEPTED, Action.NONE, "", ""), name="f1.png", data=PHOTO)
    for answer, state in ((lost, ContractState.NEEDS_DATA), (came, ContractState.GENERATED)):
        monkeypatch.setattr("approvals.client.app", lambda _timeout, answer=answer: Wecom(answer))
        approval_files.fetch_due()
        assert generation.generate_due() == 1
        contract.refresh_from_db()
        assert contract.state == state, contract.problems
        if state == ContractState.NEEDS_DATA:
            assert [one["code"] for one in contract.problems] == ["picture_lost"]
            approval_files.retry(ApprovalFile.objects.get())
    assert contract.failure == ""


def test_the_preview_shows_the_pictures_of_the_contract_and_stores_nothing(
    version: Any, client: Client
) -> None:
    approval("A1", detail("f1", item="f2"), f1=PHOTO, f2=b"GIF89a")
    client.force_login(building.clerk())
    kept = ArchivedFile.objects.count()
    shown = client.get(version.get_absolute_url(), {"approval": "sample"})
    lines = [line for part in shown.context["text"] for line in part.paragraphs]
    widths = [(one.width, bool(one.source)) for line in lines for one in line.pictures]
    assert widths == [(302, True), (227, True), (227, True), (83, True)]
    assert shown.content.decode().count('<img src="data:image/png;base64,') == 4
    sample = client.get(reverse("contracts:preview", args=[version.pk]), {"approval": "sample"}).content
    assert len(pictures_in(sample)) == 2
    real = client.get(version.get_absolute_url(), {"approval": "A1"}).content.decode()
    assert "明细.图（第 1 行）：附件不是 PNG 或 JPEG 图片（f2.png）" in real
    ApprovalFile.objects.filter(file_id="f2").update(data=SEAL, size=len(SEAL))
    preview = client.get(reverse("contracts:preview", args=[version.pk]), {"approval": "A1"}).content
    assert {PHOTO, SEAL} <= pictures_in(preview).keys()
    assert ArchivedFile.objects.count() == kept


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("照片", path="f", kind="File", conversion="picture", argument="900"), "参数有误"),
        (Rule("照片", path="f", kind="Text", conversion="picture"), "写法不适合此控件"),
        (Rule("照片", source="constant", argument="60", conversion="picture"), "写法不适合此控件"),
    ],
)
def test_a_rule_that_can_give_no_picture_is_refused_at_the_mapping(rule: Rule, words: str) -> None:
    made = templates.upload_version(
        building.template(), docx(paragraph("${照片}")), "合同.docx", user=building.clerk()
    )
    templates.save_mapping(made, [rule], user=made.uploaded_by)
    made.refresh_from_db()
    assert words in made.trouble
