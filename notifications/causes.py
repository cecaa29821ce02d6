"""Why a try at sending failed: a closed list, in words for people, with what to do about it."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.choices import Reason
from notifications.policy import Decision


class Cause(models.TextChoices):
    """What went wrong in one try; fit for a metrics label."""

    RATE = "rate", _("超过对方的频率上限")
    NETWORK = "network", _("连不上对方")
    SERVER = "server", _("对方或中间的代理出错")
    BUSY = "busy", _("对方繁忙")
    ANSWER_LOST = "answer_lost", _("请求已发出，没有等到答复")
    WORKER_GONE = "worker_gone", _("发送进程中断")
    CONFIG = "config", _("渠道或凭据失效")
    RECIPIENT = "recipient", _("收件人无效")
    CONTENT = "content", _("内容被拒收")


ADVICE: dict[str, str | Promise] = {
    Cause.RATE: _("到时自动继续；若经常出现，请合并消息、增加机器人，或提高渠道的每分钟上限。"),
    Cause.NETWORK: _("自动重试；若持续，请检查本机的网络、DNS、代理与防火墙。"),
    Cause.SERVER: _("自动重试；若持续，请看答复是否来自代理或登录页。"),
    Cause.BUSY: _("自动重试，无需处理。"),
    Cause.ANSWER_LOST: _("可能已送达：请到群里看一眼，再决定重发或标记。"),
    Cause.WORKER_GONE: _("已自动续发并标为可能重复；若常见，请看进程为何被终止。"),
    Cause.CONFIG: _("请按说明修好 key、应用或权限，再在渠道页点“已修复”；暂缓的消息会自动继续。"),
    Cause.RECIPIENT: _("请核对通讯录与应用可见范围，再重发。"),
    Cause.CONTENT: _("请改模板或内容，再重发。"),
}
"""What a person does about a cause."""

_RECIPIENT_CODES = frozenset({40003, 60111, 60021, 46004, 81013, 82001, 60011, 50002, 40031, 40032})
"""Answers of WeCom that name the recipient as the trouble (WeCom error code page, 90313)."""


def cause_of(
    outcome: str, *, http_status: int | None, errcode: int | None, was_answered: bool = True
) -> Cause | None:
    """Return why a try failed; None for one that did not, or that is still under way.

    `was_answered` is false for an attempt whose end was never written: its process died.
    """
    if outcome in ("", Decision.SENT.value):
        return None
    if outcome == Decision.WAIT.value:
        return Cause.RATE
    if outcome == Decision.UNCERTAIN.value:
        return Cause.ANSWER_LOST if was_answered else Cause.WORKER_GONE
    if outcome == Decision.CHANNEL_DEAD.value:
        return Cause.CONFIG
    if outcome == Decision.DEAD.value:
        return Cause.RECIPIENT if errcode in _RECIPIENT_CODES else Cause.CONTENT
    if errcode:
        return Cause.BUSY
    return Cause.NETWORK if http_status is None else Cause.SERVER


REASON_ADVICE: dict[str, str | Promise] = {
    Reason.NO_ROBOT: _("设置该群的机器人 key，再重发。"),
    Reason.NO_DRIVER: _("换一个已接入的渠道。"),
    Reason.CHANNEL_DISABLED: _("启用渠道后自动继续。"),
    Reason.CHANNEL_DEAD: _("修好渠道，再点“已修复”。"),
    Reason.DUPLICATE: _("同一事件已经发过，无需处理。"),
    Reason.RATE: _("到时自动继续；若经常出现，请合并消息或增加机器人。"),
    Reason.GATHERING: _("几秒后自动发送，无需处理。"),
    Reason.PART_BEFORE: _("前一段发出后自动发送，无需处理。"),
    Reason.TRANSIENT: _("自动重试，无需处理。"),
    Reason.RETRIES_USED: _("看最后一次答复；对方恢复后重发。"),
    Reason.REFUSED: _("看最后一次答复：改模板或内容，再重发。"),
    Reason.TOO_LONG: _("缩短模板，或让渠道把超长内容分条，再重发。"),
    Reason.BAD_TEMPLATE: _("改好模板（编辑页会预览），再重发：会按新模板重新生成。"),
    Reason.RECIPIENT: _("核对收件人与应用可见范围，再重发。"),
    Reason.ANSWER_LOST: _("到群里看一眼：没有就重发，有就不用管。"),
    Reason.LEASE_EXPIRED: _("已自动续发，可能重复。"),
    Reason.MERGED: _("看合并后的那一条。"),
    Reason.EXPIRED: _("时限内没能发出：先看渠道为何不通，再决定是否重发。"),
    Reason.FLOODED: _("看来源为何发得这么多；确有需要再重发。"),
    Reason.CONTENT: _("内容规则拦下了它：改内容或规则，再重发。"),
    Reason.QUIET: _("免打扰时段过后自动发送。"),
    Reason.MUTED: _("收件人自己关闭了这类消息。"),
    Reason.SILENCED: _("有人设了静默；静默结束后报警仍未受理时会告知。"),
    Reason.INHIBITED: _("起因的报警关闭后，此报警仍未受理时会告知。"),
    Reason.FAILED_OVER: _("已由后备渠道发送，无需处理。"),
    Reason.BY_PERSON: _("有人处理过，见经过。"),
}
"""What a person does about a message that stands where it stands; every reason has its line."""
