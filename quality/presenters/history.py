"""A characteristic over its lots: the chart of lot means, each lot one point.

Pieces of one lot are alike and lots differ: limits from the spread within lots flag nearly
every lot. The three-way chart takes the limits of the means from their own moving ranges and
shows the spread within lots beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from quality import plans, spc
from quality.models import Characteristic
from quality.models.reports import ReportEntry
from quality.presenters.charts import PANEL_NAMES, chart_labels
from spc_site.lib import svg


def lot_chart(
    characteristic: Characteristic, entries: Sequence[ReportEntry], *, chart: str = "three_way"
) -> spc.ControlChart | None:
    """Return the chart of the given entries, one subgroup per lot, in their order.

    None where fewer than two lots have measured values: a chart needs something to compare.
    """
    lots = [plans.numbers(entry.values) for entry in entries if plans.is_measured(entry.values)]
    if len(lots) < 2:
        return None
    size = max(2, *(len(values) for values in lots))
    plan = spc.Plan(chart=chart, subgroup_size=size, rules=plans.rules_of(characteristic))
    charted: spc.ControlChart = spc.control_chart(spc.Subgroups(lots), plan)
    return charted


def lot_chart_spec(
    characteristic: Characteristic,
    entries: Sequence[ReportEntry],
    charted: spc.ControlChart,
    *,
    layout: svg.LayoutName = "wide",
) -> svg.ChartSpec:
    """Return what is drawn: means, their moving ranges and the spread within, by lot number."""
    unit = next((entry.unit for entry in entries if entry.unit), "")
    panels = [
        svg.ControlPanel(
            str(PANEL_NAMES[series.kind]),
            series.points.tolist(),
            centre=series.centre.tolist(),
            ucl=series.ucl.tolist(),
            lcl=series.lcl.tolist(),
            unit=unit,
            violations=[
                svg.Violation(
                    point,
                    tuple(one.rule for one in series.violations if one.point == point),
                    _("规则 %(rules)s")
                    % {"rules": "、".join(one.rule for one in series.violations if one.point == point)},
                )
                for point in sorted({one.point for one in series.violations})
            ],
        )
        for series in charted.series
    ]
    return svg.control_chart(
        panels,
        title=_("%(name)s 批均值") % {"name": characteristic.name},
        layout=layout,
        labels=chart_labels(),
        x_name=_("批"),
    )
