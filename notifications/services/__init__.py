"""What can be done with messages: ask for one, deliver what is due, act on one by hand."""

from notifications.services import templates
from notifications.services.acts import ASKS_FIRST, CANCELLABLE, RESENDABLE, cancel, resend
from notifications.services.delivery import deliver_due, reclaim_expired
from notifications.services.holding import mend, obstacle, release_mended
from notifications.services.requests import (
    get_notification_status,
    notify,
    send_notification,
    send_template_notification,
    who_would_get,
)
from notifications.services.testing import send_test

__all__ = [
    "ASKS_FIRST",
    "CANCELLABLE",
    "RESENDABLE",
    "cancel",
    "deliver_due",
    "get_notification_status",
    "mend",
    "notify",
    "obstacle",
    "reclaim_expired",
    "release_mended",
    "resend",
    "send_notification",
    "send_template_notification",
    "send_test",
    "templates",
    "who_would_get",
]
