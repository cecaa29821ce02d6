"""Dispositions as a page shows them: what was decided, where it stands, what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.translation import gettext as _

from accounts.people import name_of
from approvals.choices import StartState
from quality.choices import DISPOSITION_TONES, Decision, DispositionState
from quality.models import Disposition, DispositionEvent


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a disposition's history."""

    at: datetime
    tone: str
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Card:
    """One disposition of a report.

    `problem` is why its approval could not be handed in; `remark` what a reader must know besides. The
    acts that a person may do now are named in `acts`: `grant`, `refuse`, `retry`, `withdraw`.
    """

    pk: int
    decision: str
    state: str
    tone: str
    amount: str
    items: str
    reason: str
    approval: str
    person: str
    problem: str
    remark: str
    lines: list[Line]
    acts: frozenset[str]
    is_open: bool
    is_starting: bool


def headline(disposition: Disposition) -> str:
    """Return decision and state in a few words: what a list has room for."""
    return f"{Decision(disposition.decision).label} {_state(disposition)}"


def tone_of(disposition: Disposition) -> str:
    """Return the tone of a disposition's badge."""
    return (
        "red" if disposition.has_failed_to_start else DISPOSITION_TONES[DispositionState(disposition.state)]
    )


def disposition_cards(
    dispositions: Iterable[Disposition], *, revision: int, user: AbstractBaseUser | AnonymousUser
) -> list[Card]:
    """Present the dispositions of a report that stands at `revision` to a person."""
    return [_card(one, revision=revision, user=user) for one in dispositions]


def _card(one: Disposition, *, revision: int, user: AbstractBaseUser | AnonymousUser) -> Card:
    return Card(
        pk=one.pk,
        decision=str(Decision(one.decision).label),
        state=_state(one),
        tone=tone_of(one),
        amount=one.amount,
        items="、".join(item["name"] for item in one.covers),
        reason=one.reason,
        approval=one.sp_no,
        person=name_of(one.proposed_by),
        problem=one.outgoing.error if one.outgoing and one.has_failed_to_start else "",
        remark=_remark(one, revision),
        lines=[_line(event) for event in one.events.all()],
        acts=frozenset(_acts(one, user)),
        is_open=one.is_open,
        is_starting=one.is_starting,
    )


def _state(one: Disposition) -> str:
    if one.has_failed_to_start:
        return _("审批提交失败")
    if one.is_starting:
        return _("正在提交审批")
    return str(DispositionState(one.state).label)


def _remark(one: Disposition, revision: int) -> str:
    if one.state == DispositionState.VOID:
        return _("批准后在企业微信中被撤销或删除：请停止放行并隔离剩余物料，另行处置。")
    if one.revision != revision:
        words = {"old": one.revision, "new": revision}
        return _("针对修订 %(old)s；报告已更正为修订 %(new)s。") % words
    if one.is_starting and one.outgoing and one.outgoing.error:
        return _("企业微信暂时不可用，稍后自动重试：%(why)s") % {"why": one.outgoing.error}
    return ""


def _line(event: DispositionEvent) -> Line:
    state = DispositionState(event.state)
    text = _("提出") if state == DispositionState.PROPOSED and event.actor_id else str(state.label)
    note = " · ".join(part for part in (event.who, event.note) if part)
    return Line(event.at, DISPOSITION_TONES[state], text, note)


def _acts(one: Disposition, user: AbstractBaseUser | AnonymousUser) -> Iterable[str]:
    if not one.is_open or not user.has_perm("quality.add_disposition"):  # type: ignore[union-attr]
        return
    if one.outgoing is None and user.has_perm("quality.decide_disposition"):  # type: ignore[union-attr]
        yield "grant"
        yield "refuse"
    if one.has_failed_to_start:
        yield "retry"
    if one.outgoing is None or one.outgoing.state in (StartState.WAITING, StartState.DEAD):
        yield "withdraw"
