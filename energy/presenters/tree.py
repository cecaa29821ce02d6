"""The tree of groups with what each used, and the meters of one group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol, TypeVar

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from energy.metering import unmeasured
from energy.models import Attachment, DeviceGroup, EnergyType
from energy.presenters import numbers
from energy.presenters.periods import Period
from energy.selectors.totals import Totals
from spc_site.lib.svg import ChartSpec, Column, LayoutName, render_responsive, step_chart


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a period was measured, in a word and its tone."""

    text: str
    tone: str

    @property
    def is_full(self) -> bool:
        return self.tone == "green"


def coverage(covered_s: int, expected_s: int) -> Coverage:
    """Judge what share of the time has data; nothing expected is no gap but nothing to judge."""
    if expected_s <= 0:
        return Coverage(_("无表"), "grey")
    share = covered_s / expected_s
    text = _("数据 %(share)s") % {"share": f"{min(share, 1):.0%}"}
    if share >= numbers.FULL_COVERAGE:
        return Coverage(_("数据完整"), "green")
    return Coverage(text, "amber" if share >= 0.5 else "red")


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One group; `rest` is what none of the groups below it shows, negative by the meters' error."""

    depth: int
    name: str
    url: str
    amount: int
    amount_text: str
    share: str
    width: int
    rest: int | None
    rest_text: str
    rest_is_negative: bool
    coverage: Coverage
    meters: int


class _Placed(Protocol):
    @property
    def depth(self) -> int: ...


class _Node(NamedTuple):
    """A group with meters, and how far below the top it stands."""

    group: DeviceGroup
    depth: int


_Row = TypeVar("_Row", bound=_Placed)
_MOST_ROWS = 60
"""A tree of more rows shows its upper levels; the groups' own pages go on from there."""


_ON_THE_WAY_S = 2 * 3600
"""Readings come by the hour and take their time: what is younger is not missed yet."""
_MINUTE_OF_DAY = 1 / 1440


def share_of_time(period: Period) -> float:
    """Return what part of the period has been, today up to now: what has not cannot have data."""
    gone = float(period.elapsed)
    if period.is_current:
        now = timezone.localtime()
        today_s = now.hour * 3600 + now.minute * 60 - _ON_THE_WAY_S
        gone += max(today_s, 0) / 86_400 - 1
    return max(gone, _MINUTE_OF_DAY) / ((period.last - period.first).days + 1)


def children_of(groups: Sequence[DeviceGroup]) -> Mapping[int | None, list[DeviceGroup]]:
    """Return the groups below each, in their order; those of None stand at the top."""
    below: defaultdict[int | None, list[DeviceGroup]] = defaultdict(list)
    for group in groups:
        below[group.parent_id].append(group)
    return below


def tree_rows(
    groups: Sequence[DeviceGroup],
    found: Totals,
    energy_type: EnergyType,
    period: Period,
    *,
    under: DeviceGroup | None = None,
    whole_tree: bool = False,
) -> list[TreeRow]:
    """Return the groups as a flattened tree (below one, if given) that have meters of the type.

    A long tree is cut to its upper levels unless the whole is wanted.
    """
    below = children_of(groups)
    place = found.plant.groups
    counts = (found.own != 0).sum(axis=1)
    expected = found.group_expected
    top = below[under.pk if under else None]
    whole = sum(max(int(found.groups[place[one.pk]]), 0) for one in top)
    if under is not None:
        whole = int(found.groups[place[under.pk]])
    part = share_of_time(period)
    query = f"?type={energy_type.code}&period={period.kind}&at={period.at}"
    has_meters = (expected != 0) | (found.groups != 0)
    nodes: list[_Node] = []

    def add(group: DeviceGroup, depth: int) -> None:
        if has_meters[place[group.pk]]:
            nodes.append(_Node(group, depth))
            for one in below[group.pk]:
                add(one, depth + 1)

    for group in top:
        add(group, 0)
    rows = []
    for group, depth in nodes if whole_tree else upper_levels(nodes):
        at = place[group.pk]
        use = int(found.groups[at])
        inner = [place[one.pk] for one in below[group.pk] if has_meters[place[one.pk]]]
        rest = use - int(found.groups[inner].sum()) if inner else None
        rows.append(
            TreeRow(
                depth=min(depth, 6),
                name=group.name,
                url=reverse("energy:group", args=[group.pk]) + query,
                amount=use,
                amount_text=numbers.amount(energy_type, use),
                share=numbers.percent(use, whole),
                width=min(numbers.width(use, whole), 100),
                rest=rest,
                rest_text="" if rest is None else numbers.amount(energy_type, rest),
                rest_is_negative=rest is not None and rest < 0,
                coverage=coverage(int(found.group_covered[at]), round(int(expected[at]) * part)),
                meters=int(counts[at]),
            )
        )
    return rows


