"""Look after the meters: which ones have fallen silent or come back, and which are beyond a rule.

A state of connection is told only when it has lasted: silence is several intervals without a
reading by itself, and a meter is back once readings have come for another interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from alarms import services as alarms
from alarms.models import Severity
from alarms.services import AlarmRequest
from energy.choices import Connection, DeviceKind, DeviceStatus, ReadingKind
from energy.metering import Course, course, interval_course, midnights, unpack_all
from energy.models import (
    AlarmRule,
    Attachment,
    Device,
    DeviceGroup,
    DeviceRatio,
    EnergyDailySummary,
    MeterChange,
    ReadingDay,
)
from hooks import services as hooks
from spc_site import clock
from spc_site.bulk import update_many

SOURCE = "energy.rule"
GATEWAY = "energy.gateway"
_METERS_OF_GATEWAY = 2
"""Of a single silent meter nobody can say whether it or its gateway is dead."""
POINT = "on_device_status_changed"
_LONGEST_RETURN = timedelta(hours=1)


# --- connections ------------------------------------------------------------------------------


def watch_connections() -> int:
    """Note which meters fell silent or came back; return how many. Two statements, and one for hooks."""
    now = clock.now()
    with transaction.atomic():
        devices = list(
            Device.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(status=DeviceStatus.IN_USE, kind=DeviceKind.METER)
            .order_by("pk")
        )
        moved: list[tuple[Device, str]] = []
        noted: list[Device] = []
        for device in devices:
            before = device.connection
            state, returning_since = _connection(device, now)
            if (state, returning_since) == (before, device.returning_since):
                continue
            device.returning_since = returning_since
            noted.append(device)
            if state != before:
                device.connection, device.connection_since = state, _since(device, state, now)
                moved.append((device, before))
        update_many(noted, ["connection", "connection_since", "returning_since"])
        hooks.fire_many(POINT, [_told(device, "connection", before, now) for device, before in moved])
    return len(moved)


def _connection(device: Device, now: datetime) -> tuple[str, datetime | None]:
    """Return the state of a connection, and since when a silent meter sends again."""
    if device.last_reading_at is None:
        return Connection.UNKNOWN, None
    if now - device.last_reading_at > timedelta(seconds=device.silence_s):
        return Connection.SILENT, None
    if device.connection != Connection.SILENT:
        return Connection.ONLINE, None
    since = device.returning_since or now
    if now - since >= min(timedelta(seconds=device.interval_s), _LONGEST_RETURN):
        return Connection.ONLINE, None
    return Connection.SILENT, since


def _since(device: Device, state: str, now: datetime) -> datetime:
    """Return since when a state holds: silence began with the last reading."""
    return device.last_reading_at if state == Connection.SILENT and device.last_reading_at else now


def _told(device: Device, aspect: str, before: str, now: datetime) -> tuple[dict[str, object], str]:
    after = device.connection if aspect == "connection" else device.status
    payload = {
        "device_id": device.pk,
        "code": device.code,
        "name": device.name,
        "aspect": aspect,
        "before": before,
        "after": after,
        "changed_at": now,
        "last_seen_at": device.last_reading_at,
    }
    return payload, f"energy.device.{device.pk}.{aspect}.{after}.{now.isoformat()}"


def tell_status(device: Device, *, before: str) -> None:
    """Tell the customer's hook that a person gave a device another status."""
    if before != device.status:
        hooks.fire_many(POINT, [_told(device, "status", before, clock.now())])


# --- rules ------------------------------------------------------------------------------------


