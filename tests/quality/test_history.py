from __future__ import annotations

import itertools
from datetime import date

import pytest

from quality.kinds import IQC
from quality.presenters.history import lot_chart, lot_chart_spec
from quality.selectors import lot_history
from spc_site.lib import svg
from tests import builders

pytestmark = pytest.mark.django_db

LOTS = ["10.00 10.02", "10.10 10.12", "9.98 10.00", "10.05 10.07", "10.01 10.03", "10.08 10.10"]


@pytest.fixture
def history():  # type: ignore[no-untyped-def]
    characteristic = builders.characteristic()
    days = [3, 1, 2, 4, 5, 6]
    for day, text in zip(days, LOTS, strict=True):
        report = builders.report(part=characteristic.part, inspected_on=date(2026, 11, day))
        builders.entry(report, values=text.split(), characteristic=characteristic)
    return characteristic


def test_lots_come_by_day_of_inspection_in_one_query(history, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    user = builders.superuser()
    with django_assert_num_queries(1):
        entries = lot_history(user, IQC, history)
        days = [entry.report.inspected_on.day for entry in entries]
    assert days == [1, 2, 3, 4, 5, 6]
    assert [entry.report.inspected_on.day for entry in lot_history(user, IQC, history, lots=2)] == [5, 6]


def test_replaced_revisions_are_not_in_the_history(history) -> None:  # type: ignore[no-untyped-def]
    user = builders.superuser()
    report = lot_history(user, IQC, history)[0].report
    type(report).objects.filter(pk=report.pk).update(revision=2)
    assert len(lot_history(user, IQC, history)) == 5


def test_who_may_not_see_reports_sees_no_history(history) -> None:  # type: ignore[no-untyped-def]
    assert lot_history(builders.person("供应商"), IQC, history) == []


def test_limits_of_lot_means_come_from_their_own_moving_ranges(history) -> None:  # type: ignore[no-untyped-def]
    entries = lot_history(builders.superuser(), IQC, history)
    charted = lot_chart(history, entries)
    assert charted is not None
    means = [sum(map(float, entry.values)) / 2 for entry in entries]
    ranges = [abs(right - left) for left, right in itertools.pairwise(means)]
    half = 3 * (sum(ranges) / len(ranges)) * 3.141592653589793**0.5 / 2
    assert charted.primary.ucl[0] == pytest.approx(sum(means) / 6 + half, rel=1e-9)
    # Limits from the spread within lots would flag most of these lots; these flag none.
    assert charted.primary.violating_points == ()
    within = lot_chart(history, entries, chart="xbar_r")
    assert within is not None
    assert len(within.primary.violating_points) >= 3


def test_the_chart_draws_every_panel(history) -> None:  # type: ignore[no-untyped-def]
    entries = lot_history(builders.superuser(), IQC, history)
    charted = lot_chart(history, entries)
    assert charted is not None
    text = svg.render_svg(lot_chart_spec(history, entries, charted))
    assert text.startswith("<svg")
    assert "批均值" in text
    assert len(charted.series) == 3


def test_one_lot_is_no_history(history) -> None:  # type: ignore[no-untyped-def]
    entries = lot_history(builders.superuser(), IQC, history, lots=1)
    assert lot_chart(history, entries) is None


def test_lots_that_were_only_found_ok_have_no_means() -> None:
    characteristic = builders.characteristic()
    for _ in range(3):
        report = builders.report(part=characteristic.part)
        builders.entry(report, values=["OK", "NG", None], characteristic=characteristic)
    entries = lot_history(builders.superuser(), IQC, characteristic)
    assert lot_chart(characteristic, entries) is None


def test_lots_of_zeros_are_lots() -> None:
    characteristic = builders.characteristic()
    for _ in range(3):
        report = builders.report(part=characteristic.part)
        builders.entry(report, values=["0", "0"], characteristic=characteristic)
    entries = lot_history(builders.superuser(), IQC, characteristic)
    charted = lot_chart(characteristic, entries)
    assert charted is not None
    assert charted.missing
