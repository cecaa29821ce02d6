"""Does the system run? Answered for probes (`/healthz`), for Prometheus (`/metrics`) and for people.

The system is well while rows that are due get done, by whomever. Without Redis or without
workers the pump does it, which is worth a notice; without a pump nobody sees to anything that
was missed, which is a fault.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error as AnyDatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from accounts.api import TokenAuth
from approvals import selectors as approvals
from hooks.selectors import State as HooksState
from hooks.selectors import state as state_of_hooks
from notifications import monitoring
from spc_site import clock, jobs
from spc_site.metrics import REGISTRY
from spc_site.models import WorkerBeat

PUMP_MISSING_AFTER = timedelta(seconds=30)
BACKLOG_AFTER = timedelta(minutes=5)
BANNER_KEPT_S = 5.0
SILENT_AFTER_S = 30.0


@cache
def version() -> str:
    """Return the version of the project (pyproject.toml)."""
    text = (settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


@dataclass(frozen=True, slots=True)
class Health:
    """How the system is. Times are seconds; None where there is nothing to tell."""

    database: bool
    redis: bool | None
    pump_age_s: float | None = None
    workers: dict[str, int] = field(default_factory=dict)
    due: dict[str, float | None] = field(default_factory=dict)
    """The bells that are due, and how long the oldest piece has waited where that is known."""
    silent_s: dict[str, float] = field(default_factory=dict)
    """The queues whose last worker fell silent, and how long ago."""
    reconcile_silent_minutes: int | None = None
    """For how long no look for lost callbacks has succeeded, where that is too long."""
    unheard: list[str] = field(default_factory=list)
    """Troubles with messages of which no message can tell: titles."""
    hooks: HooksState = field(default_factory=lambda: HooksState("", (), ()))
    """The customer's code; what is wrong with it is no fault of the system, which goes on without."""

    @property
    def mode(self) -> str:
        """Return who does the work: `workers`, or `inline` for the pump itself."""
        return "workers" if self.redis and all(self.workers.get(name) for name in jobs.QUEUES) else "inline"

    @property
    def oldest_due_s(self) -> float | None:
        return max((age for age in self.due.values() if age is not None), default=None)

    @property
    def faults(self) -> list[str]:
        """Return what is wrong, as words for programs; empty while all is well."""
        faults = []
        if not self.database:
            faults.append("database")
        elif self.pump_age_s is None or self.pump_age_s > PUMP_MISSING_AFTER.total_seconds():
            faults.append("pump")
        if self.oldest_due_s is not None and self.oldest_due_s > BACKLOG_AFTER.total_seconds():
            faults.append("backlog")
        return faults


def examine() -> Health:
    """Look at everything. Never raises; costs a few small queries and one PING."""
    redis = jobs.redis_answers()
    try:
        now = clock.now()
        beats = list(WorkerBeat.objects.all())
        names = jobs.due()
        due = {bell.name: _age_s(bell, now) for bell in jobs.doorbells() if bell.name in names}
        unheard = monitoring.unheard()
        silent = approvals.reconcile_silent_minutes()
        customer = state_of_hooks()
    except AnyDatabaseError:
        return Health(database=False, redis=redis)
    pumps = [beat.beat_at for beat in beats if beat.role == WorkerBeat.Role.PUMP]
    workers = dict.fromkeys(jobs.QUEUES, 0)
    for beat in beats:
        if beat.role == WorkerBeat.Role.WORKER and beat.is_fresh(now=now):
            workers[beat.queue] = workers.get(beat.queue, 0) + 1
    silent_s: dict[str, float] = {}
    for beat in beats:
        if beat.role == WorkerBeat.Role.WORKER and not workers.get(beat.queue):
            age_s = (now - beat.beat_at).total_seconds()
            silent_s[beat.queue] = min(age_s, silent_s.get(beat.queue, age_s))
    return Health(
        database=True,
        redis=redis,
        pump_age_s=max((now - max(pumps)).total_seconds(), 0.0) if pumps else None,
        workers=workers,
        due=due,
        silent_s=silent_s,
        unheard=unheard,
        reconcile_silent_minutes=silent,
        hooks=customer,
    )


def _age_s(bell: jobs.Doorbell, now: datetime) -> float | None:
    oldest = bell.oldest_due() if bell.oldest_due is not None else None
    return None if oldest is None else max((now - oldest).total_seconds(), 0.0)


# --- for people -----------------------------------------------------------------------------

_kept: tuple[float, Health] | None = None


