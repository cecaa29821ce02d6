from __future__ import annotations

import gc

import pytest

from quality.choices import Status
from quality.kinds import IQC
from quality.models import Characteristic
from spc_site.bulk import collector_paused, insert_many, update_many
from tests import builders

pytestmark = pytest.mark.django_db


def test_many_rows_are_inserted_with_their_own_and_their_common_values() -> None:
    part = builders.part()
    insert_many(
        [Characteristic(part=part, name=f"尺寸{number}", alarm_rules=[number % 2]) for number in range(50)]
    )
    rows = Characteristic.objects.order_by("pk")
    assert [(row.name, row.alarm_rules, row.occurrence) for row in rows] == [
        (f"尺寸{number}", [number % 2], 1) for number in range(50)
    ]


def test_rows_that_exist_may_be_passed_over() -> None:
    part = builders.part()
    for _ in range(2):
        insert_many([Characteristic(part=part, name="内径")], ignore_conflicts=True)
    assert Characteristic.objects.count() == 1


def test_many_rows_are_updated_each_with_its_own_values(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    report = builders.report(entries=30)
    entries = list(report.entries.order_by("pk"))
    for number, entry in enumerate(entries):
        entry.status = Status.NORMAL
        entry.statistics = {"n": number}
        entry.name = "not written"
    update_many(entries, ["status", "statistics"])
    stored = IQC.entry_model.objects.order_by("pk")
    assert [(row.status, row.statistics) for row in stored] == [
        (Status.NORMAL, {"n": number}) for number in range(30)
    ]
    assert not stored.filter(name="not written").exists()


def test_nothing_to_write_is_no_query(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    with django_assert_num_queries(0):
        insert_many([])
        update_many([], ["status"])


def test_the_collector_runs_again_afterwards_also_after_an_error() -> None:
    with pytest.raises(RuntimeError), collector_paused():
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()
