"""The pictures of an entry: control charts with their sentences, histogram, small line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.people import name_of
from quality import spc, wording
from quality.choices import ReasonCode
from quality.models.reports import ReportEntry
from quality.presenters.numbers import number, numbers
from quality.presenters.shapes import Shape
from spc_site.lib import svg

_SPARK_POINTS = 48

_SIDES = {"high": "upper", "low": "lower", "both": "both"}
_SIDE_NAMES = {"upper": "USL", "lower": "LSL", "both": "LSL USL"}
_CHART_PARTS = {"x": "i"}
"""Where the engine's name of a chart differs from the stored one."""

_WHOLE_WINDOW = {spc.Kind.RUN, spc.Kind.TREND, spc.Kind.ALTERNATION, spc.Kind.WITHIN}
"""Rules that every point of the window takes part in: the sentence names all of them."""

CHART_TITLES: dict[str, Promise] = {
    "i_mr": gettext_lazy("单值–移动极差控制图"),
    "xbar_r": gettext_lazy("均值–极差控制图"),
    "xbar_s": gettext_lazy("均值–标准差控制图"),
    "median_r": gettext_lazy("中位数–极差控制图"),
    "three_way": gettext_lazy("三方控制图"),
}
PANEL_NAMES: dict[str, Promise] = {
    "x": gettext_lazy("单值"),
    "xbar": gettext_lazy("均值"),
    "median": gettext_lazy("中位数"),
    "mr": gettext_lazy("移动极差"),
    "r": gettext_lazy("极差"),
    "s": gettext_lazy("标准差"),
}


@dataclass(frozen=True, slots=True)
class RuleNote:
    """A rule that fires on the chart: its number, its sentence, whether it made the entry abnormal."""

    number: str
    text: str
    is_alarm: bool


@dataclass(frozen=True, slots=True)
class ControlView:
    """The pair of control charts with its words."""

    title: str
    svg: SafeString
    notes: Sequence[RuleNote]
    remark: str


def chart_labels(*, is_single: bool = False) -> svg.Labels:
    """Return the words drawn on charts, in the language of the page."""
    return svg.Labels(
        target=_("目标"),
        point=_("第 {} 个") if is_single else _("第 {} 组"),
        excluded=_("已剔除"),
        count=_("{} 个"),
        no_data=_("没有可画的数据"),
    )


def control_view(entry: ReportEntry, chart: spc.ControlChart, subgroup_size: int) -> ControlView:
    """Draw the charts of an entry, name every mark on them, and say where the limits come from."""
    alarming = _alarming(entry)
    is_single = chart.chart == "i_mr"
    name = str(CHART_TITLES[chart.chart])
    panels = [_panel(entry, series, alarming) for series in chart.series]

    def build(layout: svg.LayoutName) -> svg.ChartSpec:
        return svg.control_chart(
            panels,
            title=f"{entry.name} {name}",
            layout=layout,
            labels=chart_labels(is_single=is_single),
            x_name=_x_name(is_single=is_single),
        )

    size = "" if is_single else f" n={subgroup_size}"
    return ControlView(
        title=f"{name}{size}",
        svg=SafeString(svg.render_responsive(build)),
        notes=_rule_notes(entry, chart, alarming),
        remark=_limits_remark(entry, chart, is_single=is_single),
    )


def control_picture(entry: ReportEntry, chart: spc.ControlChart, labels: svg.Labels) -> svg.ChartSpec:
    """Lay out the charts of an entry as a picture that stands without a page: heading above, notes below."""
    alarming = _alarming(entry)
    report = entry.report  # type: ignore[attr-defined]
    return svg.control_chart(
        [_panel(entry, series, alarming) for series in chart.series],
        title=f"{report.part.name} {entry.name} · {report.lot}",
        layout="medium",
        labels=labels,
        x_name=_x_name(is_single=chart.chart == "i_mr"),
        heading=True,
        notes=[
            svg.Note((note.number,), note.text, alarm=note.is_alarm)
            for note in _rule_notes(entry, chart, alarming)
        ],
    )


def _alarming(entry: ReportEntry) -> set[tuple[str, str]]:
    """Return rule and chart of each reason that made the entry abnormal."""
    return {
        (str(reason["rule"]), reason["chart"])
        for reason in entry.reasons
        if reason.get("code") == ReasonCode.CONTROL_RULE
    }


def _x_name(*, is_single: bool) -> str:
    return _("序号") if is_single else _("组")


def _limits_remark(entry: ReportEntry, chart: spc.ControlChart, *, is_single: bool) -> str:
    if entry.limits is not None:
        return _("控制限 v%(version)s 已锁定（%(day)s %(author)s）") % {
            "version": entry.limits.version,
            "day": f"{timezone.localtime(entry.limits.valid_from):%Y-%m-%d}",
            "author": name_of(entry.limits.author),
        }
    if "limits" in chart.missing:
        return _("没有控制限：%(why)s") % {"why": wording.missing_text(chart.missing["limits"])}
    words = {"count": chart.stages[-1].points_used}
    if is_single:
        return _("控制限由本报告 %(count)s 个值算出") % words
    return _("控制限由本报告 %(count)s 组算出") % words


@dataclass(frozen=True, slots=True)
class _Mark:
    """Why one point is marked: the name drawn beside it, the sentence shown on touch."""

    point: int
    name: str
    text: str
    is_alarm: bool


