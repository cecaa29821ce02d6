"""The files of an approval's form as a contract takes them: their names, and pictures that were looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from approvals.choices import FileState
from approvals.models import ApprovalFile
from contracts import archive
from contracts.docx import Picture
from contracts.docx.pictures import MOST_BYTES
from contracts.mapping import SAMPLE_FILE, FormFile, Rule, sample_picture
from spc_site.errors import AppError


@dataclass(frozen=True, slots=True)
class Attached:
    """Files by the ids that the form has, and the bytes of those that are pictures by their hash."""

    files: Mapping[str, FormFile]
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def of_approval(corp: str, sp_no: str, rules: Sequence[Rule], supplied: Iterable[str] = ()) -> Attached:
    """Return the files of an approval. One query; their contents only where a rule shows a picture.

    `supplied` are the hashes of archived pictures that a person put in the place of what the form has.
    """
    rows = ApprovalFile.objects.filter(approval__corp=corp, approval__sp_no=sp_no)
    if not any(rule.is_picture for rule in rules):
        named = rows.exclude(name="").values_list("file_id", "name")
        return Attached({file_id: FormFile(name) for file_id, name in named})
    files: dict[str, FormFile] = {}
    pictures: dict[str, bytes] = {}
    for row in rows.defer("data"):
        if row.state == FileState.STORED and row.size <= MOST_BYTES:
            data = bytes(row.data)
            files[row.file_id] = looked_at(row.name, data)
            if not files[row.file_id].fault:
                pictures[files[row.file_id].digest] = data
        else:
            files[row.file_id] = FormFile(row.name, fault=_FAULTS[FileState(row.state)])
    for digest in supplied:
        files[digest] = looked_at("", archive.fetch(digest))
    return Attached(files, pictures)


_FAULTS = {
    FileState.WAITING: "picture_waiting",
    FileState.DEAD: "picture_lost",
    FileState.STORED: "picture_too_large",
}
"""Why a file whose contents were not looked at is no picture."""


def sample() -> Attached:
    """Return the one file of a made-up form."""
    data = sample_picture()
    file = looked_at(_("示例图片.png"), data)
    return Attached({SAMPLE_FILE: file}, {file.digest: data})


def looked_at(name: str, data: bytes) -> FormFile:
    """Return a file as the picture that it is, or with the fault for which it is none."""
    if len(data) > MOST_BYTES:
        return FormFile(name, fault="picture_too_large")
    try:
        picture = Picture(data, width_mm=1)
    except ValueError:
        return FormFile(name, fault="picture_kind")
    return FormFile(name, archive.digest_of(data), picture.pixels)


def keep_supplied(name: str, data: bytes) -> str:
    """Keep the picture that a person puts in the place of a file; return its hash. Raises AppError."""
    file = looked_at(name, data)
    if file.fault:
        raise AppError(file.fault, _("“%(name)s”不是 10 MB 以内的 PNG 或 JPEG 图片。") % {"name": name})
    keep([file.digest], {file.digest: data})
    return file.digest


def keep(digests: Iterable[str], pictures: Mapping[str, bytes]) -> None:
    """Put the pictures of a document into the archive, so that it can be made again from its data."""
    for digest in digests:
        if digest in pictures:
            data = pictures[digest]
            archive.keep(data, archive.media_type_of(data) or archive.PNG)
