"""What is set for alarms: how each source closes and to whom it is told, silences, inhibitions."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.people import name_of
from alarms import matching
from notifications import sources


class Closing(models.TextChoices):
    """How the alarms of a source are closed."""

    RECOVERY = "recovery", _("恢复时自动关闭")
    QUIET = "quiet", _("恢复时，或多日未再发生时自动关闭")
    BY_HAND = "by_hand", _("只能人工关闭")


class SourceRule(models.Model):
    """What holds for the alarms of one source: how they close, and to which group they are told.

    Of the rules that match, the one with the most letters holds; without any, an alarm closes on
    recovery. People can always close by hand.
    """

    source = models.CharField(
        _("来源"), max_length=80, unique=True, help_text=_("如 quality.IQC；* 代表任意文字")
    )
    closing = models.CharField(_("关闭方式"), max_length=10, choices=Closing, default=Closing.RECOVERY)
    quiet_days = models.PositiveSmallIntegerField(
        _("多少天未再发生后关闭"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    group = models.CharField(
        _("告知的组"), max_length=40, blank=True, help_text=_("没有路由匹配时发往的群机器人，如 IQC、ENERGY")
    )
    policy = models.ForeignKey(
        "alarms.EscalationPolicy",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="sources",
        verbose_name=_("升级策略"),
    )
    note = models.CharField(_("说明"), max_length=255, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("来源设定")
        ordering = ["source"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(closing="quiet", quiet_days__gte=1)
                | (~models.Q(closing="quiet") & models.Q(quiet_days=None)),
                name="alarms_quiet_days_where_needed",
                violation_error_message=_("“多日未再发生时关闭”要填天数，其他方式不填。"),
            )
        ]

    def __str__(self) -> str:
        return self.source_label

    @property
    def source_label(self) -> str:
        """Return what people call the source; a pattern that nobody named is shown as it is."""
        return sources.label_of(self.source)


class SilenceQuerySet(models.QuerySet):
    def active(self, at: object) -> SilenceQuerySet:
        return self.filter(starts_at__lte=at, ends_at__gt=at)


class Silence(models.Model):
    """For a time, people are not told of the alarms that match; the alarms exist and count."""

    matchers = models.TextField(
        _("匹配条件"),
        validators=[matching.validate],
        help_text=_(
            "每行一条，全部满足才匹配：source^=energy、supplier!=某公司、key^=quality.IQC.12.（以此开头）"
        ),
    )
    starts_at = models.DateTimeField(_("开始"))
    ends_at = models.DateTimeField(_("结束"), db_index=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="silences",
        verbose_name=_("设定人"),
    )
    reason = models.CharField(_("原因"), max_length=255)
    created_at = models.DateTimeField(_("设定时间"))
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("提前结束"),
    )

    objects = SilenceQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = _("静默")
        ordering = ["-ends_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gte=models.F("starts_at")),
                name="alarms_silence_ends_after_it_starts",
                violation_error_message=_("结束时间要晚于开始时间。"),
            )
        ]

    def __str__(self) -> str:
        return f"{' · '.join(self.matchers.split())} → {self.reason}"

    def get_absolute_url(self) -> str:
        return f"{reverse('alarms:silences')}#silence-{self.pk}"

    @property
    def who(self) -> str:
        """Return the name of whoever set it."""
        return name_of(self.author)


class InhibitionRule(models.Model):
    """While an alarm that matches the one side is open, people are not told of the other side.

    Only where both have the same values of the labels named: a dead gateway's alarm inhibits its
    own meters, not those of another gateway.
    """

    name = models.CharField(_("名称"), max_length=80, unique=True)
    is_active = models.BooleanField(_("启用"), default=True)
    source_matchers = models.TextField(
        _("起因报警"), validators=[matching.validate], help_text=_("每行一条，如 kind=gateway_offline")
    )
    target_matchers = models.TextField(
        _("被抑制的报警"), validators=[matching.validate], help_text=_("每行一条，如 kind=meter_silent")
    )
    equal_labels = models.CharField(
        _("相同的标签"), max_length=160, blank=True, help_text=_("用逗号分开，如 gateway；空白：不要求")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("抑制规则")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def equal(self) -> tuple[str, ...]:
        """Return the labels whose values must be the same."""
        return tuple(
            name for name in self.equal_labels.replace("，", ",").replace(" ", "").split(",") if name
        )