def system_banner() -> str:
    """Return the sentence that every page shows while something is not as it should be, or "".

    What was seen is kept for a few seconds, so that pages stay fast.
    """
    global _kept
    if _kept is None or time.monotonic() - _kept[0] > BANNER_KEPT_S:
        _kept = (time.monotonic(), examine())
    health = _kept[1]
    if "pump" in health.faults:
        return _(
            "后台处理没有运行：新报告暂不判定，消息暂不发送。请管理员运行 manage.py work。"
            "查看、导入、受理照常，消息已保存，恢复后自动发送。"
        )
    if "backlog" in health.faults:
        minutes = int((health.oldest_due_s or 0) // 60)
        return ngettext(
            "后台处理积压：最早的一项已等待 %(minutes)d 分钟。查看、导入、受理照常，不会丢失。",
            "后台处理积压：最早的一项已等待 %(minutes)d 分钟。查看、导入、受理照常，不会丢失。",
            minutes,
        ) % {"minutes": minutes}
    if health.unheard:
        return _("通知发送异常，且没有别的渠道可以告知：%(titles)s。查看、导入、判定照常。") % {
            "titles": "；".join(health.unheard)
        }
    if health.reconcile_silent_minutes is not None:
        return _(
            "审批核对已 %(minutes)d 分钟没有成功：丢失的回调暂时不会补回。请管理员查看后台的核对记录。"
        ) % {"minutes": health.reconcile_silent_minutes}
    if health.hooks.problems:
        return _("客户扩展 %(customer)s 无法加载，没有执行：%(problem)s 事件已保存，修复并重启后执行。") % {
            "customer": health.hooks.customer,
            "problem": health.hooks.problems[0].message,
        }
    if health.hooks.paused:
        return _("客户扩展连续出错，已暂停：%(points)s。系统本身不受影响。") % {
            "points": "、".join(health.hooks.paused)
        }
    if lost := {queue: age_s for queue, age_s in health.silent_s.items() if age_s > SILENT_AFTER_S}:
        return _(
            "工作进程已 %(seconds)d 秒没有心跳（%(queues)s）：暂由后台轮询直接处理，"
            "判定与消息照常，可能稍慢。"
        ) % {"seconds": min(lost.values()), "queues": "、".join(sorted(lost))}
    if health.redis is None:
        return _("没有 Redis：由后台轮询直接处理，判定与消息最多晚一两秒。")
    if health.mode == "inline":
        return _("Redis 或工作进程不可用：暂由后台轮询直接处理，判定与消息可能稍慢。")
    return ""


# --- for probes -----------------------------------------------------------------------------


@login_not_required
@never_cache
@require_safe
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 while the system is well, 503 with the faults while it is not."""
    health = examine()
    faults = health.faults
    body: dict[str, Any] = {
        "status": "fault" if faults else "ok",
        "faults": faults,
        "version": version(),
        "database": "ok" if health.database else "unreachable",
        "redis": {True: "ok", False: "unreachable", None: "none"}[health.redis],
        "mode": health.mode,
        "pump_age_s": health.pump_age_s,
        "workers": health.workers,
        "due": health.due,
        "oldest_due_s": health.oldest_due_s,
        "unheard_troubles": health.unheard,
        "reconcile_silent_minutes": health.reconcile_silent_minutes,
        "hooks": health.hooks.word,
    }
    return JsonResponse(body, status=503 if faults else 200)


# --- for Prometheus -------------------------------------------------------------------------


class SystemCollector:
    """What the processes of `manage.py work` and this web process can tell."""

    def describe(self) -> list[Metric]:
        return []  # nothing is asked for before a scrape

    def collect(self) -> Iterator[Metric]:
        health = examine()
        yield _gauge("qbo_up", "1 while there is no fault", 0.0 if health.faults else 1.0)
        build = GaugeMetricFamily("qbo_build_info", "Version of the software", labels=["version"])
        build.add_metric([version()], 1.0)
        yield build
        yield _gauge("qbo_redis_up", "1 while Redis answers", 1.0 if health.redis else 0.0)
        if health.pump_age_s is not None:
            yield _gauge("qbo_pump_beat_age_seconds", "Age of the last beat of a pump", health.pump_age_s)
        if health.oldest_due_s is not None:
            yield _gauge("qbo_oldest_due_seconds", "How long the oldest due row waits", health.oldest_due_s)
        workers = GaugeMetricFamily("qbo_workers", "Living workers", labels=["queue"])
        for queue, count in health.workers.items():
            workers.add_metric([queue], count)
        yield workers
        due = GaugeMetricFamily("qbo_due", "1 while there is work for the bell", labels=["bell"])
        for bell in jobs.doorbells():
            due.add_metric([bell.name], 1.0 if bell.name in health.due else 0.0)
        yield due
        if health.database:
            yield from self._processes()

    def _processes(self) -> Iterator[Metric]:
        """Tell what each process has counted since it was started, this one too."""
        labels = ["host", "pid", "role", "queue"]
        handled = CounterMetricFamily("qbo_handled", "Pieces of work done", labels=labels)
        failures = CounterMetricFamily("qbo_drain_failures", "Drains that failed", labels=labels)
        rings = CounterMetricFamily("qbo_ring_failures", "Rings that Redis did not take", labels=labels)
        for beat in WorkerBeat.objects.fresh(now=clock.now()):
            values = [beat.host, str(beat.pid), beat.role, beat.queue]
            handled.add_metric(values, beat.handled)
            failures.add_metric(values, beat.failures)
            rings.add_metric(values, beat.ring_failures)
        rings.add_metric(["", "", "web", ""], jobs.tally.ring_failures)
        yield from (handled, failures, rings)


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)


REGISTRY.register(SystemCollector())


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape; the token's user needs the permission to view worker beats."""
    if TokenAuth()(request) is None:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    if not request.user.has_perm("spc_site.view_workerbeat"):
        return HttpResponse(status=403)
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
