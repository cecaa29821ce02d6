"""The door through which a worker judges."""

from __future__ import annotations

from quality.services.judgement import has_due, judge_due, oldest_due
from spc_site.jobs import doorbell


@doorbell(name="quality.judge", queue="judge", is_due=has_due, oldest_due=oldest_due)
def judge_due_job() -> int:
    """Judge what is due."""
    return judge_due()
