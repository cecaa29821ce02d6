"""What the clock does with alarms."""

from __future__ import annotations

from alarms import services
from spc_site.jobs import every


@every(seconds=60, name="alarms.follow_up", queue="notify")
def follow_up_job() -> None:
    """Begin and end silences, escalate, remind: what waits for the minute."""
    services.hush_active()
    services.tell_released()
    services.prompt_due()


@every(seconds=600, name="alarms.work_orders", queue="notify")
def work_orders_job() -> None:
    """Remind of what is overdue, judge the effect of what was done."""
    services.remind_overdue()
    services.check_due_effects()


@every(seconds=3600, name="alarms.close_quiet")
def close_quiet_job() -> None:
    """Close what has not happened for days."""
    services.close_quiet()


@every(seconds=60, name="alarms.system")
def watch_system_job() -> None:
    """Look at the system with its rules."""
    services.system.watch()


@every(seconds=3600, name="alarms.forget_minutes")
def forget_minutes_job() -> None:
    """Delete old histograms of requests."""
    services.system.forget_minutes()
