"""Files out of the archive: by role, through links that run out, every one logged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core import signing
from django.urls import reverse
from django.utils.translation import gettext as _

from contracts import archive
from contracts.choices import Form, VersionState
from contracts.models import Contract, ContractScan, ContractVersion, DownloadLog
from contracts.services.compiling import render
from spc_site.errors import AppError, NotAllowed

PAGE_LINK_LIFE = timedelta(minutes=30)
"""A link on a page: for the person who looks at it."""
MESSAGE_LINK_LIFE = timedelta(days=7)
"""A link in a message: for whoever was sent it, as a file would have been."""
MARKS = {VersionState.VOID: "作废", VersionState.REPLACED: "已被替代"}
"""What stands across a document that is no longer valid. The archive keeps it as it was."""
COPY_MARK = "副本"
"""Stands across a copy: what may be shown and passed on, but is not the contract."""
_SALT = "contracts.download"


@dataclass(frozen=True, slots=True)
class File:
    """A file to be handed out."""

    name: str
    media_type: str
    data: bytes


def link_for_page(row: ContractVersion | ContractScan, form: str, *, user: User) -> str:
    """Return the address under which this person can fetch a file for half an hour."""
    return _link({"f": form, "k": row.pk, "u": user.pk}, PAGE_LINK_LIFE)


def link_for_message(version: ContractVersion, *, recipient: str) -> str:
    """Return the address under which the recipient of a message can fetch a document for a week."""
    return _link({"f": Form.DOCX.value, "k": version.pk, "w": recipient}, MESSAGE_LINK_LIFE)


def _link(claim: dict[str, Any], life: timedelta) -> str:
    token = signing.dumps(claim | {"s": int(life.total_seconds())}, salt=_SALT)
    return reverse("contracts:file", args=[token])


def open_link(token: str, *, user: AbstractBaseUser | AnonymousUser, address: str | None = None) -> File:
    """Return the file of a link, and log who took it.

    Raises AppError for a link that has run out or that nobody here made, and NotAllowed where it was
    made for somebody else or the person may not have the file any more.
    """
    try:
        claim = signing.loads(token, salt=_SALT, max_age=MESSAGE_LINK_LIFE)
        signing.loads(token, salt=_SALT, max_age=claim["s"])
    except signing.BadSignature as error:
        raise AppError("bad_link", _("链接已失效，请从合同页面重新下载。")) from error
    if "u" in claim and (not user.is_authenticated or user.pk != claim["u"]):
        raise NotAllowed(_("此链接属于另一位用户。"))
    row: ContractVersion | ContractScan
    if claim["f"] == Form.SCAN:
        row = ContractScan.objects.select_related("contract").get(pk=claim["k"])
        version = None
    else:
        row = version = ContractVersion.objects.select_related("contract", "template_version").get(
            pk=claim["k"]
        )
    may = may_copy if claim["f"] == Form.COPY else may_download
    if "u" in claim and not may(user, row.contract):
        raise NotAllowed(_("您的角色不能下载此合同。"))
    name, data = (
        (row.file_name, archive.fetch(row.file_id)) if version is None else _document(version, claim["f"])
    )
    DownloadLog.objects.create(
        contract=row.contract,
        version=version,
        form=claim["f"],
        digest=archive.digest_of(data),
        user=user if isinstance(user, User) and user.is_authenticated else None,
        who=(
            user.get_username()
            if user.is_authenticated
            else _("消息链接：%(who)s") % {"who": claim.get("w", "")}
        )[:120],
        address=address,
    )
    media_type = (
        archive.DOCX if claim["f"] in (Form.DOCX, Form.COPY) else archive.media_type_of(data) or archive.PDF
    )
    return File(name, media_type, data)


def _document(version: ContractVersion, form: str) -> tuple[str, bytes]:
    """Return name and bytes of a document; a copy, and one no longer valid, say so across every page."""
    mark = MARKS.get(VersionState(version.state), "")
    if form != Form.PDF:
        name = version.file_name
        if form == Form.COPY:
            name, mark = f"{name.removesuffix('.docx')}（{COPY_MARK}）.docx", mark or COPY_MARK
        if mark:
            return name, render(version.template_version, version.data, mark=mark)
        return name, archive.fetch(version.file_id)
    if version.pdf_id is None or mark:
        raise AppError("no_pdf", _("此文件没有 PDF，或已不再有效。"))
    return f"{version.file_name.removesuffix('.docx')}.pdf", archive.fetch(version.pdf_id)


def is_applicant(user: Any, contract: Contract) -> bool:
    """Tell whether the contract is of this person's own approval."""
    if not user.is_authenticated or not contract.applicant_id:
        return False
    profile = getattr(user, "profile", None)
    return bool(profile and profile.wecom_userid == contract.applicant_id.casefold())


def may_download(user: Any, contract: Contract) -> bool:
    """Tell whether a person may take the contract's files away: by role, or as its applicant."""
    return user.has_perm("contracts.download_contract") or is_applicant(user, contract)


def may_copy(user: Any, contract: Contract) -> bool:
    """Tell whether a person may take copies away: some may have nothing else."""
    return may_download(user, contract) or user.has_perm("contracts.copy_contract")