def upper_levels(rows: list[_Row]) -> list[_Row]:
    """Leave out the lowest levels of a tree that is too long to be looked at; the first level stays."""
    while len(rows) > _MOST_ROWS and (lowest := max(row.depth for row in rows)):
        rows = [row for row in rows if row.depth < lowest]
    return rows


def options(groups: Sequence[DeviceGroup]) -> SafeString:
    """Return groups as options of a choice: once for all meters of a page, each of which has the choice."""
    return format_html_join("", '<option value="{}">{}</option>', ((one.pk, one.name) for one in groups))


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A meter that belongs to a group; `role` says how its use counts for the group."""

    attachment: Attachment
    name: str
    url: str
    amount_text: str
    share: str
    role: str
    role_tone: str
    coverage: Coverage
    rest_text: str
    rest_is_negative: bool
    since: date
    until: date | None


def meter_rows(
    attachments: Sequence[Attachment],
    group: DeviceGroup,
    found: Totals,
    energy_type: EnergyType,
    period: Period,
) -> list[MeterRow]:
    """Return the meters attached to a group, with the unmeasured rest of those that have sub-meters."""
    at = found.plant.groups[group.pk]
    use = int(found.groups[at])
    expected = round(found.length_s * share_of_time(period))
    starts = [start for start, _end in found.parts if start <= period.so_far]
    rests = unmeasured(
        found.plant.plant,
        found.device_parts[:, : len(starts)],
        starts,
        meters=[found.plant.devices[one.device_id] for one in attachments],
    )
    rows = []
    for one in attachments:
        place = found.plant.devices[one.device_id]
        its = int(found.devices[place])
        rest = int(rests[place].sum()) if place in rests else None
        role, tone = _role(int(found.own[at, place]), one, period.so_far)
        rows.append(
            MeterRow(
                attachment=one,
                name=str(one.device),
                url=reverse("energy:device", args=[one.device_id]),
                amount_text=numbers.amount(energy_type, its),
                share=numbers.percent(its, use),
                role=role,
                role_tone=tone,
                coverage=coverage(int(found.covered_s[place]), expected),
                rest_text="" if rest is None else numbers.amount(energy_type, rest),
                rest_is_negative=rest is not None and rest < 0,
                since=one.start,
                until=one.end,
            )
        )
    return rows


def _role(sign: int, one: Attachment, day: date) -> tuple[str, str]:
    if one.start > day:
        return _("尚未生效"), "grey"
    if one.end is not None and one.end <= day:
        return _("已终止"), "grey"
    if sign > 0:
        return _("计入"), "green"
    if sign < 0:
        return _("扣除"), "amber"
    return (_("由上级表计入"), "blue") if one.sign > 0 else (_("扣除（无上级表，不计）"), "grey")


def parts_chart(
    ticks: Sequence[str], amounts: Sequence[float | None], *, title: str, unit: str
) -> SafeString:
    """Draw the use of the days or months of a period as columns."""
    tips = [
        f"{tick}\n{amount:,.4g} {unit}" if amount is not None else ""
        for tick, amount in zip(ticks, amounts, strict=True)
    ]
    step = 1 if len(ticks) <= 16 else 5

    def build(layout: LayoutName) -> ChartSpec:
        return step_chart(
            title=title,
            ticks=[tick if number % step == 0 else "" for number, tick in enumerate(ticks)],
            tips=tips,
            columns=[Column(title, amounts)],
            unit=unit,
            layout=layout,
            labels=numbers.chart_labels(),
        )

    return SafeString(render_responsive(build))
