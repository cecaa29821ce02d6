"""What can be done with alarms. The only writers of the rows of this room.

For whoever finds something abnormal (all take `at`, and work inside the caller's transaction):

    raise_alarms([AlarmRequest(...), ...], at=None) -> list[Raised]       # .alarm, .is_new, .is_escalated
    raise_closed([AlarmRequest(...)], at=..., closed_at=None, reason="closed_late", note="") -> list[Alarm]
    recover(keys, reason="recovered", note="", at=None) -> int            # reasons: `Resolution`
    open_keys(prefix="energy.quota.12.") -> set[str]
    record_decision(keys, note="...", is_closing=False, user=None, at=None) -> set[str]   # those closed

`AlarmRequest(is_told=True, level=2, level_label="超额", group_key="energy.group:7", group="ENERGY",
template="quota_warning", variables={...}, labels={"meter": "M1"}, is_continuing=True)`: this room
tells people, once per new alarm and per escalation, one message for each `group_key` of the call.
Who words its own messages asks `sift(alarms)` first and passes `Event(withheld=…, withheld_by=…)`.
"""

from alarms.cards import alarm_of_card, button_of, card_key
from alarms.models import Resolution
from alarms.services import system
from alarms.services.acting import acknowledge, assign, explain, resolve
from alarms.services.closing import close_quiet
from alarms.services.deciding import record_decision
from alarms.services.escalating import prompt_due
from alarms.services.ordering import (
    cancel_work_order,
    check_due_effects,
    check_effect,
    complete,
    complete_step,
    open_work_order,
    remind_overdue,
)
from alarms.services.pressing import CardAnswer, acknowledge_from_card, press
from alarms.services.raising import (
    AlarmRequest,
    Raised,
    open_keys,
    raise_alarm,
    raise_alarms,
    raise_closed,
    recover,
)
from alarms.services.silencing import end_silence, hush_active, silence, silence_alarm
from alarms.services.telling import Sifted, owners_called, sift, tell, tell_released

__all__ = [
    "AlarmRequest",
    "CardAnswer",
    "Raised",
    "Resolution",
    "Sifted",
    "acknowledge",
    "acknowledge_from_card",
    "alarm_of_card",
    "assign",
    "button_of",
    "cancel_work_order",
    "card_key",
    "check_due_effects",
    "check_effect",
    "close_quiet",
    "complete",
    "complete_step",
    "end_silence",
    "explain",
    "hush_active",
    "open_keys",
    "open_work_order",
    "owners_called",
    "press",
    "prompt_due",
    "raise_alarm",
    "raise_alarms",
    "raise_closed",
    "record_decision",
    "recover",
    "remind_overdue",
    "resolve",
    "sift",
    "silence",
    "silence_alarm",
    "system",
    "tell",
    "tell_released",
]
