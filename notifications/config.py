"""Settings of notifications: typed and bounded; a row of `NotificationConfig` goes over the default.

`ITEMS` is the one table: what exists, how its text is read, its unit, its range, what it does. The
admin's page, the check of a row and the reader of the YAML form are made from it. A default is the
environment's where a variable exists, else it stands in the table.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

from django.conf import settings
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.models import NotificationConfig
from spc_site import env


class Kind(Protocol):
    """How the text of a setting becomes its value."""

    def read(self, text: str) -> Any:
        """Return the value; raises ValueError when the text is none of this kind."""

    @property
    def range(self) -> str:
        """Say in words for people what is allowed."""


_DIGITS = re.compile(r"[0-9]{1,12}\Z")
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?\Z")


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    low: int
    high: int

    def read(self, text: str) -> int:
        if not _DIGITS.match(text := text.strip()) or not self.low <= (number := int(text)) <= self.high:
            raise ValueError(self.range)
        return number

    @property
    def range(self) -> str:
        return _("%(low)s–%(high)s 的整数") % {"low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Real:
    """A number within bounds."""

    low: float
    high: float

    def read(self, text: str) -> float:
        if not _DECIMAL.match(text := text.strip()) or not self.low <= (number := float(text)) <= self.high:
            raise ValueError(self.range)
        return number

    @property
    def range(self) -> str:
        return _("%(low)s–%(high)s 的数") % {"low": f"{self.low:g}", "high": f"{self.high:g}"}


class Group(models.TextChoices):
    """What a setting is about; the order is that of the admin's page."""

    RETRY = "retry", gettext_lazy("重试")
    QUEUE = "queue", gettext_lazy("队列与合并")
    LIMITS = "limits", gettext_lazy("限流与时限")
    MONITORING = "monitoring", gettext_lazy("监控与报警")
    RETENTION = "retention", gettext_lazy("保存期限")


@dataclass(frozen=True, slots=True)
class Item:
    """One setting: its kind, its default, its meaning and what changing it does.

    `variable` names the environment variable (a Django setting of that name) that gives the
    default; without one the default is `default`.
    """

    key: str
    kind: Kind
    group: Group
    meaning: str | Promise
    effect: str | Promise
    unit: str | Promise = ""
    variable: str = ""
    default: Any = None

    @property
    def standard(self) -> Any:
        """The value that holds without a row."""
        return getattr(settings, self.variable) if self.variable else self.default


_SECONDS = gettext_lazy("秒")
_TIMES = gettext_lazy("次")
_ROWS = gettext_lazy("条")
_DAYS = gettext_lazy("天")
_MINUTES = gettext_lazy("分钟")


def _days(key: str, default: int, meaning: Any, effect: Any) -> Item:
    return Item(key, Whole(1, 3650), Group.RETENTION, meaning, effect, unit=_DAYS, default=default)