def _panel(entry: ReportEntry, series: spc.Series, alarming: set[tuple[str, str]]) -> svg.ControlPanel:
    marks: dict[int, list[_Mark]] = defaultdict(list)
    for mark in (*_beyond_specification(entry, series), *_broken_rules(entry, series, alarming)):
        marks[mark.point].append(mark)
    decimals = wording.decimals_of(entry)
    shows_spec = series.kind == "x"  # a mean inside the specification says nothing of its values
    return svg.ControlPanel(
        str(PANEL_NAMES[series.kind]),
        series.points.tolist(),
        centre=series.centre.tolist(),
        ucl=series.ucl.tolist(),
        lcl=series.lcl.tolist(),
        usl=number(entry.usl) if shows_spec else None,
        lsl=number(entry.lsl) if shows_spec else None,
        unit=entry.unit,
        decimals=decimals if shows_spec else decimals + 1,
        violations=[
            svg.Violation(
                point,
                tuple(mark.name for mark in found),
                "\n".join(mark.text for mark in found),
                alarm=any(mark.is_alarm for mark in found),
            )
            for point, found in sorted(marks.items())
        ],
    )


def _broken_rules(entry: ReportEntry, series: spc.Series, alarming: set[tuple[str, str]]) -> Iterator[_Mark]:
    part = _CHART_PARTS.get(series.kind, series.kind)
    for one in series.violations:
        sentence = wording.reason_text(_as_reason(series, [one]), entry)
        yield _Mark(one.point, one.rule, sentence, (one.rule, part) in alarming)


def _beyond_specification(entry: ReportEntry, series: spc.Series) -> Iterator[_Mark]:
    """Mark the single values that the verdict names; on charts of subgroups the grid below does."""
    if series.kind != "x":
        return
    for reason in entry.reasons:
        if reason.get("code") != ReasonCode.OUT_OF_SPEC:
            continue
        for point, value in zip(reason["points"], reason["values"], strict=True):
            is_over = bool(entry.usl) and float(value) > float(entry.usl)
            name, side, limit = ("USL", "upper", entry.usl) if is_over else ("LSL", "lower", entry.lsl)
            one = reason | {"points": [point], "values": [value], "side": side, "limit": limit}
            yield _Mark(point, name, wording.reason_text(one, entry), is_alarm=True)


def _as_reason(series: spc.Series, found: Sequence[spc.Violation]) -> dict[str, Any]:
    """Return what a rule found in the form in which reasons are stored, so that one place words both."""
    first = found[0]
    if first.kind in _WHOLE_WINDOW:
        points = sorted({point for one in found for point in one.window})
    else:
        points = sorted({one.point for one in found})
    return {
        "code": ReasonCode.CONTROL_RULE,
        "rule": first.rule,
        "chart": _CHART_PARTS.get(series.kind, series.kind),
        "points": points,
        "values": [one.value for one in found],
        "limit": first.limit,
        "side": _SIDES[first.side],
    }


def _rule_notes(
    entry: ReportEntry, chart: spc.ControlChart, alarming: set[tuple[str, str]]
) -> list[RuleNote]:
    notes = [
        RuleNote(_SIDE_NAMES[reason["side"]], wording.reason_text(reason, entry), is_alarm=True)
        for reason in entry.reasons
        if reason.get("code") == ReasonCode.OUT_OF_SPEC and chart.primary.kind == "x"
    ]
    for series in chart.series:
        together: dict[tuple[str, str], list[spc.Violation]] = defaultdict(list)
        for violation in series.violations:
            together[violation.rule, violation.side].append(violation)
        part = _CHART_PARTS.get(series.kind, series.kind)
        notes += [
            RuleNote(
                rule,
                wording.reason_text(_as_reason(series, found), entry),
                (rule, part) in alarming,
            )
            for (rule, _side), found in sorted(together.items())
        ]
    return notes


# --- histogram ---


def histogram(
    entry: ReportEntry,
    measured: Sequence[float | None],
    capability: spc.Capability,
    shape: Shape | None = None,
) -> SafeString:
    """Draw the distribution with the specification and the fitted curve: of the set distribution, if any."""
    curve = None
    if shape is not None:
        curve = svg.Curve(shape.name, shape.density) if shape.density else None
    elif capability.mean is not None and capability.sd_overall:
        curve = svg.normal_curve(_("正态拟合"), capability.mean, capability.sd_overall)

    def build(layout: svg.LayoutName) -> svg.ChartSpec:
        return svg.histogram(
            measured,
            title=_("%(name)s 分布") % {"name": entry.name},
            lsl=number(entry.lsl),
            usl=number(entry.usl),
            target=number(entry.nominal),
            curves=[curve],
            unit=entry.unit,
            decimals=wording.decimals_of(entry),
            layout=layout,
            labels=chart_labels(),
        )

    return SafeString(svg.render_responsive(build))


def spark(entry: ReportEntry) -> SafeString:
    """Draw the values small: each of few, a stretch of many as its mean, bad ones always at their place."""
    if any(value in ("OK", "NG") for value in entry.values) or not any(entry.values):
        return SafeString()
    out = next((reason for reason in entry.reasons if reason.get("code") == ReasonCode.OUT_OF_SPEC), None)
    bad = set(out["points"]) if out else set()
    values = numbers(entry.values)
    stretch = -(-len(values) // _SPARK_POINTS)
    drawn: list[float | None] = []
    marked = set()
    for start in range(0, len(values), stretch):
        points = range(start, min(start + stretch, len(values)))
        worst = next((point for point in points if point in bad), None)
        if worst is not None:
            marked.add(len(drawn))
            drawn.append(values[worst])
            continue
        present = [value for point in points if (value := values[point]) is not None]
        drawn.append(sum(present) / len(present) if present else None)
    limit = number(out["limit"]) if out and out.get("limit") else None
    title = _("%(name)s 的 %(count)s 个值") % {"name": entry.name, "count": len(values)}
    return SafeString(svg.render_svg(svg.sparkline(drawn, title=title, limit=limit, bad=frozenset(marked))))
