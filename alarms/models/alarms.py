"""Alarms: one open episode per abnormal thing, with its timeline."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.people import HistoryLine
from notifications import sources
from notifications.choices import SEVERITY_TONES, Severity

SEVERITY_ORDER = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class AlarmStatus(models.TextChoices):
    ACTIVE = "active", _("未受理")
    ACKNOWLEDGED = "acknowledged", _("已受理")
    RESOLVED = "resolved", _("已关闭")


class Resolution(models.TextChoices):
    """Why an alarm was closed: a closed list, so that it can be counted."""

    NONE = "", ""
    RECOVERED = "recovered", _("已恢复")
    BY_HAND = "by_hand", _("人工关闭")
    PERIOD_END = "period_end", _("周期结束")
    CORRECTED = "corrected", _("数据已更正")
    SWITCHED_OFF = "switched_off", _("已停用")
    CLOSED_LATE = "closed_late", _("补记：发现时已结束")
    QUIET = "quiet", _("多日未再发生")
    CONCESSION = "concession", _("让步接收")


class Withheld(models.TextChoices):
    """Why people were not told of an alarm; the words of `notifications.choices.Reason`."""

    NO = "", ""
    SILENCED = "silenced", _("已静默")
    INHIBITED = "inhibited", _("已抑制")


STATUS_TONES = {AlarmStatus.ACTIVE: "red", AlarmStatus.ACKNOWLEDGED: "amber", AlarmStatus.RESOLVED: "green"}
OPEN = (AlarmStatus.ACTIVE, AlarmStatus.ACKNOWLEDGED)


def rank_of(severity: str, level: int) -> tuple[int, int]:
    """Return what says which of two alarms is worse."""
    return SEVERITY_ORDER[Severity(severity)], level


class AlarmQuerySet(models.QuerySet):
    def open(self) -> AlarmQuerySet:
        return self.filter(status__in=OPEN)


class Alarm(models.Model):
    """One episode of one abnormal thing.

    `key` says what is abnormal; the database keeps at most one open alarm per key. `subject`
    names the row it speaks of (`quality.IQC.entry:345`), `link` the page that shows it.

    `level` orders what is worse within one severity (a quota: warning, alert, exceeded). It got
    worse last at `active_since`, where waiting for somebody begins anew. `labels` is what
    silences and inhibitions match; alarms of one `group_key` are told in one message, to the
    group of people `group`. `is_told` says that this room tells people, not whoever raised it;
    while a silence or an inhibition keeps them from being told, `withheld` says so and
    `withheld_by` names it. `calmed_at` is when a thing recovered whose alarm people must close.
    """

    key = models.CharField(_("键"), max_length=160)
    source = models.CharField(_("来源"), max_length=40, db_index=True)
    subject = models.CharField(_("对象"), max_length=80, blank=True, db_index=True)
    severity = models.CharField(_("级别"), max_length=8, choices=Severity, default=Severity.WARNING)
    status = models.CharField(
        _("状态"), max_length=12, choices=AlarmStatus, default=AlarmStatus.ACTIVE, db_index=True
    )
    level = models.PositiveSmallIntegerField(_("程度"), default=0)
    level_label = models.CharField(_("程度名称"), max_length=40, blank=True)
    title = models.CharField(_("标题"), max_length=255)
    description = models.TextField(_("说明"), blank=True)
    value = models.CharField(_("数值"), max_length=64, blank=True)
    threshold = models.CharField(_("阈值"), max_length=64, blank=True)
    link = models.CharField(_("链接"), max_length=255, blank=True)
    labels = models.JSONField(_("标签"), default=dict, blank=True)
    group_key = models.CharField(_("归并键"), max_length=160, blank=True, db_index=True)
    group = models.CharField(_("告知的组"), max_length=40, blank=True)
    is_told = models.BooleanField(_("由报警告知"), default=False)
    wording = models.JSONField(_("消息文字"), default=dict, blank=True)
    told_at = models.DateTimeField(_("最近告知"), null=True, blank=True)
    withheld = models.CharField(_("未告知"), max_length=10, choices=Withheld, blank=True, db_index=True)
    withheld_by = models.CharField(_("未告知的依据"), max_length=255, blank=True)
    occurrences = models.PositiveIntegerField(_("发生次数"), default=1)
    triggered_at = models.DateTimeField(_("发生时间"), db_index=True)
    active_since = models.DateTimeField(_("等待受理自"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("最近发生"))
    calmed_at = models.DateTimeField(_("自行恢复"), null=True, blank=True)
    acknowledged_at = models.DateTimeField(_("受理时间"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("关闭时间"), null=True, blank=True)
    resolution = models.CharField(_("关闭方式"), max_length=12, choices=Resolution, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="alarms",
        verbose_name=_("负责人"),
    )
    cause = models.TextField(_("原因"), blank=True)
    action = models.TextField(_("措施"), blank=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("报警")
        ordering = ["-triggered_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=models.Q(status__in=["active", "acknowledged"]),
                name="alarms_one_open_per_key",
            )
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("alarms:alarm", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def where(self) -> str:
        """Return the first line of the description: what a list has room for."""
        return self.description.partition("\n")[0]

    @property
    def leads_to_admin(self) -> bool:
        """Say whether the page that shows it is one of the admin, as of a hook or a channel."""
        return self.link.startswith(reverse("admin:index"))

    @property
    def source_label(self) -> str:
        """Return what people call where it comes from."""
        return sources.label_of(self.source)

    @property
    def rank(self) -> tuple[int, int]:
        """Return how bad it is: by severity, within it by level."""
        return rank_of(self.severity, self.level)

    @property
    def status_tone(self) -> str:
        return STATUS_TONES[AlarmStatus(self.status)]

    @property
    def severity_tone(self) -> str:
        return SEVERITY_TONES[Severity(self.severity)]


class AlarmEvent(HistoryLine):
    """A line of an alarm's timeline; never changed."""

    class Kind(models.TextChoices):
        RAISED = "raised", _("发生")
        REPEATED = "repeated", _("再次发生")
        ESCALATED = "escalated", _("加重")
        ACKNOWLEDGED = "acknowledged", _("受理")
        EXPLAINED = "explained", _("填写原因与措施")
        ASSIGNED = "assigned", _("指派")
        RESOLVED = "resolved", _("关闭")
        CALMED = "calmed", _("自行恢复")
        SILENCED = "silenced", _("静默")
        TOLD = "told", _("告知")
        ORDERED = "ordered", _("工单")
        DECIDED = "decided", _("处置")

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="events", verbose_name=_("报警"))
    kind = models.CharField(_("事件"), max_length=12, choices=Kind)
    note = models.TextField(_("说明"), blank=True)

    class Meta(HistoryLine.Meta):
        verbose_name = verbose_name_plural = _("报警经过")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"

    @property
    def is_worth_reading(self) -> bool:
        """Say whether the note tells more than the alarm's own title does."""
        return bool(self.note) and (bool(self.actor_id) or self.kind not in _OF_ITS_OWN)

    @property
    def tone(self) -> str:
        return _EVENT_TONES.get(AlarmEvent.Kind(self.kind), "blue")


_EVENT_TONES = {
    AlarmEvent.Kind.RAISED: "red",
    AlarmEvent.Kind.REPEATED: "red",
    AlarmEvent.Kind.ESCALATED: "red",
    AlarmEvent.Kind.ACKNOWLEDGED: "amber",
    AlarmEvent.Kind.RESOLVED: "green",
    AlarmEvent.Kind.CALMED: "green",
    AlarmEvent.Kind.SILENCED: "grey",
}
_OF_ITS_OWN = (AlarmEvent.Kind.RAISED, AlarmEvent.Kind.REPEATED)