ITEMS: dict[str, Item] = {
    item.key: item
    for item in (
        Item(
            "max_retries",
            Whole(0, 20),
            Group.RETRY,
            gettext_lazy("首次发送之后最多重试的次数"),
            gettext_lazy("用尽后成为死信；YAML 的 max_attempts 连首次一起数，等于它加一"),
            unit=_TIMES,
            variable="NOTIFICATION_MAX_RETRIES",
        ),
        Item(
            "retry_delay",
            Whole(1, 3600),
            Group.RETRY,
            gettext_lazy("第一次重试前等待的秒数"),
            gettext_lazy("以后每次乘以退避倍数，上下浮动一成"),
            unit=_SECONDS,
            variable="NOTIFICATION_RETRY_DELAY",
        ),
        Item(
            "max_delay",
            Whole(1, 86_400),
            Group.RETRY,
            gettext_lazy("两次重试之间最长的等待"),
            gettext_lazy("退避到此为止，不再加长"),
            unit=_SECONDS,
            default=3600,
        ),
        Item(
            "backoff_factor",
            Real(1, 10),
            Group.RETRY,
            gettext_lazy("退避倍数"),
            gettext_lazy("每次重试的等待是上一次的几倍；1 表示每次一样久"),
            default=2.0,
        ),
        Item(
            "batch_size",
            Whole(1, 200),
            Group.QUEUE,
            gettext_lazy("一次领取的消息条数"),
            gettext_lazy("大则快，小则几个进程分得更匀"),
            unit=_ROWS,
            variable="NOTIFICATION_BATCH_SIZE",
        ),
        Item(
            "queue_size",
            Whole(1, 10_000_000),
            Group.QUEUE,
            gettext_lazy("待发消息的上限，超过即报警"),
            gettext_lazy("超过时报警，消息照收，一条不丢"),
            unit=_ROWS,
            variable="NOTIFICATION_QUEUE_SIZE",
        ),
        Item(
            "most_per_source_minute",
            Whole(0, 1_000_000),
            Group.LIMITS,
            gettext_lazy("每个来源任意 60 秒内最多接受的消息"),
            gettext_lazy("其余记为未发送，每分钟告知目标一次；报警的优先级 1 不受限；0 表示不限"),
            unit=_ROWS,
            default=2000,
        ),
        Item(
            "most_per_target_minute",
            Whole(0, 1_000_000),
            Group.LIMITS,
            gettext_lazy("每个目标任意 60 秒内最多接受的消息"),
            gettext_lazy("不论来自哪里；其余同上"),
            unit=_ROWS,
            default=2000,
        ),
        Item(
            "alarm_failures",
            Whole(1, 1000),
            Group.MONITORING,
            gettext_lazy("一个渠道连续失败几次算异常"),
            gettext_lazy("达到即从别的渠道报警"),
            unit=_TIMES,
            default=5,
        ),
        Item(
            "alarm_silence_minutes",
            Whole(1, 10_080),
            Group.MONITORING,
            gettext_lazy("有消息可发而多久没有一次成功算异常"),
            gettext_lazy("免打扰与定时的等待不算"),
            unit=_MINUTES,
            default=30,
        ),
        Item(
            "alarm_waiting_minutes",
            Whole(1, 1440),
            Group.MONITORING,
            gettext_lazy("到时的消息多久没有被领取算异常"),
            gettext_lazy("多半是后台进程停了，或数据库太忙"),
            unit=_MINUTES,
            default=5,
        ),
        Item(
            "alarm_uncertain_minutes",
            Whole(1, 10_080),
            Group.MONITORING,
            gettext_lazy("不确定的消息多久没有人处理算异常"),
            gettext_lazy("它们等人到群里看一眼"),
            unit=_MINUTES,
            default=10,
        ),
        Item(
            "alarm_slow_ms",
            Whole(10, 60_000),
            Group.MONITORING,
            gettext_lazy("5 分钟内请求的第 99 百分位超过多少算严重"),
            gettext_lazy("从发出请求到收到答复"),
            unit=gettext_lazy("毫秒"),
            default=500,
        ),
        Item(
            "alarm_error_percent",
            Real(0.1, 100),
            Group.MONITORING,
            gettext_lazy("5 分钟内失败的请求超过百分之几算异常"),
            gettext_lazy("等待频率上限不算失败"),
            unit="%",
            default=5.0,
        ),
        Item(
            "alarm_least_requests",
            Whole(1, 100_000),
            Group.MONITORING,
            gettext_lazy("5 分钟内至少多少次请求才看快慢与错误率"),
            gettext_lazy("几次请求说明不了什么"),
            unit=_TIMES,
            default=20,
        ),
        Item(
            "alarm_busy_percent",
            Whole(10, 1000),
            Group.MONITORING,
            gettext_lazy("处理器持续 3 分钟忙过百分之几算异常"),
            gettext_lazy("按最近一分钟的负载除以核数"),
            unit="%",
            default=80,
        ),
        Item(
            "unusual_factor",
            Real(1.5, 100),
            Group.MONITORING,
            gettext_lazy("一小时的消息达到平时的几倍算异常"),
            gettext_lazy("平时是前 7 天同一小时的中位数；达到即报警，不拦截"),
            unit=gettext_lazy("倍"),
            default=5.0,
        ),
        Item(
            "unusual_floor",
            Whole(1, 1_000_000),
            Group.MONITORING,
            gettext_lazy("一小时少于这么多条的来源不算异常"),
            gettext_lazy("平时很少发的来源偶尔多几条时不报警"),
            unit=_ROWS,
            default=30,
        ),
        _days(
            "keep_text_days",
            30,
            gettext_lazy("结束后正文与报文保留的天数"),
            gettext_lazy("过后只留标题与报文的摘要（SHA-256）；死信在其保存期内保留正文以便重发"),
        ),
        _days(
            "keep_attempts_days",
            30,
            gettext_lazy("发送记录保留的天数"),
            gettext_lazy("过后每条消息只留最终状态"),
        ),
        _days(
            "keep_sent_days",
            90,
            gettext_lazy("已送达、已合并、未发送、已取消的消息保留的天数"),
            gettext_lazy("过后删除；同一事件的去重键随之失效"),
        ),
        _days("keep_dead_days", 180, gettext_lazy("死信保留的天数"), gettext_lazy("过后删除，不能再重发")),
        _days(
            "keep_audit_days",
            365,
            gettext_lazy("操作审计保留的天数"),
            gettext_lazy("过后删除；缩短它本身也会记入审计"),
        ),
        Item(
            "cleaning_hour",
            Whole(0, 23),
            Group.RETENTION,
            gettext_lazy("每天几点清理旧记录"),
            gettext_lazy("工厂所在时区；清理分小块进行，不妨碍发送"),
            unit=gettext_lazy("时"),
            default=2,
        ),
    )
}


