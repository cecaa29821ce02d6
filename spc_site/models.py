"""What the running processes leave in the database: their beats and the schedule of periodic work.

Neither may live in Redis: it can be emptied at any moment, and then nobody would know who is
alive or what has to run next.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

FRESH = timedelta(seconds=10)
"""A process that has not shown itself for this long counts as missing."""


class WorkerBeatQuerySet(models.QuerySet["WorkerBeat"]):
    def fresh(self, *, now: datetime) -> Self:
        """Keep the processes that are alive: the last beat is younger than `FRESH`."""
        return self.filter(beat_at__gt=now - FRESH)

    def workers(self) -> Self:
        return self.filter(role=WorkerBeat.Role.WORKER)

    def pumps(self) -> Self:
        return self.filter(role=WorkerBeat.Role.PUMP)


class WorkerBeat(models.Model):
    """One running process of `manage.py work`, and when it last showed itself.

    A process beats only while its main loop moves on, so that one that hangs falls silent.
    """

    class Role(models.TextChoices):
        PUMP = "pump", _("轮询")
        WORKER = "worker", _("工作进程")

    host = models.CharField(_("主机"), max_length=255)
    pid = models.PositiveIntegerField(_("进程号"))
    role = models.CharField(_("角色"), max_length=10, choices=Role.choices)
    queue = models.CharField(_("队列"), max_length=50, blank=True)
    started_at = models.DateTimeField(_("启动时间"))
    beat_at = models.DateTimeField(_("最近心跳"), db_index=True)
    busy_since = models.DateTimeField(_("本次处理开始"), null=True, blank=True)
    answered_at = models.DateTimeField(_("最近应铃"), null=True, blank=True)
    handled = models.PositiveBigIntegerField(_("已处理"), default=0)
    failures = models.PositiveBigIntegerField(_("处理失败"), default=0)
    ring_failures = models.PositiveBigIntegerField(_("按铃失败"), default=0)
    processor_pct = models.FloatField(_("主机处理器占用（%）"), null=True, blank=True)

    objects: ClassVar[WorkerBeatQuerySet] = WorkerBeatQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = verbose_name_plural = _("进程心跳")
        ordering = ["host", "role", "queue", "pid"]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.queue} {self.host}:{self.pid}"

    def is_fresh(self, *, now: datetime) -> bool:
        return self.beat_at > now - FRESH


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def is_due(self, name: str, *, interval: timedelta, now: datetime) -> bool:
        """Tell whether it is time (also when it never ran). One query."""
        return not self.filter(name=name, next_run__gt=now, next_run__lte=now + interval).exists()

    def claim(self, name: str, *, interval: timedelta, now: datetime) -> bool:
        """Take the turn that is due; of several processes exactly one gets True.

        A next run further away than one interval was written by a clock that has been set back
        since, and is not believed. After a long stop there is one run, not one for each turn
        missed. The condition names the row's own columns only: PostgreSQL looks at them again
        after it has waited for another claimer, which it does not do for a subquery.
        """
        Schedule.objects.bulk_create([Schedule(name=name, next_run=now)], ignore_conflicts=True)
        due = Q(next_run__lte=now) | Q(next_run__gt=now + interval)
        return self.filter(due, name=name).update(last_run=now, next_run=now + interval) == 1


class Schedule(models.Model):
    """When one piece of periodic work ran last and runs next."""

    name = models.CharField(_("名称"), max_length=100, unique=True)
    last_run = models.DateTimeField(_("最近运行"), null=True, blank=True)
    next_run = models.DateTimeField(_("下次运行"))

    objects: ClassVar[ScheduleQuerySet] = ScheduleQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = verbose_name_plural = _("定时任务")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
