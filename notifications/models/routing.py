"""Who gets what: ordered routes with their steps, and the people that they name."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications import routing, safety
from notifications import variables as declarations
from notifications.choices import ChannelCode, Severity, channel_choices


class Recipient(models.Model):
    """A person who is told things: how they are reached, and what they want to be spared.

    Blank addresses, and a blank language, are those of the linked user. `channels` is the
    preferred order; `muted` holds patterns of event names; messages of priority up to
    `breaks_through` come also in quiet hours.
    """

    name = models.CharField(_("姓名"), max_length=80)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="recipient",
        verbose_name=_("用户"),
    )
    wecom_userid = models.CharField(
        _("企业微信 userid"), max_length=64, blank=True, help_text=_("空白：用户资料里的 userid")
    )
    email = models.EmailField(_("邮箱"), blank=True, help_text=_("空白：用户资料里的邮箱"))
    phone = models.CharField(_("手机"), max_length=32, blank=True)
    language = models.CharField(_("语言"), max_length=10, choices=settings.LANGUAGES, blank=True)
    quiet_from = models.TimeField(_("免打扰从"), null=True, blank=True)
    quiet_until = models.TimeField(_("免打扰至"), null=True, blank=True)
    breaks_through = models.PositiveSmallIntegerField(
        _("免打扰时仍发送"),
        default=1,
        validators=[MaxValueValidator(5)],
        help_text=_("此优先级及更紧急的消息不等待；1 最紧急，0 表示全部等待"),
    )
    muted = models.JSONField(_("不接收的事件"), default=list, blank=True)
    channels = models.JSONField(_("渠道顺序"), default=list, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)

    PRIVATE = frozenset({"phone"})
    """What the audit tells only by its last characters."""

    class Meta:
        verbose_name = verbose_name_plural = _("收件人")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quiet_from=None, quiet_until=None)
                | models.Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="notifications_quiet_hours_whole",
                violation_error_message=_("免打扰的起止时间要么都填，要么都不填。"),
            ),
            models.CheckConstraint(
                condition=models.Q(breaks_through__lte=5), name="notifications_breaks_through"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def address(self, channel: str) -> str:
        """Return where a channel reaches this person; blank where it does not."""
        if channel == ChannelCode.WECHAT_API:
            profile = getattr(self.user, "profile", None)
            return self.wecom_userid or (profile.wecom_userid if profile else "") or ""
        if channel == ChannelCode.EMAIL:
            return self.email or (self.user.email if self.user else "")
        return self.phone if channel == ChannelCode.SMS else ""

    def ways(self) -> tuple[routing.Way, ...]:
        """Return the ways to this person in the preferred order.

        Where no preferred channel has an address, any that has one serves: nothing is lost.
        """
        reach = {
            code: routing.Way(code, address)
            for code in routing.PERSONAL_CHANNELS
            if (address := self.address(code))
        }
        preferred = tuple(reach[code] for code in self.channels if code in reach)
        return preferred or tuple(reach.values())

    def as_person(self) -> routing.Person:
        """Return what the scheduler needs to know."""
        return routing.Person(
            name=self.name,
            ways=self.ways(),
            language=self.language or getattr(getattr(self.user, "profile", None), "language", ""),
            quiet_from=self.quiet_from,
            quiet_until=self.quiet_until,
            breaks_through=self.breaks_through,
            muted=tuple(self.muted),
            is_active=self.is_active,
        )


class Route(models.Model):
    """Which events go to whom. Routes are asked in order; blank asks nothing."""

    position = models.PositiveIntegerField(_("顺序"), default=0, db_index=True, editable=False)
    name = models.CharField(_("名称"), max_length=80)
    is_active = models.BooleanField(_("启用"), default=True)
    event = models.CharField(_("事件"), max_length=255, blank=True, help_text=_("如 quality.iqc.*"))
    source = models.CharField(_("来源"), max_length=255, blank=True)
    minimum_severity = models.CharField(_("最低级别"), max_length=8, choices=Severity, blank=True)
    supplier = models.CharField(_("供应商"), max_length=255, blank=True)
    part = models.CharField(_("料号"), max_length=255, blank=True)
    group = models.CharField(_("组"), max_length=255, blank=True, help_text=_("如 IQC、OQC"))
    hour_from = models.TimeField(_("时段从"), null=True, blank=True)
    hour_until = models.TimeField(_("时段至"), null=True, blank=True, help_text=_("可以跨过午夜"))
    weekdays = models.CharField(_("星期"), max_length=7, blank=True)
    goes_on = models.BooleanField(
        _("继续下一条"), default=False, help_text=_("匹配后仍看后面的路由；否则到此为止")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("路由")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hour_from=None, hour_until=None)
                | models.Q(hour_from__isnull=False, hour_until__isnull=False),
                name="notifications_route_hours_whole",
                violation_error_message=_("时段的起止要么都填，要么都不填。"),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def as_rule(self) -> routing.Rule:
        """Return what the route asks of an event."""
        return routing.Rule(
            event=self.event,
            source=self.source,
            supplier=self.supplier,
            part=self.part,
            group=self.group,
            minimum_severity=self.minimum_severity,
            hour_from=self.hour_from,
            hour_until=self.hour_until,
            weekdays=self.weekdays,
            goes_on=self.goes_on,
        )


class RouteStep(models.Model):
    """One line of a route: a channel with a target, or a recipient.

    A reserve serves where the line before it cannot be reached or is late; every other line is
    a message of its own.
    """

    route = models.ForeignKey(Route, on_delete=models.CASCADE, related_name="steps", verbose_name=_("路由"))
    position = models.PositiveSmallIntegerField(_("次序"), default=0)
    recipient = models.ForeignKey(
        Recipient, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("收件人")
    )
    channel = models.CharField(_("渠道"), max_length=16, choices=channel_choices, blank=True)
    target = models.CharField(_("目标"), max_length=255, blank=True)
    is_reserve = models.BooleanField(
        _("后备"), default=False, help_text=_("仅当上一行发不出或太迟时才用；不勾选则另发一条")
    )
    mentions = models.CharField(
        _("@ 提醒"), max_length=255, blank=True, help_text=_("企业微信 userid，用逗号分开")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("去向")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(recipient__isnull=False, channel="", target="")
                | (models.Q(recipient=None) & ~models.Q(channel="") & ~models.Q(target="")),
                name="notifications_step_person_or_way",
                violation_error_message=_("请选收件人，或者填渠道和目标，二者取一。"),
            ),
        ]

    def __str__(self) -> str:
        return str(self.recipient) if self.recipient else f"{self.get_channel_display()} {self.target}"

    def as_step(self) -> routing.Step:
        """Return what the scheduler needs to know."""
        return routing.Step(
            way=routing.Way(self.channel, self.target) if self.recipient is None else None,
            person=self.recipient.as_person() if self.recipient else None,
            is_reserve=self.is_reserve,
            mentions=tuple(declarations.userids(self.mentions)),
        )


class Flood(models.Model):
    """One firing of the rule against flooding: how many messages of one source to one target
    were withheld in one minute, and the message that told it."""

    source = models.CharField(_("来源"), max_length=64, blank=True)
    channel = models.CharField(_("渠道"), max_length=16, choices=channel_choices)
    target = models.CharField(_("目标"), max_length=255)
    minute = models.DateTimeField(_("时间"), db_index=True)
    withheld = models.PositiveIntegerField(_("未发送"))
    told_by = models.CharField(_("告知消息"), max_length=64, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("限流记录")
        ordering = ["-minute", "-withheld"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "channel", "target", "minute"], name="notifications_one_flood_per_minute"
            )
        ]

    def __str__(self) -> str:
        return f"{self.source or '—'} → {safety.mask_contacts(self.target)}"
