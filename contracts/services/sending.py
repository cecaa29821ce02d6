"""Documents on their way to people, as files through WeCom; what comes back about them.

The messages are those of the notifications: queued in the transaction of the document, sent, tried again
and shown there. A delivery row says which document went to whom, and settles when its message has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, Max, OuterRef, QuerySet
from django.utils.translation import gettext as _

from accounts.models import Profile
from contracts import archive, formats, wording
from contracts.choices import ContractState, EventKind, Recipient, VersionState
from contracts.models import Contract, ContractVersion, Delivery
from contracts.services import downloads, states
from notifications import media
from notifications.choices import ChannelCode, State
from notifications.models import Notification
from notifications.policy import OPEN_STATES
from notifications.services import CANCELLABLE, cancel, send_template_notification
from spc_site import clock
from spc_site.errors import AppError, Conflict
from spc_site.jobs import Budget

log = logging.getLogger("contracts")

MOST_BYTES = media.MOST_BYTES
"""What is larger goes as a link: WeCom takes files up to 20 MB."""
_NO_AMOUNT = "—"
Address = tuple[Recipient, str, str]
"""For whom, by which channel, to which target."""


def send(version: ContractVersion, *, user: User | None = None) -> list[Delivery]:
    """Queue a document for everybody its template names; to be called in the document's transaction.

    A message that cannot be queued does not take the document with it: the contract says so instead.
    """
    try:
        with transaction.atomic():
            return _queue(version, _addresses(version.contract), user=user)
    except Exception as error:
        log.exception("contract not sent: version=%s trace=%s", version.pk, version.contract.trace)
        said = error.message if isinstance(error, AppError) else type(error).__name__
        Contract.objects.filter(pk=version.contract_id).update(failure="not_queued", failure_text=said[:500])
        states.tell(version.contract, EventKind.FAILED, note=_("提交发送失败：%(reason)s") % {"reason": said})
        return []


def send_again(contract: Contract, *, user: User) -> list[Delivery]:
    """Queue the current document once more for everybody."""
    with transaction.atomic():
        locked = states.locked(contract)
        version = locked.versions.filter(state="current").first()
        if version is None or not locked.is_in_force:
            raise Conflict(_("只有有效的合同可以发送。"))
        addresses = _addresses(locked)
        if not addresses:
            raise AppError("nobody", _("模板没有设定发送对象。"))
        queued = _queue(version, addresses, user=user)
        Contract.objects.filter(pk=locked.pk, failure__in=["not_queued", "not_delivered"]).update(
            failure="", failure_text=""
        )
    return queued


def _addresses(contract: Contract) -> list[Address]:
    found: list[Address] = []
    if contract.template.tells_applicant and contract.applicant_id:
        found.append((Recipient.APPLICANT, ChannelCode.WECHAT_API.value, contract.applicant_id))
    if contract.template.group:
        found.append((Recipient.GROUP, ChannelCode.WECHAT_BOT.value, contract.template.group))
    return found


def _queue(version: ContractVersion, addresses: Iterable[Address], *, user: User | None) -> list[Delivery]:
    contract = version.contract
    last = version.deliveries.aggregate(last=Max("round"))["last"] or 0
    is_link = version.file.size > MOST_BYTES
    attachments = []
    if not is_link:
        attachments = [media.keep_attachment(version.file_name, archive.fetch(version.file_id))]
    queued = []
    for recipient, channel, target in addresses:
        row = Delivery.objects.create(
            version=version,
            recipient=recipient,
            channel=channel,
            target=target,
            round=last + 1,
            is_link=is_link,
            created_at=clock.now(),
        )
        url = settings.FRONTEND_URL + contract.get_absolute_url()
        if is_link:
            url = settings.FRONTEND_URL + downloads.link_for_message(version, recipient=target)
        row.message_id = send_template_notification(
            "contract_sent",
            target,
            {**_variables(contract), "url": url},
            channel=channel,
            event="contract_sent",
            source="contracts",
            subject=_subject(contract),
            link=contract.get_absolute_url(),
            correlation_id=f"{contract.trace[:22]}{row.pk:010x}",
            dedupe_key=f"contract-sent:{row.pk}",
            attachments=attachments,
        )
        row.save(update_fields=["message_id"])
        queued.append(row)
    if queued:
        names = "、".join(row.get_recipient_display() for row in queued)
        states.tell(contract, EventKind.QUEUED, actor=user, note=names)
    return queued


def _variables(contract: Contract) -> dict[str, object]:
    amount = contract.amount_fen
    return {
        "number": contract.number,
        "name": contract.name,
        "applicant": contract.applicant,
        "amount": _NO_AMOUNT if amount is None else formats.fen_to_yuan(amount, grouped=True),
        "approval_no": contract.sp_no,
    }


def _subject(contract: Contract) -> str:
    return f"contracts.contract:{contract.pk}"


def call_off(contract: Contract, *, user: User | None, note: str) -> int:
    """Cancel what has not left yet of a contract's documents; return how many messages."""
    waiting = Notification.objects.filter(
        subject=_subject(contract), event="contract_sent", status__in=CANCELLABLE
    )
    count = 0
    for message in waiting:
        try:
            cancel(message, user=user, note=note)
            count += 1
        except Conflict:  # it left meanwhile
            continue
    return count


