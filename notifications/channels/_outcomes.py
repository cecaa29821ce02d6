"""What WeCom's outcomes mean for a message: shared by its two channels."""

from __future__ import annotations

from collections.abc import Mapping

from notifications.channels.base import Result
from notifications.policy import Decision
from wecom.errors import Action, Outcome


def from_outcome(outcome: Outcome, decisions: Mapping[Action, Decision]) -> Result:
    """Return what an outcome means by a channel's table; what it does not list is the end."""
    return Result(
        decision=decisions.get(outcome.action, Decision.DEAD),
        explanation=outcome.explanation,
        http_status=outcome.http_status,
        errcode=outcome.errcode,
        answer=outcome.raw_excerpt,
        wait_s=outcome.retry_after_s,
    )
