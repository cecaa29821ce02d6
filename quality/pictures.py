"""The chart of an abnormal entry as a picture, for messages that want one."""

from __future__ import annotations

from django.utils import translation

from quality.kinds import KINDS
from quality.models.reports import ReportEntry
from quality.presenters.charts import chart_labels, control_picture
from quality.presenters.entry import study_of
from spc_site.lib.png import find_cjk_font, labels_for_png, render_png
from spc_site.lib.svg import render_svg

WIDTH_PX = 1080
"""As wide as a phone shows it sharply."""


def entry_picture(entry: ReportEntry) -> tuple[str, bytes] | None:
    """Return file name and PNG of an entry's control charts as stored; None where none can be drawn.

    One query: the row is read anew, since a judgement loads only what it needs. A machine
    without a Chinese font draws in English.
    """
    entries = KINDS[entry.KIND].entry_model.objects
    stored = entries.select_related("report__part", "characteristic", "limits__author").get(pk=entry.pk)
    study = None if any(value in ("OK", "NG") for value in stored.values) else study_of(stored)
    if study is None:
        return None
    font = find_cjk_font()
    with translation.override("zh-hans" if font else "en"):
        labels = labels_for_png(font, chart_labels(is_single=study.chart.chart == "i_mr"))
        picture = control_picture(stored, study.chart, labels)
    return f"{stored.name}.png", render_png(render_svg(picture), WIDTH_PX, font=font)
