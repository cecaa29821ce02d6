"""What comes in and what came of it: plain data, for whoever hands readings over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from django.contrib.auth.models import User

from energy.choices import Way
from energy.models import Device, ReadingBatch

MOST_IN_REQUEST = 10_000

Value: TypeAlias = "Decimal | str | int | float"


class Reading(NamedTuple):
    """One reading as it came: the meter's code, when, what it showed in its unit.

    A moment without a zone is local time; text is read as ISO 8601. `where` names its place for
    the list of rejections (the cell of a sheet, the index in a request).
    """

    meter: str
    at: datetime | str
    value: Value
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Readings that came together. `label` overrides what the devices say about their times."""

    source: str
    batch_id: str
    way: Way
    readings: Sequence[Reading]
    who: User | None = None
    file_name: str = ""
    profile: str = ""
    label: str = ""


class Rejected(NamedTuple):
    """One reading that was not taken, and why: `code` for programs, `reason` for people."""

    where: str
    meter: str
    at: str
    value: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of a batch; a repeated one has the answer of the first."""

    batch: ReadingBatch
    rejected: Sequence[Rejected]
    is_repeated: bool = False


@dataclass(slots=True)
class Checked:
    """The readings of a batch that can be taken, as columns in order of arrival."""

    devices: dict[str, Device]
    meters: list[int] = field(default_factory=list)
    moments: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Compared:
    """What taking readings in would do: how many are new, change what is stored, or say the same."""

    new: int
    changed: int
    same: int
    meters: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of undoing a batch: readings put back or taken away, and those changed since, which stay."""

    reverted: int
    kept: int
