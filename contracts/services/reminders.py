"""Contracts that wait for a signature too long, or run out soon: each is said once."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from contracts.choices import IN_FORCE, ContractState, EventKind
from contracts.models import Contract, Reminder
from contracts.services import sending, states
from spc_site import clock


def remind_due() -> int:
    """Give the reminders of today; return how many."""
    today = timezone.localdate(clock.now())
    return _unsigned(today) + _expiring(today)


def _unsigned(today: date) -> int:
    waiting = Contract.objects.filter(
        state__in=[ContractState.GENERATED, ContractState.SENT], template__sign_within_days__isnull=False
    ).select_related("template")
    count = 0
    for contract in waiting.order_by("pk"):
        made_at = contract.versions.filter(state="current").values_list("made_at", flat=True).first()
        if made_at is None:
            continue
        due_on = timezone.localdate(made_at) + timedelta(days=contract.template.sign_within_days or 0)
        if due_on < today:
            days = (today - timezone.localdate(made_at)).days
            count += _once(
                contract,
                Reminder.Kind.SIGNATURE,
                due_on,
                _("%(days)d 天未签署") % {"days": days},
                "contract_unsigned",
                {"days": days},
            )
    return count


def _expiring(today: date) -> int:
    running = Contract.objects.filter(
        state__in=IN_FORCE, expires_on__gte=today, template__remind_before_days__isnull=False
    ).select_related("template")
    count = 0
    for contract in running.order_by("pk"):
        due_on = contract.expires_on
        if due_on is None or (due_on - today).days > (contract.template.remind_before_days or 0):
            continue
        said = due_on.isoformat()
        count += _once(
            contract,
            Reminder.Kind.EXPIRY,
            due_on,
            _("%(day)s 到期") % {"day": said},
            "contract_expiring",
            {"expires_on": said},
        )
    return count


def _once(
    contract: Contract, kind: str, due_on: date, note: str, template: str, variables: dict[str, object]
) -> bool:
    """Remind unless it was done before, by whomever; say whether it was done now."""
    with transaction.atomic():
        locked = states.locked(contract)
        _row, is_new = Reminder.objects.get_or_create(
            contract=locked, kind=kind, due_on=due_on, defaults={"at": clock.now()}
        )
        if is_new:
            states.tell(locked, EventKind.REMINDED, note=note)
            sending.remind(locked, template, variables)
    return is_new
