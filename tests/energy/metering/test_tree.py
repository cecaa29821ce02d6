"""Groups of meters: each meter once, the examples of the reference and the definition taken literally."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from energy.metering import Attachment, MeterError, Plant, Upstream, group_use, shares, unmeasured
from tests.oracles import groups as oracle

CASES = json.loads((Path(__file__).parents[2] / "data" / "energy" / "quota_cases.json").read_text())["cases"]
FIRST = date(2026, 3, 1)
PLANT, SHOP_A, SHOP_B, LINE = range(4)
PARENTS = (None, PLANT, PLANT, SHOP_A)


@pytest.mark.parametrize("case", [c for c in CASES if "tree" in c], ids=lambda case: case["case"])
def test_the_examples_of_the_reference(case: dict[str, Any]) -> None:
    groups = list(case["tree"]["groups"])
    parents = [groups.index(p) if (p := case["tree"]["groups"][name]) else None for name in groups]
    wanted = case["quota"].get("type")
    meters = [name for name, m in case["meters"].items() if not wanted or m.get("type") == wanted]
    attachments = [
        Attachment(n, groups.index(group))
        for n, name in enumerate(meters)
        for group in case["meters"][name].get("groups") or [case["meters"][name]["group"]]
    ]
    plant = Plant(parents, len(meters), attachments)
    use = np.zeros((len(meters), 31), dtype=np.int64)
    for n, name in enumerate(meters):
        for day, text in case["daily"].get(name, {}).items():
            use[n, (date.fromisoformat(day) - FIRST).days] = round(float(text) * 100)
    total = group_use(plant, use, FIRST)[groups.index(case["quota"]["group"])].sum()
    assert total == round(float(case["expected"]["usage"]) * 100)


def use_of(plant: Plant, *meters: int) -> list[int]:
    """Return the use of each group on one day."""
    return group_use(plant, np.array(meters, dtype=np.int64)[:, None], FIRST)[:, 0].tolist()


def test_a_sub_meter_is_not_counted_beside_the_meter_in_front_of_it() -> None:
    plant = Plant(
        PARENTS,
        3,
        [Attachment(0, PLANT), Attachment(1, SHOP_A), Attachment(2, LINE)],
        [Upstream(1, 0), Upstream(2, 1)],
    )
    assert use_of(plant, 100, 30, 10) == [100, 30, 0, 10]


def test_behind_at_any_distance_counts_even_if_the_one_between_is_no_member() -> None:
    plant = Plant(PARENTS, 3, [Attachment(0, PLANT), Attachment(2, PLANT)], [Upstream(1, 0), Upstream(2, 1)])
    assert use_of(plant, 100, 30, 10)[PLANT] == 100


def test_a_tenant_is_subtracted_where_it_is_covered_and_left_out_where_it_is_not() -> None:
    tenant = Attachment(1, SHOP_A, sign=-1)
    behind = Plant(PARENTS, 2, [Attachment(0, PLANT), tenant], [Upstream(1, 0)])
    assert use_of(behind, 100, 30) == [70, 0, 0, 0]
    apart = Plant(PARENTS, 2, [Attachment(0, PLANT), tenant])
    assert use_of(apart, 100, 30) == [100, 0, 0, 0]


def test_a_tenants_own_sub_meter_is_not_subtracted_twice() -> None:
    attachments = [Attachment(0, PLANT), Attachment(1, PLANT, sign=-1), Attachment(2, PLANT, sign=-1)]
    assert use_of(Plant(PARENTS, 3, attachments, [Upstream(1, 0), Upstream(2, 1)]), 100, 30, 10)[PLANT] == 70


def test_a_virtual_meter_stands_for_its_parts() -> None:
    plant = Plant(PARENTS, 3, [Attachment(n, PLANT) for n in range(3)], virtual={2: {0: 1, 1: -1}})
    assert use_of(plant, 100, 30, 0)[PLANT] == 70


def test_a_virtual_meter_may_be_made_of_virtual_meters() -> None:
    plant = Plant((None,), 4, [Attachment(0, PLANT)], virtual={0: {1: 2}, 1: {2: 1, 3: 1}})
    assert use_of(plant, 0, 0, 30, 4) == [68]


def test_a_meter_belongs_to_its_group_from_its_first_day_until_the_day_before_its_end() -> None:
    attachment = Attachment(0, SHOP_A, date(2026, 3, 2), date(2026, 3, 4))
    found = group_use(Plant(PARENTS, 1, [attachment]), np.ones((1, 5), dtype=np.int64), FIRST)
    assert found[SHOP_A].tolist() == [0, 1, 1, 0, 0]


def test_structure_is_looked_at_once_between_two_changes() -> None:
    moved = [Attachment(0, SHOP_A, end=date(2026, 3, 10)), Attachment(0, SHOP_B, date(2026, 3, 10))]
    spans = shares(Plant(PARENTS, 1, moved), FIRST, date(2026, 3, 31))
    assert [(span.start.day, span.end.day) for span in spans] == [(1, 10), (10, 1)]


def test_what_no_sub_meter_shows_may_be_negative() -> None:
    plant = Plant(PARENTS, 4, upstream=[Upstream(1, 0), Upstream(2, 0), Upstream(3, 1)])
    use = np.array([[100, 50], [30, 40], [20, 20], [9, 9]])
    starts = [FIRST, FIRST + timedelta(days=1)]
    found = unmeasured(plant, use, starts, meters=[0, 2])
    assert {meter: rest.tolist() for meter, rest in found.items()} == {0: [50, -10]}


def test_a_sub_meter_is_taken_off_only_on_the_days_on_which_it_lies_behind() -> None:
    second = FIRST + timedelta(days=1)
    plant = Plant(PARENTS, 3, upstream=[Upstream(1, 0, start=second), Upstream(2, 0, end=second)])
    use = np.array([[100, 100], [30, 40], [20, 25]])
    assert unmeasured(plant, use, [FIRST, second], meters=[0])[0].tolist() == [80, 60]


days = st.integers(0, 6).map(lambda n: FIRST + timedelta(days=n))


@st.composite
def plants(draw: st.DrawFn) -> tuple[Plant, list[list[int]]]:
    groups, meters = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    parents = [None, *(draw(st.none() | st.integers(0, n - 1)) for n in range(1, groups))]
    attachments = draw(
        st.lists(
            st.builds(
                Attachment,
                st.integers(0, meters - 1),
                st.integers(0, groups - 1),
                days,
                days,
                st.sampled_from([1, 1, 1, -1]),
            ),
            max_size=10,
        )
    )
    # Only towards lower numbers, so that nothing lies behind itself.
    pairs = st.tuples(st.integers(0, meters - 1), st.integers(0, meters - 1)).filter(lambda p: p[0] > p[1])
    links = draw(st.lists(st.tuples(pairs, days, days), max_size=6)) if meters > 1 else []
    upstream = [Upstream(meter, behind, start, end) for (meter, behind), start, end in links]
    virtual = {0: {meters - 1: draw(st.integers(-2, 2))}} if meters > 1 and draw(st.booleans()) else {}
    use = [[draw(st.integers(0, 1000)) for _ in range(7)] for _ in range(meters)]
    return Plant(parents, meters, attachments, upstream, virtual), use


@settings(max_examples=150)
@given(plants())
def test_every_group_and_day_is_what_the_definition_says(given_plant: tuple[Plant, list[list[int]]]) -> None:
    plant, use = given_plant
    found = group_use(plant, np.array(use), FIRST)
    for group in range(len(plant.parents)):
        for column in range(7):
            day = FIRST + timedelta(days=column)
            assert found[group, column] == oracle.group_use(plant, use, group, day, column)


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        ({"parents": (1, 0)}, "parents"),
        ({"parents": (5,)}, "parents"),
        ({"attachments": [Attachment(3, 0)]}, "attachments"),
        ({"attachments": [Attachment(0, 9)]}, "attachments"),
        ({"attachments": [Attachment(0, 0, sign=2)]}, "attachments"),
        ({"upstream": [Upstream(0, 7)]}, "upstream"),
        ({"virtual": {0: {1: 1}, 1: {0: 1}}}, "virtual"),
    ],
)
def test_a_structure_that_cannot_be_is_refused(words: dict[str, Any], argument: str) -> None:
    with pytest.raises(MeterError) as caught:
        Plant(**({"parents": (None,), "meters": 2} | words))
    assert caught.value.argument == argument


def test_a_circle_of_meters_on_some_day_is_refused() -> None:
    plant = Plant((None,), 2, [Attachment(0, 0)], [Upstream(0, 1), Upstream(1, 0, date(2026, 3, 5))])
    assert len(shares(plant, FIRST, date(2026, 3, 4))) == 1
    with pytest.raises(MeterError, match="upstream"):
        shares(plant, FIRST, date(2026, 3, 5))


def test_use_of_another_shape_or_kind_is_refused() -> None:
    plant = Plant((None,), 2)
    with pytest.raises(MeterError, match="use"):
        group_use(plant, np.zeros((3, 1), dtype=np.int64), FIRST)
    with pytest.raises(MeterError, match="use"):
        group_use(plant, np.zeros((2, 1)), FIRST)
