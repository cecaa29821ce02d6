"""What ends or seals a contract: void, signature, replacement, expiry."""

from __future__ import annotations

from datetime import date, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from contracts import archive
from contracts.choices import IN_FORCE, ContractState, EventKind, VersionState
from contracts.models import Contract, ContractScan
from contracts.services import sending, states
from spc_site import clock
from spc_site.errors import AppError, Conflict

_MOST_SCAN_BYTES = 20 << 20


def void(contract: Contract, *, reason: str, user: User | None = None) -> Contract:
    """End a contract: its document stays, marked as void, and everybody who has it is told."""
    if not reason.strip():
        raise AppError("no_reason", _("请填写作废原因。"))
    with transaction.atomic():
        locked = states.locked(contract)
        states.move(
            locked,
            ContractState.VOID,
            EventKind.VOID,
            actor=user,
            note=reason.strip(),
            void_reason=reason.strip()[:255],
            next_at=None,
            failure="",
            failure_text="",
        )
        locked.versions.filter(state=VersionState.CURRENT).update(state=VersionState.VOID)
        sending.call_off(locked, user=user, note=reason.strip())
        if locked.number:
            sending.tell_holders_of_the_end(locked)
    return locked


def void_if_possible(contract: Contract, *, reason: str) -> bool:
    """End a contract unless it has ended already; say whether it did."""
    try:
        void(contract, reason=reason)
    except Conflict:
        return False
    return True


def mark_signed(
    contract: Contract, *, scan: bytes, file_name: str, user: User, signed_on: date | None = None
) -> Contract:
    """Keep the scan of the signed contract. A further scan may follow, the state stays.

    Raises AppError for a file that is no PDF, PNG or JPEG up to 20 MB, and for a day that is yet to come.
    """
    media_type = archive.media_type_of(scan)
    if media_type is None or len(scan) > _MOST_SCAN_BYTES:
        raise AppError("bad_scan", _("扫描件须为 20 MB 以内的 PDF、PNG 或 JPEG 文件。"))
    today = timezone.localdate(clock.now())
    signed_on = signed_on or today
    if signed_on > today:
        raise AppError("bad_day", _("签署日期不能晚于今天。"))
    with transaction.atomic():
        locked = states.locked(contract)
        if locked.state != ContractState.SIGNED:
            states.move(
                locked,
                ContractState.SIGNED,
                EventKind.SIGNED,
                actor=user,
                note=file_name,
                signed_on=signed_on,
            )
        else:
            states.tell(locked, EventKind.SIGNED, actor=user, note=file_name)
        ContractScan.objects.create(
            contract=locked,
            file=archive.keep(scan, media_type),
            file_name=file_name[-160:],
            uploaded_by=user,
        )
    return locked


def replace(contract: Contract, *, number: str, user: User) -> Contract:
    """Mark a contract as replaced by another, named by its number."""
    with transaction.atomic():
        locked = states.locked(contract)
        other = Contract.objects.filter(number=number.strip(), state__in=IN_FORCE).first()
        if not number.strip() or other is None or other.pk == locked.pk:
            raise AppError(
                "no_successor", _("没有编号为 %(number)s 的有效合同。") % {"number": number.strip()}
            )
        states.move(
            locked,
            ContractState.REPLACED,
            EventKind.REPLACED,
            actor=user,
            note=other.number,
            replaced_by=other,
        )
        locked.versions.filter(state=VersionState.CURRENT).update(state=VersionState.REPLACED)
    return locked


def expire_due() -> int:
    """End the contracts whose last day has passed; return how many."""
    yesterday = timezone.localdate(clock.now()) - timedelta(days=1)
    count = 0
    for contract in Contract.objects.filter(state__in=IN_FORCE, expires_on__lte=yesterday).order_by("pk"):
        with transaction.atomic():
            locked = states.locked(contract)
            if locked.is_in_force and locked.expires_on is not None and locked.expires_on <= yesterday:
                states.move(
                    locked, ContractState.EXPIRED, EventKind.EXPIRED, note=locked.expires_on.isoformat()
                )
                count += 1
    return count
