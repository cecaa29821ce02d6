"""Trouble with notifications becomes an alarm; a clicked card acknowledges one; the story of a message
ends with who took its alarm on."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext as _

from alarms import delivery, hook_trouble, hooked, selectors, services
from approvals.signals import card_clicked
from hooks.events import core_figures_wanted, hook_paused, hook_recovered
from hooks.models import HookPoint
from notifications.models import Notification, Trouble
from notifications.monitoring import trouble as trouble_found
from notifications.monitoring import trouble_ended
from notifications.timeline import Step, story_wanted


@receiver(trouble_found, dispatch_uid="alarms.raise_on_trouble")
def raise_on_trouble(sender: type[Trouble], trouble: Trouble, **kwargs: Any) -> bool:
    return delivery.raise_for(trouble)


@receiver(trouble_ended, dispatch_uid="alarms.recover_on_trouble_ended")
def recover_on_trouble_ended(sender: type[Trouble], trouble: Trouble, **kwargs: Any) -> bool:
    return delivery.recover_from(trouble)


@receiver(card_clicked, dispatch_uid="alarms.acknowledge_on_card_clicked")
def acknowledge_on_card_clicked(
    sender: type[Any], key: str, user_id: str, task_id: str, response_code: str, **kwargs: Any
) -> None:
    services.press(key, user_id, task_id=task_id, response_code=response_code)


@receiver(hook_paused, dispatch_uid="alarms.raise_on_hook_paused")
def raise_on_hook_paused(sender: type[HookPoint], point: HookPoint, **kwargs: Any) -> None:
    hook_trouble.raise_for(point)


@receiver(hook_recovered, dispatch_uid="alarms.recover_on_hook_recovered")
def recover_on_hook_recovered(sender: type[HookPoint], point: HookPoint, **kwargs: Any) -> None:
    hook_trouble.recover_from(point)


@receiver(story_wanted, dispatch_uid="alarms.tell_who_took_it_on")
def tell_who_took_it_on(sender: type[Notification], message: Notification, **kwargs: Any) -> list[Step]:
    return [
        Step(
            at=event.at,
            title=" · ".join(filter(None, [_("报警%(act)s") % {"act": event.get_kind_display()}, event.who])),
            tone=event.tone,
            details=tuple(filter(None, [event.alarm.title, event.note])),
            url=event.alarm.get_absolute_url(),
            link_text=_("打开报警"),
        )
        for event in selectors.answers_to(message.subject, message.link, since=message.created_at)
    ]


@receiver(core_figures_wanted, dispatch_uid="alarms.tell_core_figures")
def tell_core_figures(sender: object, **kwargs: Any) -> dict[str, int]:
    return hooked.figures()