class Standing(Enum):
    """How a meter stands to a rule; between limit and hysteresis, or without data, nothing changes."""

    BEYOND = "beyond"
    BACK = "back"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found of one meter."""

    rule: AlarmRule
    device: Device
    standing: Standing
    value: str = ""
    since: datetime | None = None

    @property
    def key(self) -> str:
        return f"{SOURCE}.{self.rule.pk}.{self.device.pk}"


@dataclass(slots=True)
class _Facts:
    """Everything that rules look at, read once."""

    now: datetime
    devices: dict[int, Device]
    groups: dict[int, list[int]]
    """Groups of each device, its own before those above."""
    codes: dict[int, str]
    courses: dict[int, Course] = field(default_factory=dict)
    factors: dict[int, Decimal] = field(default_factory=dict)
    uses: dict[tuple[int, date], tuple[Decimal, bool]] = field(default_factory=dict)


def evaluate_rules() -> list[Finding]:
    """Hold every meter against every rule; raise and recover alarms in a constant number of statements."""
    now = clock.now()
    with transaction.atomic(), translation.override("zh-hans"):  # one group reads what all have caused
        rules = list(AlarmRule.objects.filter(is_active=True).select_related("energy_type"))
        facts = _facts(rules, now)
        findings = [
            finding
            for rule in rules
            for device in _targets(rule, facts)
            if (finding := _find(rule, device, facts))
        ]
        opened = alarms.open_keys(prefix=f"{SOURCE}.")
        beyond = [one for one in findings if one.standing is Standing.BEYOND and _is_news(one, opened)]
        _watch_gateways(findings, facts)  # first: a dead gateway inhibits the alarms of its meters
        alarms.raise_alarms([_request(one, facts, is_open=one.key in opened) for one in beyond], at=now)
        keep = {one.key for one in findings if one.standing is not Standing.BACK}
        watched = {one.key for one in findings}
        alarms.recover(opened & watched - keep, note=_("已恢复"), at=now)
        alarms.recover(opened - watched, reason=alarms.Resolution.SWITCHED_OFF, note=_("不再监视"), at=now)
    return findings


def _watch_gateways(findings: Sequence[Finding], facts: _Facts) -> None:
    """Raise one alarm for each gateway of several meters of which all are silent; recover the others."""
    silent = {
        one.device.pk
        for one in findings
        if one.rule.measure == AlarmRule.Measure.SILENCE and one.standing is Standing.BEYOND
    }
    behind: defaultdict[str, list[Device]] = defaultdict(list)
    for device in facts.devices.values():
        if device.gateway and device.connection != Connection.UNKNOWN:
            behind[device.gateway].append(device)
    dead = {
        f"{GATEWAY}.{gateway}": (gateway, devices)
        for gateway, devices in behind.items()
        if len(devices) >= _METERS_OF_GATEWAY and all(device.pk in silent for device in devices)
    }
    opened = alarms.open_keys(prefix=f"{GATEWAY}.")
    alarms.recover(opened - dead.keys(), note=_("已恢复"), at=facts.now)
    alarms.raise_alarms(
        [
            AlarmRequest(
                key=key,
                source=GATEWAY,
                title=_("网关断线：%(gateway)s") % {"gateway": gateway},
                severity=Severity.CRITICAL,
                description=_("其下 %(count)d 块表全部无数据") % {"count": len(devices)},
                link=reverse("energy:missing"),
                subject=key,
                group="ENERGY",
                group_key=GATEWAY,
                labels={"kind": "gateway_offline", "gateway": gateway},
                is_told=True,
                happened_at=max(device.last_reading_at for device in devices if device.last_reading_at),
            )
            for key, (gateway, devices) in dead.items()
            if key not in opened
        ],
        at=facts.now,
    )


def _is_news(finding: Finding, opened: set[str]) -> bool:
    """Say whether an alarm has anything to learn: of a silence that goes on, it has not."""
    return finding.rule.measure != AlarmRule.Measure.SILENCE or finding.key not in opened


def _facts(rules: Sequence[AlarmRule], now: datetime) -> _Facts:
    devices = {
        device.pk: device
        for device in Device.objects.filter(status=DeviceStatus.IN_USE, kind=DeviceKind.METER).select_related(
            "energy_type"
        )
    }
    groups, codes = _groups_of(timezone.localtime(now).date())
    facts = _Facts(now, devices, groups, codes)
    rate_rules = [rule for rule in rules if rule.measure == AlarmRule.Measure.RATE]
    if rate_rules:
        wanted = {device.pk for rule in rate_rules for device in _targets(rule, facts)}
        _read_courses(facts, wanted, max(rule.duration_s for rule in rate_rules))
    day_rules = [rule for rule in rules if rule.measure == AlarmRule.Measure.DAY]
    if day_rules:
        wanted = {device.pk for rule in day_rules for device in _targets(rule, facts)}
        _read_uses(facts, wanted)
    return facts


def _groups_of(today: date) -> tuple[dict[int, list[int]], dict[int, str]]:
    """Return the groups that each device belongs to today, and the codes of groups. Two queries."""
    rows = list(DeviceGroup.objects.values_list("pk", "parent_id", "code"))
    parents = {pk: parent for pk, parent, _code in rows}
    found: defaultdict[int, list[int]] = defaultdict(list)
    for device, group in (
        Attachment.objects.filter(Q(end__isnull=True) | Q(end__gt=today), start__lte=today)
        .order_by("pk")
        .values_list("device_id", "group_id")
    ):
        above: int | None = group
        while above is not None:
            if above not in found[device]:
                found[device].append(above)
            above = parents.get(above)
    return found, {pk: code for pk, _parent, code in rows}


def _targets(rule: AlarmRule, facts: _Facts) -> Iterable[Device]:
    for device in facts.devices.values():
        if rule.device_id is not None and device.pk != rule.device_id:
            continue
        if rule.group_id is not None and rule.group_id not in facts.groups.get(device.pk, ()):
            continue
        if rule.energy_type_id is not None and device.energy_type_id != rule.energy_type_id:
            continue
        yield device


def _read_courses(facts: _Facts, devices: set[int], duration_s: int) -> None:
    """Read the last readings of the devices. Three queries."""
    if not devices:
        return
    zone = ZoneInfo(settings.TIME_ZONE)
    longest = max(facts.devices[pk].silence_s for pk in devices)
    since = (facts.now - timedelta(seconds=duration_s + 2 * longest)).astimezone(zone).date()
    rows = list(
        ReadingDay.objects.filter(device__in=devices, day__gte=since)
        .order_by("device_id", "day")
        .values_list("device_id", "day", "packed")
    )
    if not rows:
        return
    changes = defaultdict(list)
    for change in MeterChange.objects.filter(device__in=devices, at__date__gte=since):
        changes[change.device_id].append(change.as_change())
    for device, ratio in (
        DeviceRatio.objects.filter(device__in=devices, valid_from__lte=facts.now)
        .order_by("valid_from")
        .values_list("device_id", "ratio")
    ):
        facts.factors[device] = ratio
    seconds, counts, sizes = unpack_all([packed for _device, _day, packed in rows])
    begins = {day: int(midnights(day, day, zone)[0]) for day in {row[1] for row in rows}}
    moments = seconds + np.repeat([begins[row[1]] for row in rows], sizes)
    owners = np.repeat([row[0] for row in rows], sizes)  # in order, as the rows are
    pks, starts = np.unique(owners, return_index=True)
    for pk, start, end in zip(
        pks.tolist(), starts.tolist(), [*starts.tolist()[1:], len(owners)], strict=True
    ):
        one, here = facts.devices[pk], slice(start, end)
        if one.reading_kind == ReadingKind.INTERVAL:
            facts.courses[pk] = interval_course(moments[here], counts[here], one.register)
        else:
            facts.courses[pk] = course(moments[here], counts[here], one.register, changes=changes[pk])


def _read_uses(facts: _Facts, devices: set[int]) -> None:
    """Read the use of today and yesterday, and whether the day is covered. One query."""
    today = timezone.localtime(facts.now).date()
    for device, day, use, covered_s, length_s in EnergyDailySummary.objects.filter(
        device__in=devices, date__in=[today, today - timedelta(days=1)]
    ).values_list("device_id", "date", "total_consumption", "covered_s", "length_s"):
        facts.uses[device, day] = use, covered_s == length_s


def _find(rule: AlarmRule, device: Device, facts: _Facts) -> Finding | None:
    if rule.measure == AlarmRule.Measure.SILENCE:
        return _find_silence(rule, device, facts)
    if rule.measure == AlarmRule.Measure.DAY:
        return _find_day(rule, device, facts)
    return _find_rate(rule, device, facts)


def _find_silence(rule: AlarmRule, device: Device, facts: _Facts) -> Finding:
    last = device.last_reading_at
    if last is None or device.connection != Connection.SILENT:
        return Finding(rule, device, Standing.BACK)
    is_long = facts.now - last > timedelta(seconds=max(rule.duration_s, device.silence_s))
    standing = Standing.BEYOND if is_long else Standing.UNDECIDED
    since = timezone.localtime(last)
    return Finding(rule, device, standing, _("自 %(moment)s") % {"moment": f"{since:%m-%d %H:%M}"}, last)


def _find_day(rule: AlarmRule, device: Device, facts: _Facts) -> Finding:
    """Look at today for too much; at yesterday, if it is covered, for too little."""
    today = timezone.localtime(facts.now).date()
    is_above = rule.direction == AlarmRule.Direction.ABOVE
    use, is_covered = facts.uses.get(
        (device.pk, today if is_above else today - timedelta(days=1)), (None, False)
    )
    if use is None or not (is_above or is_covered):
        return Finding(rule, device, Standing.UNDECIDED)
    return Finding(rule, device, _held(rule, use, Decimal(1)), _figure(use, device, per_hour=False))


def _held(rule: AlarmRule, use: Decimal, hours: Decimal) -> Standing:
    """Compare a use in some hours with a limit per hour (or per day), without dividing."""
    assert rule.limit is not None
    if rule.direction == AlarmRule.Direction.ABOVE:
        if use > rule.limit * hours:
            return Standing.BEYOND
        return Standing.BACK if use <= (rule.limit - rule.hysteresis) * hours else Standing.UNDECIDED
    if use < rule.limit * hours:
        return Standing.BEYOND
    return Standing.BACK if use >= (rule.limit + rule.hysteresis) * hours else Standing.UNDECIDED


def _find_rate(rule: AlarmRule, device: Device, facts: _Facts) -> Finding:
    """Look at the steps between the last readings, as far back as the rule's duration."""
    found = facts.courses.get(device.pk)
    if found is None or len(found.times) < 2:
        return Finding(rule, device, Standing.UNDECIDED)
    last = int(found.times[-1])
    if facts.now.timestamp() - last > device.silence_s or not found.covered[-1]:
        return Finding(rule, device, Standing.UNDECIDED)
    size = device.count_size * facts.factors.get(device.pk, Decimal(1))
    begin = last - rule.duration_s
    standing, since = Standing.UNDECIDED, last
    latest = _step(found, len(found.times) - 1, size)
    for place in range(len(found.times) - 1, 0, -1):
        use, hours = _step(found, place, size)
        held = _held(rule, use, hours) if found.covered[place] else Standing.UNDECIDED
        if held is not Standing.BEYOND:
            # The newest step alone says that it is back; an older one only that it has not lasted.
            standing = held if since == last else Standing.UNDECIDED
            break
        since = int(found.times[place - 1])
        if since <= begin:
            standing = Standing.BEYOND
            break
    value = _figure(latest[0] / latest[1], device, per_hour=True)
    return Finding(rule, device, standing, value, datetime.fromtimestamp(since, tz=facts.now.tzinfo))


