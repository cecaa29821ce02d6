"""Which meters give no data, since when, and how much of the month is missing or estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from energy.choices import Connection, DeviceKind, DeviceStatus
from energy.metering import midnights
from energy.models import Attachment, Device, DeviceMonth, EnergyType
from spc_site.bulk import collector_paused

_SHOWN = (
    *("code", "name", "gateway", "energy_type"),
    *("connection", "last_reading_at", "silent_after_s", "interval_s"),
)


@dataclass(frozen=True, slots=True)
class MissingRow:
    """One meter: its connection, and how its month so far is known.

    missing_pct    share of the seconds so far without data
    estimated_pct  share of the days so far of which some use was divided over a gap
    """

    device: Device
    group: str
    missing_pct: float
    estimated_pct: float

    @property
    def is_silent(self) -> bool:
        return self.device.connection != Connection.ONLINE

    @property
    def since(self) -> datetime | None:
        """Return since when it is silent: its last reading."""
        return self.device.last_reading_at if self.is_silent else None


@dataclass(frozen=True, slots=True)
class MissingBoard:
    """The meters in use, those in trouble first, and how many there are of each kind."""

    rows: Sequence[MissingRow]
    meters: int
    silent: int
    unknown: int
    incomplete: int
    """Meters that are online, with data missing or estimated in this month."""


@collector_paused()
def missing_board(*, now: datetime) -> MissingBoard:
    """Return the board of the month of `now`. Five queries."""
    today = timezone.localtime(now).date()
    first = today.replace(day=1)
    zone = ZoneInfo(settings.TIME_ZONE)
    begin = int(midnights(first, first, zone)[0])
    elapsed_s = max(1, int(now.timestamp()) - begin)
    days = (today - first).days + 1
    devices = (
        Device.objects.filter(status=DeviceStatus.IN_USE, kind=DeviceKind.METER)
        .only(*_SHOWN)
        .prefetch_related("energy_type")  # once for each type, not for each of thousands of meters
    )
    known = {
        pk: (covered_s, gaps)
        for pk, covered_s, gaps in DeviceMonth.objects.filter(
            energy_type__in=list(EnergyType.objects.values_list("pk", flat=True)), month=first
        )
        .order_by()
        .values_list("device_id", "covered_s", "gap_days")
    }
    groups = _groups(today)
    rows = []
    for device in devices:
        covered_s, gaps = known.get(device.pk, (0, 0))
        missing_s = max(0, elapsed_s - covered_s - _still_normal_s(device, now))
        rows.append(
            MissingRow(
                device,
                groups.get(device.pk, ""),
                round(100 * missing_s / elapsed_s, 1),
                round(100 * gaps / days, 1),
            )
        )
    rows.sort(key=_trouble)
    silent = sum(row.device.connection == Connection.SILENT for row in rows)
    unknown = sum(row.device.connection == Connection.UNKNOWN for row in rows)
    incomplete = sum(not row.is_silent and _is_incomplete(row) for row in rows)
    return MissingBoard(rows, len(rows), silent, unknown, incomplete)


def troubled(board: MissingBoard) -> list[MissingRow]:
    """Return the meters that are silent, or of whose month something is missing or estimated."""
    return [row for row in board.rows if row.is_silent or _is_incomplete(row)]


def _is_incomplete(row: MissingRow) -> bool:
    return row.missing_pct > 0 or row.estimated_pct > 0


def _still_normal_s(device: Device, now: datetime) -> int:
    """Return the seconds since the last reading, if the next one is not overdue."""
    if device.last_reading_at is None:
        return 0
    seconds = int((now - device.last_reading_at) / timedelta(seconds=1))
    return seconds if seconds <= device.silence_s else 0


def _trouble(row: MissingRow) -> tuple[bool, bool, float, float, float, str]:
    """Order the silent ones first, the longest silence before shorter ones, then by what is missing."""
    since = row.since.timestamp() if row.since else 0.0
    never = row.device.connection == Connection.UNKNOWN
    return (
        not row.is_silent,
        never,
        since,
        -row.missing_pct,
        -row.estimated_pct,
        row.device.code,
    )


def _groups(today: date) -> dict[int, str]:
    """Return the name of the first group of each device today."""
    found: dict[int, str] = {}
    for device, name in (
        Attachment.objects.filter(Q(end__isnull=True) | Q(end__gt=today), start__lte=today)
        .order_by("pk")
        .values_list("device_id", "group__name")
    ):
        found.setdefault(device, name)
    return found
