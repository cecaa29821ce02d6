"""What can be done with messages: ask for one, deliver what is due, act on one by hand."""

from notifications.selectors import get_notification_status
from notifications.services import templates
from notifications.services.acts import ASKS_FIRST, CANCELLABLE, RESENDABLE, cancel, resend
from notifications.services.delivery import deliver_due, reclaim_expired
from notifications.services.health import (
    check_channel,
    check_due_channels,
    ensure_channels,
    examine,
    mend_channel,
    pool_of,
    refused,
)
from notifications.services.holding import mend, obstacle, release_mended
from notifications.services.notifying import notify, who_would_get
from notifications.services.requests import send_notification, send_template_notification
from notifications.services.retention import HASHED
from notifications.services.testing import send_test
from notifications.services.trials import try_channel

__all__ = [
    "ASKS_FIRST",
    "CANCELLABLE",
    "HASHED",
    "RESENDABLE",
    "cancel",
    "check_channel",
    "check_due_channels",
    "deliver_due",
    "ensure_channels",
    "examine",
    "get_notification_status",
    "mend",
    "mend_channel",
    "notify",
    "obstacle",
    "pool_of",
    "reclaim_expired",
    "refused",
    "release_mended",
    "resend",
    "send_notification",
    "send_template_notification",
    "send_test",
    "templates",
    "try_channel",
    "who_would_get",
]