def _step(found: Course, place: int, size: Decimal) -> tuple[Decimal, Decimal]:
    """Return the use of a step in units, and how many hours it lasted."""
    use = int(found.total[place] - found.total[place - 1]) * size
    return use, Decimal(int(found.times[place] - found.times[place - 1])) / 3600


def _figure(number: Decimal, device: Device, *, per_hour: bool) -> str:
    text = f"{number.quantize(Decimal('0.001')).normalize():f}"
    return f"{text} {device.energy_type.unit}{'/h' if per_hour else ''}"


def _request(finding: Finding, facts: _Facts, *, is_open: bool) -> AlarmRequest:
    rule, device = finding.rule, finding.device
    groups = facts.groups.get(device.pk, [])
    threshold = ""
    if rule.limit is not None:
        figure = _figure(rule.limit, device, per_hour=rule.measure == AlarmRule.Measure.RATE)
        threshold = f"{rule.get_direction_display()} {figure}"
    lines = [f"{_('设备')}：{device.code} {device.name}"]
    if device.location:
        lines.append(f"{_('位置')}：{device.location}")
    if rule.duration_s:
        lines.append(_("已持续 %(minutes)d 分钟以上") % {"minutes": rule.duration_s // 60})
    return AlarmRequest(
        key=finding.key,
        source=SOURCE,
        title=f"{rule.name}：{device.name}",
        severity=rule.severity,
        description="\n".join(lines),
        value=finding.value,
        threshold=threshold,
        link=reverse("energy:device", args=[device.pk]),
        subject=f"energy.device:{device.pk}",
        group="ENERGY",
        group_key=f"{SOURCE}.{rule.pk}.{groups[0] if groups else 0}",
        labels={
            "kind": f"meter_{rule.measure}",
            "meter": device.code,
            "energy_type": device.energy_type.code,
            "group": facts.codes.get(groups[0], "") if groups else "",
            "gateway": device.gateway,
        },
        is_told=True,
        is_continuing=is_open,
        happened_at=finding.since,
    )


__all__ = ["Finding", "Standing", "evaluate_rules", "tell_status", "watch_connections"]
