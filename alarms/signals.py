"""Trouble with notifications becomes an alarm, and people hear of it by another way."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from alarms import delivery
from notifications.models import Trouble
from notifications.monitoring import trouble as trouble_found
from notifications.monitoring import trouble_ended


@receiver(trouble_found, dispatch_uid="alarms.raise_on_trouble")
def raise_on_trouble(sender: type[Trouble], trouble: Trouble, **kwargs: Any) -> bool:
    return delivery.raise_for(trouble)


@receiver(trouble_ended, dispatch_uid="alarms.recover_on_trouble_ended")
def recover_on_trouble_ended(sender: type[Trouble], trouble: Trouble, **kwargs: Any) -> bool:
    return delivery.recover_from(trouble)
