"""WeCom group robots: the target names a group, settings name its robot's key.

The key of a group is `{GROUP}_WEBHOOK_KEY`, else `OQC_WEBHOOK_KEY`, else the robot of
`WECHAT_BOT_WEBHOOK`. Keys never enter a row: the target stays the group's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from django.conf import settings

from notifications.channels.base import Credential, Form, NotConfigured, Result, register
from notifications.choices import ChannelCode, Reason
from notifications.policy import Decision
from wecom import markdown
from wecom.errors import Action, Outcome
from wecom.payloads import Payload
from wecom.robot import MARKDOWN_LIMIT, Robot, split_webhook
from wecom.robot import markdown as markdown_payload

_DECISIONS = {
    Action.NONE: Decision.SENT,
    Action.RETRY: Decision.RETRY,
    Action.WAIT: Decision.WAIT,
    Action.CHANNEL_DEAD: Decision.CHANNEL_DEAD,
    Action.UNCERTAIN: Decision.UNCERTAIN,
}
"""Every other action (refused content, too long) is the end of this message."""


def _robot_for(target: str) -> tuple[str, str]:
    """Return address prefix and key for a group; raises NotConfigured naming the settings."""
    keys = settings.WEBHOOK_KEYS
    if key := keys.get(target.upper()) or keys.get("OQC"):
        return settings.WEBHOOK_BASE_URL, key
    if settings.WECHAT_BOT_WEBHOOK:
        return split_webhook(settings.WECHAT_BOT_WEBHOOK)
    raise NotConfigured(
        f"没有可用的群机器人：请设置 {target.upper()}_WEBHOOK_KEY、OQC_WEBHOOK_KEY 或 WECHAT_BOT_WEBHOOK"
    )


@register
class WechatBot:
    """Sends Markdown to a group through its robot."""

    code = ChannelCode.WECHAT_BOT.value

    def compose(self, title: str, content: str, target: str, form: Form) -> list[str]:
        """Return one payload per message; the title is the heading unless the content has one."""
        text = content if content.lstrip().startswith("#") else f"### {title}\n{content}"
        heading = text.lstrip().partition("\n")[0]
        parts = markdown.split(text, limit=MARKDOWN_LIMIT, heading=heading)
        return [markdown_payload(part).json for part in parts]

    def credentials(self, target: str) -> Sequence[Credential]:
        """Return the group's robot, named by a digest of its key: who shares a robot shares its limit."""
        _, key = _robot_for(target)
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return [Credential(f"{self.code}:{digest}")]

    def deliver(self, payload: str, target: str, credential: Credential, *, timeout_s: float) -> Result:
        prefix, key = _robot_for(target)
        return _result(Robot(prefix, key, timeout=(min(3, timeout_s), timeout_s)).send(Payload.thaw(payload)))

    def check(self) -> Mapping[str, str]:
        try:
            _robot_for("OQC")
        except NotConfigured as missing:
            return {"OQC_WEBHOOK_KEY": str(missing)}
        return {}


def _result(outcome: Outcome) -> Result:
    return Result(
        decision=_DECISIONS.get(outcome.action, Decision.DEAD),
        explanation=outcome.explanation,
        http_status=outcome.http_status,
        errcode=outcome.errcode,
        answer=outcome.raw_excerpt,
        reason=Reason.TOO_LONG if outcome.action is Action.SPLIT else Reason.REFUSED,
    )
