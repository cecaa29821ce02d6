"""Contract numbers: taken in the transaction that needs one, never given twice, gaps allowed."""

from __future__ import annotations

from datetime import date

from django.db.models import F
from django.utils.translation import gettext as _

from contracts.choices import Reset
from contracts.models import NumberCounter, NumberSeries
from spc_site.errors import AppError


def take_number(series: NumberSeries, *, on: date, department: str = "", department_id: str = "") -> str:
    """Take the next number of a series. To be called inside the transaction that stores it.

    Raises AppError for a department without a code, where the series wants one, and when the digits
    of the series are used up.
    """
    period, code = period_of(series, on), code_of(series, department, department_id)
    counter, _is_new = NumberCounter.objects.get_or_create(series=series, period=period, department=code)
    # The update locks the row until the transaction ends: whoever comes meanwhile waits and gets the next.
    NumberCounter.objects.filter(pk=counter.pk).update(last=F("last") + 1)
    last = NumberCounter.objects.values_list("last", flat=True).get(pk=counter.pk)
    if last >= 10**series.digits:
        raise AppError(
            "numbers_used_up", _("编号规则“%(series)s”的位数已用完，请增加位数。") % {"series": series}
        )
    return formatted(series, period, code, last)


def period_of(series: NumberSeries, on: date) -> str:
    """Return the period in which a day's numbers are counted; blank for a series that never starts again."""
    return {Reset.YEAR: f"{on:%Y}", Reset.MONTH: f"{on:%Y-%m}"}.get(Reset(series.reset), "")


def code_of(series: NumberSeries, department: str, department_id: str = "") -> str:
    """Return the department's code in the numbers: by full name, last part of its path, or number."""
    if not series.department_codes:
        return ""
    for name in (department, department.rpartition("/")[2], department_id):
        if name in series.department_codes:
            return str(series.department_codes[name])
    raise AppError(
        "no_department_code",
        _("编号规则“%(series)s”中没有部门“%(department)s”的代码。")
        % {"series": series, "department": department or _("（无）")},
    )


def formatted(series: NumberSeries, period: str, code: str, number: int) -> str:
    """Return a number as it is printed: prefix, department, period, digits."""
    parts = (series.prefix, code, period.replace("-", ""), f"{number:0{series.digits}}")
    return series.separator.join(part for part in parts if part)
