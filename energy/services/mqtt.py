"""Take in what the MQTT bridge brings, note what cannot be taken, and watch the bridge itself."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from alarms import services as alarms
from alarms.models import Severity
from alarms.services import AlarmRequest
from energy.choices import ReadingKind, Way
from energy.models import Device, MqttBridge, MqttProblem, MqttTopic, ReadingBatch
from energy.mqtt import payloads
from energy.mqtt.payloads import Message
from energy.services import readings
from energy.services.readings import Batch, Reading
from spc_site import clock
from spc_site.bulk import update_many
from spc_site.errors import AppError

log = logging.getLogger("energy.mqtt")

SOURCE = "energy.mqtt"
KEPT = timedelta(days=30)
_FORGOTTEN_AT_ONCE = 2_000
MISSING_AFTER = timedelta(minutes=2)
"""So long a bridge may be away or without its broker before people are told."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of messages: readings that are new or changed, and what could not be used."""

    readings: int
    refused: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing of a message that could not be used."""

    message: Message
    code: str
    reason: str
    meter: str = ""


def active_filters() -> list[str]:
    """Return what to subscribe to. One query."""
    topics = MqttTopic.objects.filter(is_active=True).order_by("topic")
    return list(dict.fromkeys(topics.values_list("topic", flat=True)))


@transaction.atomic
def take(messages: Sequence[Message], *, source: str = "") -> Taken:
    """Store the readings of messages in one transaction; taking the same ones again changes nothing."""
    with override(settings.LANGUAGE_CODE):
        found, problems = _read(messages)
        taken = 0
        if found:
            recorded = readings.record(
                Batch(
                    source=f"mqtt/{source}"[:80],
                    batch_id=_batch_id(messages),
                    way=Way.MQTT,
                    readings=[reading for _message, reading in found],
                )
            )
            if not recorded.is_repeated:
                taken = recorded.batch.taken
                by_place = {reading.where: message for message, reading in found}
                problems += [
                    Problem(by_place[one.where], one.code, _with_advice(one.code, one.reason), one.meter)
                    for one in recorded.rejected
                ]
        _note(problems)
    return Taken(taken, len(problems))


def _read(messages: Sequence[Message]) -> tuple[list[tuple[Message, Reading]], list[Problem]]:
    """Read messages by the rows that are active now, whose counts go on. Two queries and a statement."""
    topics = list(MqttTopic.objects.filter(is_active=True).select_related("device"))
    found: list[tuple[Message, Reading]] = []
    timeless: list[tuple[Message, Reading]] = []
    problems: list[Problem] = []
    heard: set[MqttTopic] = set()
    for number, message in enumerate(messages):
        rows = [row for row in topics if payloads.matches(row.topic, message.topic)]
        if not rows:
            reason = _("没有启用的“MQTT 主题”与它相符：添加一行，或请网关停发")
            problems.append(Problem(message, "no_topic", reason))
        for row in rows:
            row.messages += 1
            row.last_message_at = max(row.last_message_at or message.arrived, message.arrived)
            heard.add(row)
            for one in payloads.read(row.layout, message):
                if isinstance(one, AppError):
                    problems.append(Problem(message, one.code, one.message))
                    continue
                where = f"{number}.{len(found) + len(timeless)} {message.topic}"
                reading = Reading(one.meter, one.at or message.arrived, one.value, where)
                (timeless if one.at is None else found).append((message, reading))
    update_many(sorted(heard, key=lambda row: row.pk), ["messages", "last_message_at"])
    if timeless:
        intervals = set(
            Device.objects.filter(
                code__in={reading.meter for _message, reading in timeless}, reading_kind=ReadingKind.INTERVAL
            ).values_list("code", flat=True)
        )
        reason = _("这块表上送区间用量：没有时刻就分不清重发，请填写时刻的路径")
        for message, reading in timeless:
            if reading.meter in intervals:
                problems.append(Problem(message, "no_time", reason, reading.meter))
            else:
                found.append((message, reading))
    return found, problems


def _with_advice(code: str, reason: str) -> str:
    """Return why a reading was refused, and what to do about it where it comes from a topic."""
    advice = {
        "unknown_meter": _("请建立这块表，或改“MQTT 主题”里表号的写法"),
        "virtual_meter": _("请改“MQTT 主题”里表号的写法"),
        "retired_meter": _("请恢复这块表，或停用这行“MQTT 主题”"),
        "not_whole": _("请改“乘以”“保留小数”，或表的“每个计数”"),
        "negative": _("请改数值的路径"),
        "too_large": _("请改数值的路径或“乘以”"),
    }.get(code)
    return f"{reason}；{advice}" if advice else reason


def _batch_id(messages: Iterable[Message]) -> str:
    """Return the same number for the same messages, so that a repeated batch is known."""
    digest = hashlib.sha256()
    for message in messages:
        for part in (message.topic.encode(), message.payload, message.arrived.isoformat().encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


# --- what could not be used -------------------------------------------------------------------


@transaction.atomic
def note_failure(message: Message, error: Exception) -> None:
    """Note a message on which the program itself failed."""
    with override(settings.LANGUAGE_CODE):
        reason = _("程序出错（%(error)s），请把这一行报给开发人员") % {"error": type(error).__name__}
        _note([Problem(message, "failed", reason)])


@transaction.atomic
def note_refused_filter(topic_filter: str) -> None:
    """Note a filter that the broker does not let us subscribe to."""
    with override(settings.LANGUAGE_CODE):
        reason = _("代理拒绝订阅：请在代理上给桥的用户读取这个主题的权限，再停用并启用这一行")
        _note([Problem(Message(topic_filter, b"", clock.now()), "not_allowed", reason)])


def _note(problems: Sequence[Problem]) -> None:
    """Count what could not be used, each topic and reason in one row."""
    if not problems:
        return
    latest = {(one.message.topic[:250], one.code): one for one in problems}
    counts = Counter((one.message.topic[:250], one.code) for one in problems)
    known = {
        (row.topic, row.code): row
        for row in MqttProblem.objects.select_for_update(no_key=True)
        .filter(topic__in={topic for topic, _code in latest})
        .order_by("pk")
    }
    now = clock.now()
    new = []
    for key, problem in latest.items():
        message = problem.message
        log.warning(
            "mqtt: topic=%s code=%s reason=%s payload=%s", *key, problem.reason, message.excerpt or "(empty)"
        )
        row = known.get(key)
        if row is None:
            row = MqttProblem(topic=key[0], code=key[1], count=0, first_at=now)
            new.append(row)
        row.count += counts[key]
        row.reason, row.meter, row.payload, row.last_at = (
            problem.reason[:300],
            problem.meter[:60],
            message.excerpt,
            now,
        )
    update_many(list(known.values()), ["reason", "meter", "payload", "count", "last_at"])
    if new:
        MqttProblem.objects.bulk_create(new, ignore_conflicts=True)
        kept = MqttProblem.objects.order_by("-last_at", "-pk")[: MqttProblem.MOST]
        MqttProblem.objects.exclude(pk__in=list(kept.values_list("pk", flat=True))).delete()


def forget_batches() -> int:
    """Delete a chunk of the batches of long ago: the bridge makes one a second, the readings stay."""
    old = ReadingBatch.objects.filter(way=Way.MQTT, received_at__lt=clock.now() - KEPT).order_by(
        "received_at"
    )
    pks = list(old.values_list("pk", flat=True)[:_FORGOTTEN_AT_ONCE])
    ReadingBatch.objects.filter(pk__in=pks).delete()
    return len(pks)


# --- the bridge itself ------------------------------------------------------------------------


def watch() -> None:
    """Raise an alarm while topics are configured and no bridge brings their messages; else recover it."""
    now = clock.now()
    with transaction.atomic(), override(settings.LANGUAGE_CODE):
        opened = alarms.open_keys(prefix=SOURCE)
        if not settings.MQTT or not MqttTopic.objects.filter(is_active=True).exists():
            alarms.recover(opened, reason=alarms.Resolution.SWITCHED_OFF, note=_("不再监视"), at=now)
            return
        trouble = _trouble(MqttBridge.objects.filter(client_id=settings.MQTT["client_id"]).first(), now)
        if trouble is None:
            alarms.recover(opened, note=_("已恢复"), at=now)
        elif trouble:
            link = reverse("admin:energy_mqttbridge_changelist")
            alarms.raise_alarms(
                [
                    AlarmRequest(
                        key=SOURCE,
                        source=SOURCE,
                        title=_("MQTT 桥没有收数"),
                        severity=Severity.CRITICAL,
                        description=trouble,
                        link=link,
                        subject=SOURCE,
                        group="ENERGY",
                        is_told=True,
                        is_continuing=SOURCE in opened,
                    )
                ],
                at=now,
            )


def _trouble(bridge: MqttBridge | None, now: datetime) -> str | None:
    """Return what is wrong with the bridge in words, None if nothing is, "" if it is too early to say."""
    if bridge is None:
        return _("它从未启动：运行 manage.py mqtt_bridge，见 docs/operator.md")
    if now - bridge.beat_at > MISSING_AFTER:
        return _("主机 %(host)s 上的 manage.py mqtt_bridge 没有心跳：请启动它，看它的日志") % {
            "host": bridge.host
        }
    since = bridge.disconnected_since
    if since is not None:
        if now - since <= MISSING_AFTER:
            return ""
        return _("连不上代理 %(broker)s：%(trouble)s") % {"broker": bridge.broker, "trouble": bridge.trouble}
    if not bridge.is_fresh(now=now):
        return ""
    return None


__all__ = [
    "MISSING_AFTER",
    "SOURCE",
    "Taken",
    "active_filters",
    "forget_batches",
    "note_failure",
    "note_refused_filter",
    "take",
    "watch",
]
