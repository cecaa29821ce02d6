"""The numbers of an entry: capability with its intervals, measured values in subgroups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from quality import spc, wording
from quality.choices import Index, ReasonCode
from quality.judgement import NOT_NORMAL
from quality.models.reports import ReportEntry
from quality.presenters.numbers import padded, tone_of_cpk
from quality.presenters.shapes import Shape
from quality.wording import DASH

_WIDEST_ROW = 10
_FOLDED_ROWS = 8
"""So many rows of values are shown before the rest is folded."""

ESTIMATORS = {
    "rbar": "R̄/d₂",
    "sbar": "S̄/c₄",
    "mr": "MR/d₂",
    "median_mr": gettext_lazy("MR 中位数"),
    "pooled": gettext_lazy("合并标准差"),
    "pooled_unbiased": gettext_lazy("合并标准差/c₄"),
}


@dataclass(frozen=True, slots=True)
class CapabilityRow:
    """One line of the capability table; `why` says why a value is missing."""

    name: str
    value: str
    interval: str = ""
    tone: str = ""
    why: str = ""
    is_wide: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One measured value as written; blank cells fill the last row."""

    text: str
    is_bad: bool = False
    title: str = ""


@dataclass(frozen=True, slots=True)
class ValueRow:
    """One subgroup, or five single values.

    `label` is the number of the subgroup, or of the first value; `tone` red where a rule alarms
    on the chart, amber where one is only drawn.
    """

    label: str
    cells: Sequence[Cell]
    tone: str

    @property
    def is_notable(self) -> bool:
        return bool(self.tone) or any(cell.is_bad for cell in self.cells)


@dataclass(frozen=True, slots=True)
class ValueGrid:
    """The values in subgroups: the rows to look at first, and all of them."""

    title: str
    columns: int
    shown: Sequence[ValueRow]
    all: Sequence[ValueRow]

    @property
    def is_folded(self) -> bool:
        return len(self.shown) < len(self.all)


def capability_rows(
    entry: ReportEntry, capability: spc.Capability, shape: Shape | None, *, limit: Decimal, index: str
) -> list[CapabilityRow]:
    """Return the lines of the capability table: indices, then what they were made of."""
    decimals = wording.decimals_of(entry)
    bad = len(_points(entry, ReasonCode.OUT_OF_SPEC))
    if shape is None:
        expected = capability.ppm_expected_overall
        rows = _normal_rows(capability, limit=limit, index=index)
    else:
        expected = shape.expected_ppm
        rows = _shape_rows(shape, limit=limit, decimals=decimals)
    return [
        *rows,
        CapabilityRow(_("均值"), wording.number_text(capability.mean, decimals + 1), is_wide=True),
        CapabilityRow(
            _("最小–最大"),
            f"{wording.number_text(capability.minimum, decimals)} – "
            f"{wording.number_text(capability.maximum, decimals)}",
            is_wide=True,
        ),
        CapabilityRow(
            _("σ 全部 / 组内"),
            f"{wording.number_text(capability.sd_overall, decimals + 2)} / "
            f"{wording.number_text(capability.sd_within, decimals + 2)}",
            why=wording.missing_text(capability.missing["sd_within"])
            if "sd_within" in capability.missing
            else "",
            is_wide=True,
        ),
        CapabilityRow(
            _("超差"),
            f"{bad} / {capability.n}",
            "" if expected is None else _("预计 %(ppm)s ppm") % {"ppm": f"{expected:,.0f}"},
            "red" if bad else "",
        ),
    ]


def _normal_rows(capability: spc.Capability, *, limit: Decimal, index: str) -> list[CapabilityRow]:
    estimator = ESTIMATORS.get(capability.estimator, capability.estimator)
    judged = "cpk" if index == Index.WITHIN else "ppk"

    def of(name: str, label: str) -> CapabilityRow:
        value = getattr(capability, name)
        interval = capability.intervals.get(name)
        tone = tone_of_cpk(value, limit) if name == judged and value is not None else ""
        return CapabilityRow(
            label,
            wording.number_text(value, 2),
            f"{interval.low:.2f}–{interval.high:.2f}" if interval else "",
            tone,
            wording.missing_text(capability.missing[name]) if name in capability.missing else "",
        )

    return [
        of("ppk", _("CPK（全部标准差，报告口径）")),
        of("cpk", _("Cpk（组内 %(estimator)s）") % {"estimator": estimator}),
        of("pp", _("Pp（全部标准差）")),
        of("cp", _("Cp（组内）")),
    ]


