"""Charging of electric vehicles: the orders of the charging stations."""

from __future__ import annotations

from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from energy.choices import DeviceKind
from energy.models.structure import Device


class ChargingState(models.TextChoices):
    CHARGING = "charging", _("充电中")
    COMPLETED = "completed", _("已完成")


CHARGING_TONES = {ChargingState.CHARGING: "blue", ChargingState.COMPLETED: "green"}


class ChargingOrderQuerySet(models.QuerySet["ChargingOrder"]):
    def completed(self) -> Self:
        """Keep the orders whose energy is known."""
        return self.filter(state=ChargingState.COMPLETED)


class ChargingOrder(models.Model):
    """One vehicle at one plug, from plugging in to the bill; known by the number of the charging system."""

    order_number = models.CharField(_("订单号"), max_length=60, unique=True)
    station = models.CharField(_("充电站"), max_length=80, db_index=True)
    plug = models.CharField(_("充电枪"), max_length=40)
    state = models.CharField(_("状态"), max_length=10, choices=ChargingState, default=ChargingState.CHARGING)
    started_at = models.DateTimeField(_("开始时间"), db_index=True)
    ended_at = models.DateTimeField(_("结束时间"), null=True, blank=True, db_index=True)
    energy_kwh = models.DecimalField(
        _("电量（kWh）"),
        max_digits=12,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    price = models.DecimalField(
        _("金额（元）"),
        max_digits=12,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    received_at = models.DateTimeField(_("接收时间"))

    objects: ClassVar[ChargingOrderQuerySet] = ChargingOrderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = verbose_name_plural = _("充电订单")
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="charging") | Q(ended_at__isnull=False, energy_kwh__isnull=False),
                name="energy_charging_complete",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="energy_charging_times",
            ),
        ]

    def __str__(self) -> str:
        return self.order_number


class ChargingStation(models.Model):
    """The meter in front of a station, which shows what the station took for what it gave."""

    name = models.CharField(_("充电站"), max_length=80, unique=True, help_text=_("与订单里的名称一字不差"))
    device = models.ForeignKey(
        Device, on_delete=models.CASCADE, related_name="charging_stations", verbose_name=_("供电电表")
    )

    class Meta:
        verbose_name = verbose_name_plural = _("充电站电表")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.device_id and (
            self.device.kind != DeviceKind.METER or self.device.energy_type.unit.lower() != "kwh"
        ):
            raise ValidationError({"device": _("须是一块以 kWh 计的实体表")})
