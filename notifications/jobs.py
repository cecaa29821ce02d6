"""The door through which a worker delivers."""

from __future__ import annotations

from notifications import media, monitoring
from notifications.services import bulk, cards, retention
from notifications.services.delivery import deliver_due, has_due, oldest_due
from notifications.services.floods import tell
from notifications.services.health import check_due_channels
from notifications.services.holding import (
    expire_overdue,
    release_mended,
    wake_after_a_step_of_the_clock,
)
from notifications.services.statistics import roll_up_due, sample_queues
from spc_site.jobs import doorbell, every


@doorbell(name="notifications.deliver", queue="notify", is_due=has_due, oldest_due=oldest_due)
def deliver_due_job() -> int:
    """Send what is due."""
    return deliver_due()


@every(seconds=60, name="notifications.release", queue="notify")
def release_mended_job() -> int:
    """Let held messages go whose channel was mended, end what is over, undo a step of the clock."""
    expire_overdue()
    return wake_after_a_step_of_the_clock() + release_mended()


@every(seconds=60, name="notifications.figures")
def roll_up_job() -> int:
    """Bring the hourly figures up to date."""
    sample_queues()
    return roll_up_due()


@every(seconds=60, name="notifications.floods", queue="notify")
def tell_floods_job() -> int:
    """Keep what the limits withheld, and tell it to the targets."""
    return tell()


@every(seconds=60, name="notifications.watch")
def watch_job() -> int:
    """Find what is wrong with delivery, and see that people hear of it."""
    return monitoring.watch()


@doorbell(name="notifications.resend", queue="slow", is_due=bulk.has_due)
def resend_due_job() -> int:
    """Go on with the resends of many messages that people started."""
    return bulk.resend_due()


@every(seconds=30, name="notifications.health", timeout_s=300)
def check_channels_job() -> int:
    """Check the channels whose turn it is."""
    return check_due_channels()


@doorbell(name="notifications.cards", queue="notify", is_due=cards.has_due)
def update_cards_job() -> int:
    """Have cards say in WeCom what became of them."""
    return cards.update_due()


@every(seconds=3600, name="notifications.card_codes")
def forget_card_codes_job() -> int:
    """Delete the codes that can change nothing any more."""
    return cards.forget_old()


@every(seconds=3600, name="notifications.attachments")
def forget_attachments_job() -> int:
    """Delete what no message carries any more, and counts that have run out."""
    return media.forget_unused()


@every(seconds=900, name="notifications.clean", timeout_s=600)
def clean_job() -> None:
    """Forget old records in the hour of the night that the plant chose."""
    if retention.is_due():
        retention.clean()
