"""The doors through which workers judge and verify."""

from __future__ import annotations

from quality.services import recalculation, verification
from quality.services.judgement import has_due, judge_due, oldest_due
from spc_site.jobs import doorbell


@doorbell(name="quality.judge", queue="judge", is_due=has_due, oldest_due=oldest_due)
def judge_due_job() -> int:
    """Judge what is due."""
    return judge_due()


@doorbell(name="quality.recalculate", queue="slow", is_due=recalculation.has_due)
def recalculate_due_job() -> int:
    """Go on with judging everything again."""
    return recalculation.recalculate_due()


@doorbell(name="quality.verify", queue="slow", is_due=verification.has_due, timeout_s=300)
def verify_due_job() -> int:
    """Recompute the published cases."""
    return verification.verify_due()
