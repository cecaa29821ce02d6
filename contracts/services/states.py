"""The one place where a contract changes its state: the transition, its line in the timeline, who is told."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from contracts.choices import ContractState as State
from contracts.choices import EventKind
from contracts.models import Contract, ContractEvent
from contracts.services import webhooks
from spc_site import clock
from spc_site.errors import Conflict

TRANSITIONS: dict[State, frozenset[State]] = {
    State.NEEDS_DATA: frozenset({State.DRAFT, State.VOID}),
    State.DRAFT: frozenset({State.NEEDS_DATA, State.GENERATED, State.VOID}),
    State.GENERATED: frozenset(
        {State.GENERATED, State.SENT, State.SIGNED, State.VOID, State.REPLACED, State.EXPIRED}
    ),
    State.SENT: frozenset({State.GENERATED, State.SIGNED, State.VOID, State.REPLACED, State.EXPIRED}),
    State.SIGNED: frozenset({State.VOID, State.REPLACED, State.EXPIRED}),
    State.EXPIRED: frozenset({State.VOID, State.REPLACED}),
    State.VOID: frozenset(),
    State.REPLACED: frozenset(),
}
"""From each state, where a contract may go. What is void or replaced stays so: a new one follows it."""


def locked(contract: Contract) -> Contract:
    """Return the contract as it stands now, nobody else can change it before the transaction ends."""
    return Contract.objects.select_for_update(of=("self",)).select_related("template").get(pk=contract.pk)


def may(contract: Contract, new: State) -> bool:
    """Tell whether a contract may go there."""
    return new in TRANSITIONS[contract.status]


def move(
    contract: Contract,
    new: State,
    kind: EventKind,
    *,
    actor: User | None = None,
    note: str = "",
    **fields: Any,
) -> None:
    """Bring a locked contract into a state, with further fields. Raises Conflict where it may not go."""
    if not may(contract, new):
        raise Conflict(_("合同目前是“%(state)s”，不能这样做。") % {"state": contract.get_state_display()})
    contract.state = new
    for name, value in fields.items():
        setattr(contract, name, value)
    contract.save(update_fields=["state", "updated_at", *fields])
    tell(contract, kind, actor=actor, note=note)
    webhooks.announce(contract, kind)


def tell(contract: Contract, kind: EventKind, *, actor: User | None = None, note: str = "") -> None:
    """Write a line of the timeline."""
    ContractEvent.objects.create(contract=contract, at=clock.now(), kind=kind, actor=actor, note=note[:500])