# --- other messages -----------------------------------------------------------------------------


def ask_for_data(contract: Contract) -> None:
    """Tell the applicant which fields are missing or odd."""
    lines = "\n".join(f"- {line}" for line in wording.problems(contract.problems))
    _tell_people(
        contract,
        "contract_needs_data",
        {"approval_no": contract.sp_no, "template": contract.template.name, "problems": lines},
        [contract.applicant_id],
    )


def tell_holders_of_the_end(contract: Contract) -> None:
    """Tell everybody who got or took a document of the contract that it is void."""
    called_off = Notification.objects.filter(subject=_subject(contract), status=State.CANCELLED)
    deliveries = Delivery.objects.filter(version__contract=contract).exclude(
        message_id__in=called_off.values("message_id")
    )
    variables: dict[str, object] = {
        "number": contract.number,
        "name": contract.name,
        "reason": contract.void_reason,
        "approval_no": contract.sp_no,
    }
    groups = set(
        deliveries.filter(channel=ChannelCode.WECHAT_BOT).values_list("target", flat=True).distinct()
    )
    people = set(
        deliveries.filter(channel=ChannelCode.WECHAT_API).values_list("target", flat=True).distinct()
    )
    people |= set(
        filter(
            None,
            Profile.objects.filter(
                user__in=contract.downloads.exclude(user=None).values("user"), wecom_userid__isnull=False
            ).values_list("wecom_userid", flat=True),
        )
    )
    _tell_people(contract, "contract_void", variables, sorted(people))
    for group in sorted(groups):
        _tell(contract, "contract_void", variables, ChannelCode.WECHAT_BOT.value, group)


def remind(contract: Contract, template: str, variables: Mapping[str, object]) -> None:
    """Remind the applicant, and the group that got the contract."""
    values = {"number": contract.number, "name": contract.name, **variables}
    _tell_people(contract, template, values, [contract.applicant_id])
    if contract.template.group:
        _tell(contract, template, values, ChannelCode.WECHAT_BOT.value, contract.template.group)


def _tell_people(
    contract: Contract, template: str, variables: dict[str, object], people: Iterable[str]
) -> None:
    """Tell each person once, however the userid is spelled."""
    for userid in {one.casefold(): one for one in people if one}.values():
        _tell(contract, template, variables, ChannelCode.WECHAT_API.value, userid)


def _tell(contract: Contract, template: str, variables: dict[str, object], channel: str, target: str) -> None:
    url = settings.FRONTEND_URL + contract.get_absolute_url()
    send_template_notification(
        template,
        target,
        {**variables, "url": url},
        channel=channel,
        event=template,
        source="contracts",
        subject=_subject(contract),
        link=contract.get_absolute_url(),
    )


# --- receipts -----------------------------------------------------------------------------------


def _settled() -> QuerySet[Delivery]:
    """Return the deliveries without an end whose message has one; each is looked up by its number."""
    ended = Notification.objects.filter(message_id=OuterRef("message_id")).exclude(status__in=OPEN_STATES)
    return Delivery.objects.filter(Exists(ended), is_settled=False)


def has_due() -> bool:
    return _settled().exists()


def settle_due(*, budget_s: float = 20) -> int:
    """Read the receipts of messages that have ended; return how many deliveries have a result now."""
    budget, count = Budget(budget_s), 0
    for row in _settled().select_related("version__contract__template").order_by("pk")[:200]:
        if not budget:
            break
        count += _settle(row)
    return count


def _settle(row: Delivery) -> bool:
    """Settle a delivery if every part of its message has ended: words and file travel in own rows."""
    parts = Notification.objects.filter(
        correlation_id=f"{row.version.contract.trace[:22]}{row.pk:010x}"
    ).values_list("status", "merged_into__status")
    states_of_parts = [merged or status for status, merged in parts]
    if any(status in OPEN_STATES for status in states_of_parts):
        return False
    was_received = bool(states_of_parts) and all(status == State.SENT for status in states_of_parts)
    with transaction.atomic():
        if not Delivery.objects.filter(pk=row.pk, is_settled=False).update(
            is_settled=True, was_received=was_received
        ):
            return False
        contract = states.locked(row.version.contract)
        who = row.get_recipient_display()
        is_current = row.version.state == VersionState.CURRENT
        if was_received:
            if is_current and contract.state == ContractState.GENERATED:
                states.move(contract, ContractState.SENT, EventKind.SENT, note=who)
            else:
                states.tell(contract, EventKind.SENT, note=who)
        elif is_current:  # what was called off, or is no longer valid, nobody misses
            said = _("未能送达：%(who)s") % {"who": who}
            states.tell(contract, EventKind.FAILED, note=said)
            Contract.objects.filter(pk=contract.pk).update(failure="not_delivered", failure_text=said)
    return True
