"""The words of this room, and which of them may follow which."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.IntegerChoices):
    """`sp_status` of an approval's detail (developer.work.weixin.qq.com/document/path/91983)."""

    IN_REVIEW = 1, _("审批中")
    GRANTED = 2, _("已通过")
    REFUSED = 3, _("已驳回")
    WITHDRAWN = 4, _("已撤销")
    WITHDRAWN_AFTER_GRANT = 6, _("通过后撤销")
    DELETED = 7, _("已删除")
    PAID = 10, _("已支付")


STATUS_TONES = {
    Status.IN_REVIEW: "amber",
    Status.GRANTED: "green",
    Status.REFUSED: "red",
    Status.WITHDRAWN: "grey",
    Status.WITHDRAWN_AFTER_GRANT: "red",
    Status.DELETED: "grey",
    Status.PAID: "green",
}

MAY_FOLLOW: dict[int, frozenset[int]] = {
    Status.IN_REVIEW: frozenset(
        {Status.GRANTED, Status.REFUSED, Status.WITHDRAWN, Status.WITHDRAWN_AFTER_GRANT}
        | {Status.DELETED, Status.PAID}
    ),
    Status.GRANTED: frozenset({Status.WITHDRAWN_AFTER_GRANT, Status.DELETED, Status.PAID}),
    Status.PAID: frozenset({Status.WITHDRAWN_AFTER_GRANT, Status.DELETED}),
    Status.REFUSED: frozenset({Status.DELETED}),
    Status.WITHDRAWN: frozenset({Status.DELETED}),
    Status.WITHDRAWN_AFTER_GRANT: frozenset({Status.DELETED}),
    Status.DELETED: frozenset(),
}
"""What an approval can become. Anything else is an answer from before, and is not believed."""


class EventState(models.TextChoices):
    """What has become of an event."""

    WAITING = "waiting", _("待处理")
    DONE = "done", _("已处理")
    IGNORED = "ignored", _("无需处理")
    DEAD = "dead", _("需人工处理")


EVENT_TONES = {
    EventState.WAITING: "amber",
    EventState.DONE: "green",
    EventState.IGNORED: "grey",
    EventState.DEAD: "red",
}


class FileState(models.TextChoices):
    """What has become of a file in a form."""

    WAITING = "waiting", _("待下载")
    STORED = "stored", _("已保存")
    DEAD = "dead", _("无法下载")


FILE_TONES = {FileState.WAITING: "amber", FileState.STORED: "green", FileState.DEAD: "red"}


class StartState(models.TextChoices):
    """What has become of an approval that was started from here."""

    WAITING = "waiting", _("待提交")
    SENDING = "sending", _("提交中")
    STARTED = "started", _("已提交")
    UNCERTAIN = "uncertain", _("结果不明")
    DEAD = "dead", _("提交失败")
    GIVEN_UP = "given_up", _("已放弃")


START_TONES = {
    StartState.WAITING: "amber",
    StartState.SENDING: "amber",
    StartState.STARTED: "green",
    StartState.UNCERTAIN: "amber",
    StartState.DEAD: "red",
    StartState.GIVEN_UP: "grey",
}
