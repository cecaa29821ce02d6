"""What happens while nobody acknowledges: steps of the policy, reminders, each at most once.

Everything that is due is computed from rows, in a number of queries that does not depend on how many
alarms wait; a unique row per step and round is written in the transaction of its message. After a stop
of the system every step that came due meanwhile is done, though told once for all its rounds, and of
the reminders the last one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms.models import (
    SEVERITY_ORDER,
    Alarm,
    AlarmEvent,
    AlarmStatus,
    EscalationPolicy,
    EscalationStep,
    Prompt,
    Rota,
    Severity,
    SourceRule,
)
from alarms.services import sources, telling
from notifications.models import Recipient
from notifications.routing import Chain, Way, quiet_end
from notifications.services import notify
from spc_site import clock

REMINDER = 0
"""The step number of a reminder."""


@dataclass(frozen=True, slots=True)
class Due:
    """One step or reminder of one alarm that has come due."""

    alarm: Alarm
    step: EscalationStep | None
    number: int
    rung: int

    @property
    def identity(self) -> tuple[int, datetime, int, int]:
        """Return what its row is unique by."""
        return self.alarm.pk, self.alarm.active_since, self.step.pk if self.step else REMINDER, self.number


def _with_policies() -> sources.Rules:
    """Read the rules with their policies, steps, people and rotas; 5 queries at most."""
    people = "user__profile"
    rotas = Rota.objects.prefetch_related(f"members__recipient__{people}", f"exceptions__recipient__{people}")
    steps = EscalationStep.objects.select_related(f"recipient__{people}").prefetch_related(
        models.Prefetch("rota", queryset=rotas)
    )
    return sources.Rules(
        SourceRule.objects.select_related("policy").prefetch_related(
            models.Prefetch("policy__steps", queryset=steps)
        )
    )


def prompt_due(*, at: datetime | None = None) -> int:
    """Do every step and reminder that is due; return how many. May run twice and beside itself."""
    at = at or clock.now()
    with transaction.atomic():
        waiting = list(
            Alarm.objects.filter(status=AlarmStatus.ACTIVE).select_related("owner__profile").order_by("pk")
        )
        if not waiting:
            return 0
        rules = _with_policies()
        done = set(
            Prompt.objects.filter(alarm__status=AlarmStatus.ACTIVE).values_list(
                "alarm_id", "stretch", "step_no", "number"
            )
        )
        hush = telling.Hush(at)
        found = [
            due
            for alarm in waiting
            if (policy := rules.of(alarm.source).policy) is not None and policy.is_active
            for due in due_of(alarm, policy, done=done, at=at)
            if hush.of(alarm) is None
        ]
        mine = _claim(found, at)
        _tell_all(mine, at)
    return len(mine)


def due_of(
    alarm: Alarm,
    policy: EscalationPolicy,
    *,
    done: set[tuple[int, datetime, int, int]],
    at: datetime,
) -> list[Due]:
    """Return what is due for one active alarm at a moment and was not done; no query."""
    if _is_quiet(alarm, policy, at):
        return []
    waited = at - alarm.active_since
    grave = SEVERITY_ORDER[Severity(alarm.severity)]
    found = []
    for number in range(policy.repeats + 1):
        for rung, step in enumerate(policy.steps.all(), start=1):
            is_meant = not step.minimum_severity or grave >= SEVERITY_ORDER[Severity(step.minimum_severity)]
            after = timedelta(minutes=step.after_minutes + number * policy.repeat_minutes)
            due = Due(alarm, step, number, rung)
            if is_meant and waited >= after and due.identity not in done:
                found.append(due)
    if policy.reminder_hours:
        reminder = Due(alarm, None, int(waited // timedelta(hours=policy.reminder_hours)), 0)
        if reminder.number and reminder.identity not in done:
            found.append(reminder)
    return found


def _is_quiet(alarm: Alarm, policy: EscalationPolicy, at: datetime) -> bool:
    """Say whether the policy's quiet hours make this alarm wait."""
    if policy.breaks_at:
        breaks = SEVERITY_ORDER[Severity(alarm.severity)] >= SEVERITY_ORDER[Severity(policy.breaks_at)]
        if breaks:
            return False
    return quiet_end(timezone.localtime(at), policy.quiet_from, policy.quiet_until) is not None


def _claim(found: Sequence[Due], at: datetime) -> list[Due]:
    """Write the unique rows; return those that nobody else had written."""
    if not found:
        return []
    claim = uuid.uuid4().hex
    Prompt.objects.bulk_create(
        [
            Prompt(
                alarm=due.alarm,
                stretch=due.alarm.active_since,
                step_no=due.step.pk if due.step else REMINDER,
                number=due.number,
                whom=due.step.whom[:160] if due.step else "",
                at=at,
                claim=claim,
            )
            for due in found
        ],
        ignore_conflicts=True,
        batch_size=500,
    )
    mine = set(Prompt.objects.filter(claim=claim).values_list("alarm_id", "stretch", "step_no", "number"))
    return [due for due in found if due.identity in mine]


def _tell_all(found: Sequence[Due], at: datetime) -> None:
    """Write one message for all alarms of the same step and group, and a line in each timeline."""
    together: dict[tuple[int, int, str], list[Due]] = {}
    for due in found:
        key = (due.step.pk if due.step else REMINDER, due.number if due.step else 0, due.alarm.group)
        together.setdefault(key, []).append(due)
    lines = []
    for some in together.values():
        step, alarms = some[0].step, [due.alarm for due in some]
        if step is None:
            ids, whom = telling.send(alarms, telling.REMINDER, at=at), ""
        else:
            chain, whom = _who(step, at)
            send = partial(notify, chains=(chain,)) if chain else notify
            more = {"level": some[0].rung}
            ids = telling.send(alarms, telling.ESCALATED, at=at, more=more, by=send, tag=str(step.pk))
        for due in some:
            Prompt.objects.filter(
                alarm=due.alarm,
                stretch=due.alarm.active_since,
                step_no=due.identity[2],
                number=due.number,
            ).update(message_id=ids[0], whom=whom[:160])
            lines.append(AlarmEvent(alarm=due.alarm, at=at, kind=AlarmEvent.Kind.TOLD, note=_note(due, whom)))
    AlarmEvent.objects.bulk_create(lines, batch_size=500)


def _note(due: Due, whom: str) -> str:
    with override(settings.LANGUAGE_CODE):
        if due.step is None:
            return _("第 %(number)d 次提醒") % {"number": due.number}
        return _("无人受理，第 %(rung)d 级：%(whom)s") % {"rung": due.rung, "whom": whom}


def _who(step: EscalationStep, at: datetime) -> tuple[Chain | None, str]:
    """Return who is told by a step, and their names; None for the routes.

    Where nobody of a rota can be reached, the routes see to it: a mistake in a rota loses no alarm.
    """
    if step.channel:
        return Chain(ways=(Way(step.channel, step.target),)), step.whom
    people: Iterable[Recipient] = ()
    if step.recipient is not None:
        people = [step.recipient]
    elif step.rota is not None:
        people = step.rota.on_call(timezone.localtime(at))
    for recipient in people:
        person = recipient.as_person()
        if person.is_active and person.ways:
            return Chain(ways=person.ways, person=person), person.name
    with override(settings.LANGUAGE_CODE):
        return None, _("按路由")
