"""The words of delivery: channels, states, reasons, with the tone a badge takes."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class ChannelCode(models.TextChoices):
    """The channels that ship, by name; which there are is what `channel_choices` finds registered."""

    WECHAT_BOT = "wechat_bot", _("企业微信群机器人")
    WECHAT_API = "wechat_api", _("企业微信应用消息")
    EMAIL = "email", _("电子邮件")
    SMS = "sms", _("短信")


class Severity(models.TextChoices):
    """How grave an event is; the room of the alarms uses the same words."""

    INFO = "info", _("提示")
    WARNING = "warning", _("预警")
    CRITICAL = "critical", _("严重")


SEVERITY_TONES = {Severity.INFO: "blue", Severity.WARNING: "amber", Severity.CRITICAL: "red"}


def channel_choices() -> list[tuple[str, str | Promise]]:
    """Return the connected channels for fields and forms: adding a channel needs no migration."""
    from notifications import channels

    drivers = (channels.driver_for(code) for code in channels.registered())
    return [(driver.code, driver.label) for driver in drivers if driver is not None]


def channel_names() -> dict[str, str]:
    """Return what people call each channel, also one whose driver is not connected."""
    return {code: str(name) for code, name in [*ChannelCode.choices, *channel_choices()]}


class Style(models.TextChoices):
    """How a channel writes: with WeCom's marks, or as the text that remains without them.

    A card is for messages that have a button, on the channel that has cards; all others are Markdown.
    """

    MARKDOWN = "markdown", "Markdown"
    PLAIN = "plain", _("纯文本")
    CARD = "card", _("按钮卡片")


class Overflow(models.TextChoices):
    """What becomes of a text that is longer than its channel takes."""

    SPLIT = "split", _("分成几条")
    FILE = "file", _("摘要加文件")


class CodeState(models.TextChoices):
    """What a code that can change a card is used for."""

    KEPT = "kept", _("留用")
    DUE = "due", _("待更新")
    DONE = "done", _("已更新")
    SPARED = "spared", _("已有更新的内容")
    DEAD = "dead", _("未能更新")


class VariableType(models.TextChoices):
    """What a variable of a template holds; decides how its value is written."""

    TEXT = "text", _("文本")
    NUMBER = "number", _("数")
    TIME = "time", _("时间")
    LINK = "link", _("网址")
    LINES = "lines", _("多行")
    USERID = "userid", _("提到的人（userid）")


class State(models.TextChoices):
    """Where a message stands; the allowed transitions are in `notifications.policy`."""

    PENDING = "pending", _("待发送")
    SENDING = "sending", _("发送中")
    SENT = "sent", _("已送达")
    HELD = "held", _("暂缓")
    MERGED = "merged", _("已合并")
    SUPPRESSED = "suppressed", _("未发送")
    UNCERTAIN = "uncertain", _("不确定")
    DEAD = "dead", _("死信")
    CANCELLED = "cancelled", _("已取消")


STATE_TONES = {
    State.PENDING: "blue",
    State.SENDING: "blue",
    State.SENT: "green",
    State.HELD: "amber",
    State.MERGED: "grey",
    State.SUPPRESSED: "grey",
    State.UNCERTAIN: "amber",
    State.DEAD: "red",
    State.CANCELLED: "grey",
}


class Reason(models.TextChoices):
    """Why a message stands where it stands: a closed list, in words for people."""

    NONE = "", ""
    NO_ROBOT = "no_robot", _("没有可用的机器人或账号")
    NO_DRIVER = "no_driver", _("此渠道尚未接入")
    CHANNEL_DISABLED = "channel_disabled", _("渠道已停用")
    CHANNEL_DEAD = "channel_dead", _("渠道故障，修复后自动续发")
    DUPLICATE = "duplicate", _("同一事件已有消息")
    RATE = "rate", _("达到发送频率上限，等待时段")
    GATHERING = "gathering", _("稍候几秒，与同一目标的其他消息合并")
    PART_BEFORE = "part_before", _("等待前一段先发出")
    TRANSIENT = "transient", _("暂时失败，将重试")
    RETRIES_USED = "retries_used", _("重试次数用尽")
    REFUSED = "refused", _("对方拒收")
    TOO_LONG = "too_long", _("内容超长")
    BAD_TEMPLATE = "bad_template", _("模板有误")
    RECIPIENT = "recipient", _("收件人无效")
    ANSWER_LOST = "answer_lost", _("请求已发出但没有得到答复，可能已送达")
    LEASE_EXPIRED = "lease_expired", _("发送中的进程中断，可能已送达")
    MERGED = "merged", _("并入合并消息")
    EXPIRED = "expired", _("已过时限")
    FLOODED = "flooded", _("短时间内过多，已限制")
    CONTENT = "content", _("内容规则拦截")
    QUIET = "quiet", _("免打扰时段")
    MUTED = "muted", _("收件人不接收此类消息")
    SILENCED = "silenced", _("报警已静默")
    INHIBITED = "inhibited", _("报警被另一条报警抑制")
    FAILED_OVER = "failed_over", _("改由后备渠道发送")
    BY_PERSON = "by_person", _("人工处理")


class Verb(models.TextChoices):
    """What was done: a closed list, so that it can be filtered."""

    ADDED = "added", _("新增")
    CHANGED = "changed", _("修改")
    REMOVED = "removed", _("删除")
    RESENT = "resent", _("重发")
    CANCELLED = "cancelled", _("取消发送")
    MENDED = "mended", _("恢复使用")
    TESTED = "tested", _("测试发送")
    SHOWN = "shown", _("查看密钥（掩码）")
    RESTORED = "restored", _("恢复默认")
    LOADED = "loaded", _("载入配置文件")
    ROTATED = "rotated", _("轮换密钥")
    CLEANED = "cleaned", _("清理旧记录")


VERB_TONES = {
    Verb.ADDED: "green",
    Verb.CHANGED: "blue",
    Verb.REMOVED: "red",
    Verb.RESENT: "amber",
    Verb.CANCELLED: "amber",
    Verb.MENDED: "green",
    Verb.TESTED: "blue",
    Verb.SHOWN: "grey",
    Verb.RESTORED: "blue",
    Verb.LOADED: "blue",
    Verb.ROTATED: "amber",
    Verb.CLEANED: "grey",
}


class RuleKind(models.TextChoices):
    """What becomes of a text in which a rule finds something."""

    MASK = "mask", _("掩去所找到的")
    BLOCK = "block", _("拦截整条消息")
    WARN = "warn", _("照发并记录")


RULE_TONES = {RuleKind.MASK: "blue", RuleKind.BLOCK: "red", RuleKind.WARN: "amber"}


class Checksum(models.TextChoices):
    """A sum that what was found must fulfil, so that a lot number is not taken for a card."""

    NONE = "", _("不校验")
    ID_CARD = "id_card", _("身份证校验码（GB 11643）")
    LUHN = "luhn", _("银行卡校验位（Luhn）")
