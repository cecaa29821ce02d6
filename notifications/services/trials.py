"""Try a channel by hand: a message that goes the whole way, once, and whose end is waited for."""

from __future__ import annotations

import time

from django.contrib.auth.models import User
from django.utils import timezone

from notifications import channels
from notifications.choices import State, Verb
from notifications.models import Channel, Notification
from notifications.safety import mask_contacts
from notifications.services import audit
from notifications.services.delivery import deliver_due
from notifications.services.requests import send_trial
from spc_site import clock
from spc_site.errors import AppError
from wecom import markdown

_OWN_DRAIN_S = 2.0
_LOOK_AGAIN_S = 0.1
_UNDER_WAY = frozenset({State.PENDING, State.SENDING})


def try_channel(channel: Channel, target: str, *, user: User) -> Notification:
    """Send a test message and wait for what becomes of it, at most one time-out of the channel.

    It goes through the queue like every other message: this process helps to drain it, so that
    the answer comes although no worker runs. Raises AppError for a target that cannot be read.
    """
    driver = channels.driver_for(channel.code)
    if driver is not None and (problem := driver.target_problem(target)):
        raise AppError("bad_target", problem)
    lines = (
        "### 试发",
        f"- **渠道**: {channel}",
        f"- **发起**: {markdown.escape(user.get_username())}",
        f"- **时间**: {timezone.localtime():%Y-%m-%d %H:%M:%S}",
    )
    message_id = send_trial("试发", "\n".join(lines), channel.code, target)
    audit.record(Verb.TESTED, channel, note=mask_contacts(target))
    deliver_due(budget_s=_OWN_DRAIN_S)
    deadline = time.monotonic() + channel.timeout_s
    row = Notification.objects.get(message_id=message_id)
    while row.status in _UNDER_WAY and row.next_at <= clock.now() and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_S)  # another process has it in hand
        row.refresh_from_db()
    return row
