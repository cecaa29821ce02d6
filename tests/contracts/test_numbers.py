"""Numbers: per series and period, with departments, none given twice whoever asks at once."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from django.db import connection, transaction

from contracts.models import NumberCounter
from contracts.services.numbering import take_number
from spc_site.errors import AppError
from tests.contracts import building

DAY = date(2026, 3, 9)


@pytest.mark.django_db
def test_a_series_counts_within_its_period_and_department() -> None:
    yearly = building.series(prefix="HT")
    assert [take_number(yearly, on=DAY) for _ in range(2)] == ["HT-2026-0001", "HT-2026-0002"]
    assert take_number(yearly, on=date(2027, 1, 1)) == "HT-2027-0001"
    assert take_number(yearly, on=DAY) == "HT-2026-0003"
    monthly = building.series(prefix="XS", reset="month", digits=3, separator="")
    assert take_number(monthly, on=DAY) == "XS202603001"
    endless = building.series(
        prefix="ZL", reset="never", department_codes={"采购部": "CG", "总公司/销售部": "XS"}
    )
    assert take_number(endless, on=DAY, department="总公司/采购部") == "ZL-CG-0001"
    assert take_number(endless, on=DAY, department="总公司/销售部") == "ZL-XS-0001"
    with pytest.raises(AppError) as refused:
        take_number(endless, on=DAY, department="财务部")
    assert refused.value.code == "no_department_code"


@pytest.mark.django_db
def test_used_up_digits_are_an_error_not_a_longer_number() -> None:
    series = building.series(digits=1)
    NumberCounter.objects.create(series=series, period="2026", last=9)
    with pytest.raises(AppError) as refused:
        take_number(series, on=DAY)
    assert refused.value.code == "numbers_used_up"


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_different_numbers_and_what_is_rolled_back_leaves_none_given_twice() -> None:
    series = building.series(prefix="HT")
    taken: list[str] = []
    start = threading.Barrier(4)

    def take(number: int) -> None:
        start.wait()
        try:
            for turn in range(5):
                try:
                    with transaction.atomic():
                        got = take_number(series, on=DAY)
                        if (turn + number) % 5 == 0:
                            raise RuntimeError
                        taken.append(got)
                except RuntimeError:
                    pass
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 16
