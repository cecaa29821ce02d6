"""The entry page: verdict first, then pictures and numbers, then its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from quality import plans, spc, wording
from quality.models import JudgementDefaults
from quality.models.reports import ReportEntry
from quality.presenters.charts import ControlView, control_view, histogram
from quality.presenters.data_quality import DataWarning, data_warnings
from quality.presenters.numbers import limits_text, number, numbers
from quality.presenters.shapes import Shape, shape_of
from quality.presenters.tables import CapabilityRow, ValueGrid, attribute_rows, capability_rows, value_grid
from quality.selectors import cpk_limit_of


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Everything that the entry page shows about one entry."""

    verdict: wording.Verdict
    what: str
    is_attribute: bool
    control: ControlView | None
    histogram: SafeString
    capability: Sequence[CapabilityRow]
    confidence: str
    values: ValueGrid
    mismatches: Sequence[str]
    warnings: Sequence[DataWarning]


def entry_page(entry: ReportEntry, defaults: JudgementDefaults) -> EntryPage:
    """Present one entry: verdict, charts, capability, values, and what to keep in mind about them."""
    limit = cpk_limit_of(entry, defaults)
    is_attribute = any(value in ("OK", "NG") for value in entry.values)
    study = None if is_attribute else study_of(entry)
    rows: Sequence[CapabilityRow] = attribute_rows(entry) if is_attribute else ()
    if study:
        index = entry.characteristic.judged_index or defaults.judged_index
        rows = capability_rows(entry, study.capability, study.shape, limit=limit, index=index)
    return EntryPage(
        verdict=wording.verdict(entry, cpk_limit=limit),
        what=_what(entry),
        is_attribute=is_attribute,
        control=control_view(entry, study.chart, study.plan.subgroup_size) if study else None,
        histogram=histogram(entry, study.measured, study.capability, study.shape) if study else SafeString(),
        capability=rows,
        confidence=_("95 % 置信区间") if study and not study.shape else "",
        values=value_grid(entry, study.chart if study else None, study.plan.subgroup_size if study else 1),
        mismatches=_mismatches(entry),
        warnings=data_warnings(entry),
    )


@dataclass(frozen=True, slots=True)
class Study:
    """What the engine says about the stored values."""

    measured: Sequence[float | None]
    plan: spc.Plan
    capability: spc.Capability
    shape: Shape | None
    chart: spc.ControlChart


def study_of(entry: ReportEntry) -> Study | None:
    """Compute charts and indices; None without a value, or where the settings cannot be worked with.

    The verdict of such an entry names the fault; the page must open all the same.
    """
    measured = numbers(entry.values)
    if all(value is None for value in measured):
        return None
    settings = entry.characteristic
    try:
        plan = plans.plan_of(settings, subgroup_size=plans.subgroup_size(settings, entry))
        capability = spc.capability(
            measured,
            lsl=number(entry.lsl),
            usl=number(entry.usl),
            target=number(entry.nominal),
            lower_bound=settings.lower_is_bound,
            upper_bound=settings.upper_is_bound,
            subgroup_size=plan.subgroup_size,
            estimator=plan.estimator,
        )
        shape = shape_of(entry, measured)
        chart = spc.control_chart(measured, plan, limits=plans.limits_of(entry.limits))
    except spc.SpcInputError:
        return None
    return Study(measured, plan, capability, shape, chart)


def _what(entry: ReportEntry) -> str:
    parts = (entry.report.part.name, entry.name, entry.spec or limits_text(entry), entry.unit)  # type: ignore[attr-defined]
    words = [part for part in parts if part]
    if entry.unit and entry.spec.rstrip().endswith(entry.unit):
        words.pop()
    return " ".join(words)


_MISMATCH_PLACES = 4


def _mismatches(entry: ReportEntry) -> list[str]:
    """Say where the results that the report prints are not those of its own values."""
    statistics, sentences = entry.statistics or {}, []
    compared = (("cpk", "CPK", "ppk"), ("avg", _("平均值"), "mean"), ("stdev", "STDEV", "sd_overall"))
    for key, label, ours in compared:
        printed, computed = entry.printed.get(key, ""), statistics.get(ours)
        if key == "cpk" and "ppk_normal" in statistics:  # what a form prints knows of no distribution
            computed = statistics["ppk_normal"]
        if computed is None or not _differs(printed, computed):
            continue
        places = min(_MISMATCH_PLACES, max(0, -int(Decimal(printed).as_tuple().exponent)))
        theirs, ours_text = wording.distinct_texts(float(printed), computed, places)
        sentences.append(
            _("报告所印 %(label)s %(printed)s，按所列数值算得 %(ours)s")
            % {"label": label, "printed": theirs, "ours": ours_text}
        )
    return sentences


def _differs(printed: str, computed: float) -> bool:
    """Say whether a printed number is more than one unit of its last place away from ours.

    A cell that holds all digits of a formula differs in the last of them from any other way to
    compute the same: a billionth of the number is noise.
    """
    try:
        shown = Decimal(printed)
        unit = Decimal(1).scaleb(max(int(shown.as_tuple().exponent), shown.adjusted() - 9))
        return abs(Decimal(repr(computed)).quantize(unit, ROUND_HALF_EVEN) - shown) > unit
    except InvalidOperation:
        return False


@dataclass(frozen=True, slots=True)
class Siblings:
    """The neighbours among the abnormal entries of the report."""

    place: int | None
    count: int
    previous: str
    previous_name: str
    next: str
    next_name: str


def siblings(entry: ReportEntry, abnormal: Sequence[tuple[int, str]]) -> Siblings:
    """Return the neighbours of an entry among the abnormal ones; from a good entry the first is next."""
    keys = [pk for pk, _name in abnormal]
    place = keys.index(entry.pk) if entry.pk in keys else None
    before = abnormal[place - 1] if place else None
    following = (place + 1) if place is not None else 0
    after = abnormal[following] if following < len(abnormal) else None

    def url(sibling: tuple[int, str] | None) -> str:
        return reverse("quality:entry", args=[entry.KIND, entry.report_id, sibling[0]]) if sibling else ""

    return Siblings(
        place=None if place is None else place + 1,
        count=len(abnormal),
        previous=url(before),
        previous_name=before[1] if before else "",
        next=url(after),
        next_name=after[1] if after else "",
    )
