"""The doors through which workers compute days and months of meters, watch them, and evaluate quotas."""

from __future__ import annotations

from energy.choices import RunTrigger
from energy.services import days, months, mqtt, quotas, watching
from spc_site.jobs import doorbell, every


@doorbell(name="energy.days", queue="slow", is_due=days.has_due, oldest_due=days.oldest_due)
def compute_days_job() -> int:
    """Compute the daily use of what has new readings, and hold it against the rules."""
    done = days.compute_due()
    if done:
        watching.evaluate_rules()
    return done


@every(name="energy.watch_meters", seconds=60)
def watch_meters_job() -> None:
    """See which meters are silent and which are beyond a rule, also when nothing comes."""
    watching.watch_connections()
    watching.evaluate_rules()


@every(name="energy.watch_mqtt", seconds=60)
def watch_mqtt_job() -> None:
    """See whether the bridge that topics are configured for brings their messages."""
    mqtt.watch()


@every(name="energy.forget_mqtt_batches", seconds=600)
def forget_mqtt_batches_job() -> None:
    """Forget what nobody asks for any more of the many small batches of the bridge."""
    mqtt.forget_batches()


@doorbell(name="energy.months", queue="slow", is_due=months.has_due, timeout_s=180)
def compute_months_job() -> int:
    """Split changed months by the bands of their tariffs and find the demands."""
    return months.compute_due()


@doorbell(name="energy.quotas", queue="slow", is_due=quotas.has_due, oldest_due=quotas.oldest_due)
def evaluate_quotas_job() -> int:
    """Evaluate the quotas over days that have changed."""
    run = quotas.evaluate(trigger=RunTrigger.DATA)
    return run.usages if run else 0


@every(name="energy.check_quotas", seconds=3600)
def check_quotas_job() -> None:
    """Evaluate all quotas: a new period begins, an old one ends, also without new data."""
    quotas.evaluate(trigger=RunTrigger.SCHEDULE, wait_s=60)


@every(name="energy.watch_quota_checks", seconds=600)
def watch_quota_checks_job() -> None:
    """Raise an alarm if the quotas have not been checked for too long."""
    quotas.watch()
