"""The words of energy: short ASCII values, Chinese labels, and the tone a badge takes."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class DeviceKind(models.TextChoices):
    METER = "meter", _("计量表")
    VIRTUAL = "virtual", _("虚拟表（由其他表合成）")


class DeviceStatus(models.TextChoices):
    """Whether a device is used; what a person says of it."""

    IN_USE = "in_use", _("在用")
    STANDBY = "standby", _("备用")
    RETIRED = "retired", _("停用")


DEVICE_STATUS_TONES = {
    DeviceStatus.IN_USE: "green",
    DeviceStatus.STANDBY: "blue",
    DeviceStatus.RETIRED: "grey",
}


class Connection(models.TextChoices):
    """Whether readings arrive; what the system sees of a device."""

    UNKNOWN = "unknown", _("尚无读数")
    ONLINE = "online", _("在线")
    SILENT = "silent", _("无数据")


CONNECTION_TONES = {Connection.UNKNOWN: "grey", Connection.ONLINE: "green", Connection.SILENT: "red"}


class ReadingKind(models.TextChoices):
    """What a device sends."""

    REGISTER = "register", _("累计读数")
    INTERVAL = "interval", _("区间用量")


class Label(models.TextChoices):
    """What the time beside a value means.

    `END_OF_DAY` is the habit of many exports: the last interval of a day is written as 00:00 of
    the same day instead of the next.
    """

    END = "end", _("区间结束时刻")
    START = "start", _("区间开始时刻")
    END_OF_DAY = "end_of_day", _("区间结束时刻，24:00 写作当日 0:00")


class FactorKind(models.TextChoices):
    """What a conversion factor leads to, for one unit of the energy type."""

    TCE_CALORIFIC = "tce_calorific", _("折标煤（当量值），kgce")
    TCE_EQUIVALENT = "tce_equivalent", _("折标煤（等价值），kgce")
    CO2 = "co2", _("二氧化碳排放，kg")


class Way(models.TextChoices):
    """How readings came in."""

    FILE = "file", _("文件")
    API = "api", _("接口")
    MANUAL = "manual", _("人工抄表")
    MQTT = "mqtt", "MQTT"


class Band(models.TextChoices):
    """The parts of a day that a tariff tells apart, dearest first."""

    SHARP = "sharp", _("尖")
    PEAK = "peak", _("峰")
    FLAT = "flat", _("平")
    VALLEY = "valley", _("谷")
    DEEP = "deep", _("深谷")


class DayClass(models.TextChoices):
    """The days on which a part of a tariff holds."""

    ALL = "all", _("每天")
    WORKDAY = "workday", _("工作日")
    REST = "rest", _("休息日和节假日")


class DemandBasis(models.TextChoices):
    """What the capacity charge of a month is taken from."""

    NONE = "none", _("不收")
    MAXIMUM = "maximum", _("最大需量（15 分钟平均功率）")
    CAPACITY = "capacity", _("变压器容量")


class DayKind(models.TextChoices):
    """A day that is not what its weekday says."""

    HOLIDAY = "holiday", _("休息")
    WORKDAY = "workday", _("上班")


class Basis(models.TextChoices):
    """What the use of a group is set against."""

    AREA = "area", _("面积（m²）")
    HEADS = "heads", _("人数")


class QuotaPeriod(models.TextChoices):
    MONTHLY = "monthly", _("月度")
    QUARTERLY = "quarterly", _("季度")
    YEARLY = "yearly", _("年度")


class QuotaStatus(models.TextChoices):
    """How a quota stands; the values of `energy.metering.Level`."""

    NO_DATA = "no_data", _("无数据")
    NORMAL = "normal", _("正常")
    WARNING = "warning", _("预警")
    ALERT = "alert", _("告警")
    EXCEEDED = "exceeded", _("超额")


QUOTA_STATUS_TONES = {
    QuotaStatus.NO_DATA: "grey",
    QuotaStatus.NORMAL: "green",
    QuotaStatus.WARNING: "amber",
    QuotaStatus.ALERT: "red",
    QuotaStatus.EXCEEDED: "red",
}


class RunTrigger(models.TextChoices):
    """What made the quotas be evaluated."""

    SCHEDULE = "schedule", _("定时")
    DATA = "data", _("新数据")
    COMMAND = "command", _("命令")
    PERSON = "person", _("人工")


class RunOutcome(models.TextChoices):
    RUNNING = "running", _("进行中")
    DONE = "done", _("完成")
    PARTLY = "partly", _("部分出错")
    FAILED = "failed", _("失败")


RUN_OUTCOME_TONES = {
    RunOutcome.RUNNING: "blue",
    RunOutcome.DONE: "green",
    RunOutcome.PARTLY: "amber",
    RunOutcome.FAILED: "red",
}
