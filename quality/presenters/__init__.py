"""Rows and results → what the templates show: plain dataclasses, finished words, finished SVG.

Nothing here queries. Charts are computed anew from the stored values; verdict and reasons are
the stored ones.
"""

from quality.presenters.charts import chart_labels
from quality.presenters.data_quality import DataWarning, data_warnings
from quality.presenters.dispositions import Card as DispositionCard
from quality.presenters.dispositions import disposition_cards
from quality.presenters.entry import EntryPage, entry_page, siblings
from quality.presenters.lists import entry_rows, report_facts, report_rows
from quality.presenters.timeline import timeline

__all__ = [
    "DataWarning",
    "DispositionCard",
    "EntryPage",
    "chart_labels",
    "data_warnings",
    "disposition_cards",
    "entry_page",
    "entry_rows",
    "report_facts",
    "report_rows",
    "siblings",
    "timeline",
]
