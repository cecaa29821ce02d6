"""Send a message to see whether it arrives and how it looks: through the real path, marked as a test.

A test takes the way of every message (row, budget, channel, receipt), but no other: it is not
merged, not retried, and not sent by a reserve, for what is asked is this way now.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction

from notifications.choices import Verb
from notifications.models import Notification, NotificationTemplate
from notifications.services import audit, templates
from notifications.services.requests import send_template_notification

EVENT = "test"


def send_test(
    template: NotificationTemplate,
    *,
    channel: str,
    target: str,
    values: Mapping[str, object] | None = None,
    user: User | None = None,
) -> Notification:
    """Queue a saved template with its samples (or the values of an event) as a test.

    Raises AppError as `send_template_notification` does.
    """
    with transaction.atomic():
        message_id = send_template_notification(
            template.template_name,
            target,
            templates.sample_values(template) if values is None else values,
            channel=channel,
            language=template.language,
            event=EVENT,
            is_test=True,
            is_limited=False,
            max_retries=0,
        )
        row = Notification.objects.get(message_id=message_id)
        audit.record(Verb.TESTED, template, note=f"{channel}：{row}", user=user)
    return row
