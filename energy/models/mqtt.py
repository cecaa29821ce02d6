"""Readings over MQTT: which topics are read and how, what could not be read, and how the bridge is."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from energy.choices import ReadingKind
from energy.models.structure import Device
from energy.mqtt import payloads
from energy.mqtt.payloads import Layout
from spc_site.errors import AppError

_PATHS = ("meter_path", "items_path", "value_path", "time_path")


class MqttTopic(models.Model):
    """Topics of one kind, and how a reading is found in their messages.

    Several rows may read the same message, each another value of it.
    """

    topic = models.CharField(
        pgettext_lazy("MQTT", "主题"),
        max_length=250,
        help_text=_("+ 代表任意一级，# 代表其后的所有级，如 plant/+/energy"),
    )
    device = models.ForeignKey(
        Device,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="mqtt_topics",
        verbose_name=_("计量设备"),
        help_text=_("主题下只有一块表时"),
    )
    meter_pattern = models.CharField(
        _("表号由主题拼成"), max_length=120, blank=True, help_text=_("{1} 为主题的第一级，如 {2} 或 E-{2}")
    )
    meter_path = models.CharField(
        _("表号的路径"), max_length=200, blank=True, help_text=_("表号写在 JSON 里时，如 meter.code")
    )
    items_path = models.CharField(
        _("列表的路径"),
        max_length=200,
        blank=True,
        help_text=_("一个报文里有多块表时；其余路径从列表的每一项算起"),
    )
    value_path = models.CharField(
        _("数值的路径"),
        max_length=200,
        blank=True,
        help_text=_("如 data.total 或 values[0].v；空：报文就是一个数值"),
    )
    time_path = models.CharField(
        _("时刻的路径"),
        max_length=200,
        blank=True,
        help_text=_("ISO 8601，或 1970 年以来的秒数或毫秒数；空：以到达的时刻为准"),
    )
    scale = models.DecimalField(
        _("乘以"),
        max_digits=18,
        decimal_places=9,
        default=Decimal(1),
        validators=[MinValueValidator(Decimal("0.000000001"))],
        help_text=_("把数值换成表的单位，如 Wh 换 kWh 为 0.001；互感器倍率在表上设置，不在这里"),
    )
    decimals = models.PositiveSmallIntegerField(
        _("保留小数"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(9)],
        help_text=_("网关以浮点数上送、尾数不准时填表的小数位数；空：不舍入"),
    )
    note = models.CharField(_("备注"), max_length=200, blank=True)
    is_active = models.BooleanField(_("启用"), default=True)
    messages = models.PositiveBigIntegerField(_("报文"), default=0, editable=False)
    last_message_at = models.DateTimeField(_("最近报文"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("创建时间"), auto_now_add=True)

    class Meta:
        verbose_name = verbose_name_plural = _("MQTT 主题")
        ordering = ["topic", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(scale__gt=0), name="energy_mqtt_scale"),
            models.CheckConstraint(
                condition=Q(device__isnull=False, meter_pattern="", meter_path="")
                | (Q(device__isnull=True) & ~Q(meter_pattern="") & Q(meter_path=""))
                | (Q(device__isnull=True, meter_pattern="") & ~Q(meter_path="")),
                name="energy_mqtt_one_meter",
            ),
            models.CheckConstraint(
                condition=~Q(value_path="") | Q(meter_path="", items_path="", time_path=""),
                name="energy_mqtt_paths_need_a_value",
            ),
        ]

    def __str__(self) -> str:
        return self.topic

    @property
    def layout(self) -> Layout:
        """Return how its messages are read. Needs the device."""
        return Layout(
            meter=self.device.code if self.device else "",
            meter_pattern=self.meter_pattern,
            meter_path=self.meter_path,
            items_path=self.items_path,
            value_path=self.value_path,
            time_path=self.time_path,
            scale=self.scale,
            decimals=self.decimals,
        )

    def clean(self) -> None:
        errors: dict[str, str] = {}
        try:
            payloads.check_filter(self.topic)
            if self.meter_pattern:
                payloads.check_pattern(self.meter_pattern, self.topic)
        except AppError as refusal:
            errors["topic" if refusal.code == "bad_filter" else "meter_pattern"] = refusal.message
        for name in _PATHS:
            try:
                if path := getattr(self, name):
                    payloads.parse_path(path)
            except AppError as refusal:
                errors[name] = refusal.message
            if path and not self.value_path:
                errors["value_path"] = str(_("报文是 JSON，请填写数值的路径"))
        if sum(map(bool, (self.device_id, self.meter_pattern, self.meter_path))) != 1:
            errors["device"] = str(_("计量设备、由主题拼成、表号的路径，三者填且只填一个"))
        elif self.device and self.device.reading_kind == ReadingKind.INTERVAL and not self.time_path:
            errors["time_path"] = str(_("这块表上送区间用量：没有时刻就分不清重发，请填写时刻的路径"))
        if errors:
            raise ValidationError(errors)


class MqttProblem(models.Model):
    """What could not be taken from a topic, once for each reason, with the latest example."""

    MOST = 500
    """So many are kept: of a flood of strange topics the latest are enough."""

    topic = models.CharField(pgettext_lazy("MQTT", "主题"), max_length=250)
    code = models.CharField(_("原因代码"), max_length=30)
    reason = models.CharField(_("原因与办法"), max_length=300)
    meter = models.CharField(_("表号"), max_length=60, blank=True)
    payload = models.CharField(_("报文（开头）"), max_length=200, blank=True)
    count = models.PositiveBigIntegerField(_("次数"), default=1)
    first_at = models.DateTimeField(_("首次"))
    last_at = models.DateTimeField(_("最近"), db_index=True)

    class Meta:
        verbose_name = verbose_name_plural = _("MQTT 问题报文")
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["topic", "code"], name="energy_mqtt_problem_once")]

    def __str__(self) -> str:
        return f"{self.topic} {self.code}"


class MqttBridge(models.Model):
    """How a bridge is: one row for each client id, written every few seconds while it runs.

    The counts are since its start. `subscriptions` are those that the broker may still hold.
    """

    FRESH = timedelta(seconds=30)

    client_id = models.CharField(_("客户端标识"), max_length=128, unique=True)
    broker = models.CharField(_("代理"), max_length=255)
    host = models.CharField(_("主机"), max_length=255)
    pid = models.PositiveIntegerField(_("进程号"))
    started_at = models.DateTimeField(_("启动时间"))
    beat_at = models.DateTimeField(_("最近心跳"), db_index=True)
    connected_since = models.DateTimeField(_("连接自"), null=True, blank=True)
    disconnected_since = models.DateTimeField(_("断开自"), null=True, blank=True)
    trouble = models.CharField(_("最近的问题"), max_length=300, blank=True)
    last_message_at = models.DateTimeField(_("最近报文"), null=True, blank=True)
    received = models.PositiveBigIntegerField(_("收到"), default=0)
    taken = models.PositiveBigIntegerField(_("写入读数"), default=0)
    refused = models.PositiveBigIntegerField(_("不能用"), default=0)
    retained = models.PositiveBigIntegerField(_("忽略的保留报文"), default=0)
    spooled = models.PositiveBigIntegerField(_("暂存过的报文"), default=0)
    spool_bytes = models.PositiveBigIntegerField(_("暂存中（字节）"), default=0)
    subscriptions = models.JSONField(_("订阅"), default=list, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = _("MQTT 桥")
        ordering = ["client_id"]

    def __str__(self) -> str:
        return f"{self.client_id} {self.broker}"

    def is_fresh(self, *, now: datetime) -> bool:
        return self.beat_at > now - self.FRESH
