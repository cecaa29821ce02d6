"""Control charts: panels over a shared axis of points (mean over range, value over moving range)."""

from spc_site.lib.svg.control.chart import control_chart
from spc_site.lib.svg.control.panels import ControlPanel, Stage

__all__ = ["ControlPanel", "Stage", "control_chart"]