def _shape_rows(shape: Shape, *, limit: Decimal, decimals: int) -> list[CapabilityRow]:
    """Return the indices by percentiles, the percentiles, and how well the distribution fits."""
    found, words = shape.capability, {"distribution": shape.name}

    def of(name: str, label: str, *, is_judged: bool = False) -> CapabilityRow:
        value = getattr(found, name)
        tone = tone_of_cpk(value, limit) if is_judged and value is not None else ""
        why = wording.missing_text(found.missing[name]) if name in found.missing else ""
        return CapabilityRow(label, wording.number_text(value, 2), tone=tone, why=why)

    percentiles = (found.x_low, found.x_median, found.x_high)
    return [
        of("ppk", _("CPK（%(distribution)s，百分位法）") % words, is_judged=True),
        of("pp", _("Pp（%(distribution)s，百分位法）") % words),
        CapabilityRow(_("Cp、Cpk（组内）"), DASH, why=wording.missing_text(NOT_NORMAL)),
        CapabilityRow(
            _("0.135 % / 50 % / 99.865 % 分位"),
            " / ".join(wording.number_text(value, decimals + 1) for value in percentiles),
            is_wide=True,
        ),
        *(CapabilityRow(name, text, is_wide=True) for name, text in shape.facts),
    ]


def attribute_rows(entry: ReportEntry) -> list[CapabilityRow]:
    counted = [value for value in entry.values if value is not None]
    bad = counted.count("NG")
    return [
        CapabilityRow(_("检查件数"), str(len(counted)), is_wide=True),
        CapabilityRow(_("NG 件数"), str(bad), tone="red" if bad else "", is_wide=True),
        CapabilityRow(_("不合格率"), f"{100 * bad / len(counted):.1f} %" if counted else DASH, is_wide=True),
    ]


def value_grid(entry: ReportEntry, chart: spc.ControlChart | None, size: int) -> ValueGrid:
    """Return the values in rows of one subgroup each, or of five where there are none (or large ones)."""
    columns = size if 1 < size <= _WIDEST_ROW else 5
    bad = _points(entry, ReasonCode.OUT_OF_SPEC, ReasonCode.NOT_GOOD)
    alarming = _points(entry, ReasonCode.CONTROL_RULE)
    signalled = {point for series in chart.series for point in series.violating_points} if chart else set()
    decimals = wording.decimals_of(entry)
    cells = [
        Cell(
            DASH if value is None else padded(value, decimals),
            point in bad,
            _("没有测量") if value is None else _("第 %(number)s 个") % {"number": point + 1},
        )
        for point, value in enumerate(entry.values)
    ]
    rows = []
    for start in range(0, len(cells), columns):
        subgroups = {point // size for point in range(start, min(start + columns, len(cells)))}
        label = start // size + 1 if columns == size else start + 1
        tone = "red" if subgroups & alarming else "amber" if subgroups & signalled else ""
        rows.append(ValueRow(str(label), cells[start : start + columns], tone))
    first, last = _window(rows)
    title = _("测量值")
    if last - first < len(rows) and columns == size:
        title = _("测量值 第 %(first)s–%(last)s 组") % {"first": first + 1, "last": last}
    elif last - first < len(rows):
        words = {"first": first * columns + 1, "last": min(last * columns, len(cells))}
        title = _("测量值 第 %(first)s–%(last)s 个") % words
    return ValueGrid(title, columns, rows[first:last], rows)


def _points(entry: ReportEntry, *codes: str) -> set[int]:
    """Return the points that the stored reasons of these codes name."""
    return {
        point for reason in entry.reasons if reason.get("code") in codes for point in reason.get("points", ())
    }


def _window(rows: Sequence[ValueRow]) -> tuple[int, int]:
    """Return the stretch of rows to show first: the one with the most to look at, else the last."""
    if len(rows) <= _FOLDED_ROWS + 2:
        return 0, len(rows)
    starts = range(len(rows) - _FOLDED_ROWS, -1, -1)
    best = max(starts, key=lambda start: sum(row.is_notable for row in rows[start : start + _FOLDED_ROWS]))
    return best, best + _FOLDED_ROWS
