"""Alarms: one open episode per abnormal thing, with its timeline."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from notifications.choices import SEVERITY_TONES, Severity

SEVERITY_ORDER = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class AlarmStatus(models.TextChoices):
    ACTIVE = "active", _("未受理")
    ACKNOWLEDGED = "acknowledged", _("已受理")
    RESOLVED = "resolved", _("已关闭")


STATUS_TONES = {AlarmStatus.ACTIVE: "red", AlarmStatus.ACKNOWLEDGED: "amber", AlarmStatus.RESOLVED: "green"}
OPEN = (AlarmStatus.ACTIVE, AlarmStatus.ACKNOWLEDGED)


class AlarmQuerySet(models.QuerySet):
    def open(self) -> AlarmQuerySet:
        return self.filter(status__in=OPEN)


class Alarm(models.Model):
    """One episode of one abnormal thing.

    `key` says what is abnormal; the database keeps at most one open alarm per key. `subject`
    names the row it speaks of (`quality.IQC.entry:345`), `link` the page that shows it.
    """

    key = models.CharField(_("键"), max_length=160)
    source = models.CharField(_("来源"), max_length=40, db_index=True)
    subject = models.CharField(_("对象"), max_length=80, blank=True, db_index=True)
    severity = models.CharField(_("级别"), max_length=8, choices=Severity, default=Severity.WARNING)
    status = models.CharField(
        _("状态"), max_length=12, choices=AlarmStatus, default=AlarmStatus.ACTIVE, db_index=True
    )
    title = models.CharField(_("标题"), max_length=255)
    description = models.TextField(_("说明"), blank=True)
    value = models.CharField(_("数值"), max_length=64, blank=True)
    threshold = models.CharField(_("阈值"), max_length=64, blank=True)
    link = models.CharField(_("链接"), max_length=255, blank=True)
    occurrences = models.PositiveIntegerField(_("发生次数"), default=1)
    triggered_at = models.DateTimeField(_("发生时间"), db_index=True)
    last_seen_at = models.DateTimeField(_("最近发生"))
    acknowledged_at = models.DateTimeField(_("受理时间"), null=True, blank=True)
    resolved_at = models.DateTimeField(_("关闭时间"), null=True, blank=True)
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
    def status_tone(self) -> str:
        return STATUS_TONES[AlarmStatus(self.status)]

    @property
    def severity_tone(self) -> str:
        return SEVERITY_TONES[Severity(self.severity)]


class AlarmEvent(models.Model):
    """A line of an alarm's timeline; never changed."""

    class Kind(models.TextChoices):
        RAISED = "raised", _("发生")
        REPEATED = "repeated", _("再次发生")
        ESCALATED = "escalated", _("升级")
        ACKNOWLEDGED = "acknowledged", _("受理")
        EXPLAINED = "explained", _("填写原因与措施")
        ASSIGNED = "assigned", _("指派")
        RESOLVED = "resolved", _("关闭")

    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="events", verbose_name=_("报警"))
    at = models.DateTimeField(_("时间"))
    kind = models.CharField(_("事件"), max_length=12, choices=Kind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("人员"),
    )
    note = models.TextField(_("说明"), blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("报警经过")
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"

    @property
    def who(self) -> str:
        """Return the name of the person who did it; empty for what happened by itself."""
        return (self.actor.get_full_name() or self.actor.get_username()) if self.actor else ""

    @property
    def tone(self) -> str:
        return _EVENT_TONES.get(AlarmEvent.Kind(self.kind), "blue")


_EVENT_TONES = {
    AlarmEvent.Kind.RAISED: "red",
    AlarmEvent.Kind.REPEATED: "red",
    AlarmEvent.Kind.ESCALATED: "red",
    AlarmEvent.Kind.ACKNOWLEDGED: "amber",
    AlarmEvent.Kind.RESOLVED: "green",
}