class Source(models.TextChoices):
    """Where the value of a setting comes from."""

    DEFAULT = "default", gettext_lazy("默认")
    ENVIRONMENT = "environment", gettext_lazy("环境变量")
    ROW = "row", gettext_lazy("本页")


SOURCE_TONES = {Source.DEFAULT: "grey", Source.ENVIRONMENT: "blue", Source.ROW: "green"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one setting stands: its value, where that comes from, what is wrong with its row."""

    item: Item
    value: Any
    source: Source
    row: NotificationConfig | None = None
    problem: str = ""


def suggest(word: str, known: Any) -> str:
    """Return the sentence that names the known word that was probably meant; empty without one."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return _("是不是 %(word)s？") % {"word": found[0]} if found else ""


def check(key: str, text: str) -> Any:
    """Return the typed value of a setting's text; raises ValueError in words for people."""
    item = ITEMS.get(key)
    if item is None:
        hint = suggest(key, ITEMS) or _("可用：%(keys)s") % {"keys": "、".join(ITEMS)}
        raise ValueError(_("没有名为 %(key)s 的配置项。%(hint)s") % {"key": key, "hint": hint})
    try:
        return item.kind.read(text)
    except ValueError as error:
        raise ValueError(
            _("%(key)s（%(meaning)s）要写 %(range)s；收到 %(text)r")
            % {"key": key, "meaning": item.meaning, "range": item.kind.range, "text": text}
        ) from error


def contradictions(values: Mapping[str, Any]) -> list[str]:
    """Return what does not fit together in a whole set of values, in words for people."""
    found = []
    if values["retry_delay"] > values["max_delay"]:
        found.append(
            _("retry_delay（%(base)s 秒）大于 max_delay（%(most)s 秒）：第一次等待已超过上限。")
            % {"base": values["retry_delay"], "most": values["max_delay"]}
        )
    return found


def load() -> dict[str, Any]:
    """Return every setting, typed, in one query."""
    return typed(stored())


def stored() -> list[tuple[str, str]]:
    """Return the rows of the settings as they are written: key and text."""
    return list(NotificationConfig.objects.values_list("config_key", "config_value"))


def typed(rows: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return every setting, typed. A row that cannot be read yields the default."""
    values = {key: item.standard for key, item in ITEMS.items()}
    for key, text in rows:
        try:
            values[key] = check(key, text)
        except ValueError:
            # The admin refuses such a row; one that came another way must not stop delivery.
            continue
    return values


def standings() -> list[Standing]:
    """Return how every setting stands, in the order of the table, in one query."""
    rows = {row.config_key: row for row in NotificationConfig.objects.all()}
    return [_standing(item, rows.get(item.key)) for item in ITEMS.values()]


def _standing(item: Item, row: NotificationConfig | None) -> Standing:
    problem = ""
    if row is not None:
        try:
            return Standing(item, check(item.key, row.config_value), Source.ROW, row)
        except ValueError as error:
            problem = str(error)
    source = Source.ENVIRONMENT if item.variable and _is_set(item.variable) else Source.DEFAULT
    return Standing(item, item.standard, source, row, problem)


def _is_set(variable: str) -> bool:
    return bool((env.raw(variable, os.environ) or "").strip())


def problems() -> list[str]:
    """Return what is wrong with the stored settings: rows that are ignored, values that clash."""
    stand = standings()
    wrong = [standing.problem for standing in stand if standing.problem]
    unknown = NotificationConfig.objects.exclude(config_key__in=ITEMS).values_list("config_key", flat=True)
    wrong += [_("没有名为 %(key)s 的配置项，此行不起作用。") % {"key": key} for key in unknown]
    return wrong + contradictions({standing.item.key: standing.value for standing in stand})


def text_of(value: Any) -> str:
    """Return a value as a row stores it and a person writes it."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:g}"
    return str(value)
