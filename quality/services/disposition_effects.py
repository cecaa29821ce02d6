"""What follows when a disposition changes: lines in the timelines of alarms, their closing, the message.

Called inside the transaction of the change, with the disposition locked.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.people import name_of
from alarms import services as alarms
from notifications.rendering import ByLanguage
from notifications.routing import Event
from notifications.services import notify
from quality import messages
from quality.choices import Decision, DispositionState
from quality.kinds import KINDS
from quality.models import Disposition
from quality.selectors import digest_of
from quality.services.judgement import is_announced

_ITEMS_NAMED = 20
_LANGUAGES = ("zh-hans", "en")

_TOLD = {
    DispositionState.GRANTED: ("concession_granted", "info"),
    DispositionState.REFUSED: ("concession_refused", "warning"),
    DispositionState.WITHDRAWN: ("concession_withdrawn", "info"),
    DispositionState.VOID: ("concession_void", "critical"),
}
"""The template and the severity of the message that tells the group how an approval ended."""


def follow(disposition: Disposition, *, user: User | None = None) -> None:
    """Do what the state that a disposition has just come to asks for."""
    state = DispositionState(disposition.state)
    if state == DispositionState.AWAITING:
        return
    if state == DispositionState.GRANTED and disposition.decision == Decision.CONCESSION:
        _close_alarms(disposition, user=user)
    else:
        if state == DispositionState.VOID:
            _open_alarms(disposition)
        note_on_alarms(disposition, user=user)
    # What was taken back before it reached WeCom is nobody's news.
    if disposition.outgoing_id is not None and disposition.sp_no:
        _tell_people(disposition)


# --- alarms -----------------------------------------------------------------------------------


def note_on_alarms(disposition: Disposition, *, user: User | None = None) -> None:
    """Write where a disposition stands into the timelines of the open alarms that it speaks of."""
    prefix = messages.alarm_prefix(disposition.report)
    keys = [f"{prefix}{pk}" for pk in disposition.characteristic_ids]
    with translation.override(settings.LANGUAGE_CODE):
        sentence = {
            DispositionState.PROPOSED: _("提出%(what)s：%(reason)s"),
            DispositionState.GRANTED: _("%(what)s 已批准"),
            DispositionState.REFUSED: _("%(what)s 已驳回"),
            DispositionState.WITHDRAWN: _("%(what)s 已撤回"),
            DispositionState.VOID: _("%(what)s 批准后被撤销，已作废"),
        }[DispositionState(disposition.state)]
        note = sentence % {"what": _named(disposition), "reason": disposition.reason}
    alarms.record_decision(keys, note=note, user=user)


def _close_alarms(disposition: Disposition, *, user: User | None) -> None:
    """Close the open alarms of what was conceded; a newer revision or other values keep theirs open."""
    same = _unchanged(disposition)
    prefix = messages.alarm_prefix(disposition.report)
    with translation.override(settings.LANGUAGE_CODE):
        named = _named(disposition)
        closed = alarms.record_decision(
            [f"{prefix}{pk}" for pk in same], note=named, is_closing=True, user=user
        )
        alarms.record_decision(
            [f"{prefix}{pk}" for pk in disposition.characteristic_ids if pk not in same],
            note=_("%(what)s 已批准，但数值已更改，不适用") % {"what": named},
            user=user,
        )
    for one in disposition.covers:
        one["closed"] = f"{prefix}{one['characteristic']}" in closed
    disposition.save(update_fields=["covers"])


def _open_alarms(disposition: Disposition) -> None:
    """Raise again what a concession had closed, where it is still abnormal."""
    kind, report = KINDS[disposition.report.KIND], disposition.report
    wanted = [one["characteristic"] for one in disposition.covers if one["closed"]]
    if not wanted or not is_announced(kind, report):
        return
    entries = kind.entry_model.objects.current().abnormal().filter(report=report, characteristic__in=wanted)
    with translation.override("zh-hans"):
        requests = [messages.alarm_request(report, entry) for entry in entries.order_by("position")]
    alarms.raise_alarms(requests)


def _unchanged(disposition: Disposition) -> set[int]:
    """Return the characteristics whose current values are those that were decided on (1 query)."""
    entries = KINDS[disposition.report.KIND].entry_model.objects.current()
    entries = entries.filter(report=disposition.report, revision=disposition.revision)
    now = {(entry.characteristic_id, digest_of(entry)) for entry in entries}
    return {
        one["characteristic"] for one in disposition.covers if (one["characteristic"], one["digest"]) in now
    }


def _named(disposition: Disposition) -> str:
    return f"{Decision(disposition.decision).label} {disposition.sp_no}".strip()


# --- messages ---------------------------------------------------------------------------------


def _tell_people(disposition: Disposition) -> None:
    """Tell the group of the report how its approval ended; once for each end."""
    report = disposition.report
    kind = KINDS[report.KIND]
    template, severity = _TOLD[DispositionState(disposition.state)]
    asked_by = disposition.outgoing.creator if disposition.outgoing else ""
    notify(
        Event(
            name=f"quality.{kind.slug}.{template}",
            source="quality",
            severity=severity,
            supplier=report.party.name,
            part=report.part.number,
            group=kind.code,
            template=template,
            variables={
                "decision": _by_language(lambda: str(Decision(disposition.decision).label)),
                "party": report.party.name,
                "part_name": report.part.name,
                "part_number": report.part.number,
                "lot": report.lot,
                "quantity": disposition.amount,
                "items": _items(disposition),
                "reason": disposition.reason,
                "approval_no": disposition.sp_no,
                "person": name_of(disposition.proposed_by),
                "url": settings.FRONTEND_URL + report.get_absolute_url(),
            },
            priority=2,
            mentions=(asked_by,) if asked_by else (),
            subject=messages.subject(report),
            link=report.get_absolute_url(),
            dedupe_key=f"quality.disposition:{disposition.pk}.{disposition.state}",
        )
    )


def _by_language(words: Callable[[], str]) -> ByLanguage:
    found: dict[str, object] = {}
    for language in _LANGUAGES:
        with translation.override(language):
            found[language] = words()
    return ByLanguage(found)


def _items(disposition: Disposition) -> str:
    names = [one["name"] for one in disposition.covers]
    more = " …" if len(names) > _ITEMS_NAMED else ""
    return "、".join(names[:_ITEMS_NAMED]) + more
