"""One characteristic and thousands: the same function, the same bits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quality import spc
from quality.spc import (
    CHARTS,
    ControlChart,
    ControlCharts,
    Limits,
    Plan,
    Study,
    Subgroups,
    blocks,
    capability,
    control_chart,
    out_of_spec,
    quality_warnings,
    study_many,
)

ARRAYS = ("points", "centre", "ucl", "lcl", "sigma", "sizes", "stage", "excluded")


def assert_same_chart(one: ControlChart, other: ControlChart) -> None:
    for mine, theirs in zip(one.series, other.series, strict=True):
        for name in ARRAYS:
            assert np.array_equal(getattr(mine, name), getattr(theirs, name), equal_nan=True), name
        assert mine.violations == theirs.violations
    plain = [
        field.name
        for field in dataclasses.fields(one)
        if field.name not in ("primary", "secondary", "within")
    ]
    for name in plain:
        assert getattr(one, name) == getattr(other, name), name


NUMBER = st.one_of(st.none(), st.integers(-3000, 3000).map(lambda n: 50 + n / 1000))
SERIES = st.lists(NUMBER, max_size=23)


@settings(max_examples=60, deadline=None)
@given(
    many=st.lists(SERIES, min_size=1, max_size=6),
    size=st.integers(1, 12),
    chart=st.sampled_from(["auto", *CHARTS]),
    chunk=st.sampled_from([1, 40, 10_000]),
)
def test_charts_of_ragged_series_are_the_charts_of_each(many, size: int, chart: str, chunk: int) -> None:
    plan = Plan(chart, 1 if chart == "i_mr" else size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CHUNK_VALUES", chunk)
        charts = control_chart(many, plan)
    assert isinstance(charts, ControlCharts)
    assert len(charts) == len(many)
    for place, series in enumerate(many):
        alone = control_chart(series, plan)
        assert_same_chart(charts[place], alone)
        assert charts.violations_of(place) == alone.violations
        assert bool(charts.signals[place]) is bool(alone.violations)


@settings(max_examples=60, deadline=None)
@given(
    many=st.lists(SERIES, min_size=1, max_size=6),
    sizes=st.lists(st.integers(1, 7), min_size=6, max_size=6),
    chunk=st.sampled_from([1, 40, 10_000]),
)
def test_capability_of_ragged_series_is_the_capability_of_each(many, sizes: list[int], chunk: int) -> None:
    limits = {"lsl": 48.0, "usl": 52.5, "target": 50.25}
    sizes = sizes[: len(many)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "CHUNK_VALUES", chunk)
        table = capability(many, **limits, subgroup_size=sizes)
        study = study_many(many, **limits, subgroup_size=sizes, rules="nelson")
    for place, series in enumerate(many):
        alone = capability(series, **limits, subgroup_size=sizes[place])
        assert table[place] == alone
        assert study[place] == alone
        assert np.flatnonzero(out_of_spec(series, 48.0, 52.5)).tolist() == list(study.out_of_spec(place))
        assert_same_chart(study.charts[place], control_chart(series, Plan(subgroup_size=sizes[place])))


def test_a_batch_of_equal_length_has_the_bits_of_each_alone() -> None:
    # Long enough that a different order of additions would show.
    values = np.random.default_rng(1).normal(10, 0.02, (300, 125))
    for size, chart in ((5, "xbar_r"), (5, "xbar_s"), (5, "median_r"), (5, "three_way"), (1, "i_mr")):
        charts = control_chart(values, Plan(chart, size))
        for place in (0, 1, 150, 299):
            assert_same_chart(charts[place], control_chart(values[place], Plan(chart, size)))
            assert_same_chart(charts[place], control_chart(values[place : place + 1], Plan(chart, size))[0])
            assert_same_chart(charts[place], control_chart(values[place : place + 2], Plan(chart, size))[0])


def test_one_missing_value_changes_no_neighbour_in_the_batch() -> None:
    values = np.random.default_rng(2).normal(10, 0.02, (50, 125))
    with_gap = values.copy()
    with_gap[7, 3] = np.nan
    before, after = (study_many(v, lsl=9.9, usl=10.1, subgroup_size=5) for v in (values, with_gap))
    for name in ("mean", "sd_overall", "sd_within", "cpk", "ppk", "cpm", "z_bench"):
        one, other = getattr(before, name), getattr(after, name)
        assert np.array_equal(np.delete(one, 7), np.delete(other, 7), equal_nan=True), name


def test_the_form_of_the_input_does_not_matter() -> None:
    values = np.random.default_rng(3).normal(10, 0.02, (6, 20)).round(3)
    expected = list(study_many(values, lsl=9.95, usl=10.05, subgroup_size=4))
    forms = {
        "list of lists": values.tolist(),
        "list of arrays": list(values),
        "tuple": tuple(map(tuple, values.tolist())),
        "fortran order": np.asfortranarray(values),
        "every other row": np.repeat(values, 2, axis=0)[::2],
        "three axes": values.reshape(6, 5, 4),
        "subgroups": [Subgroups(row.reshape(5, 4)) for row in values],
        "float objects": values.astype(object),
    }
    for name, form in forms.items():
        assert list(study_many(form, lsl=9.95, usl=10.05, subgroup_size=4)) == expected, name


def test_parameters_may_differ_by_characteristic() -> None:
    values = np.random.default_rng(4).normal(10, 0.02, (4, 24)).round(3).tolist()
    settings_of_each = {
        "lsl": [9.9, None, 9.95, 9.9],
        "usl": [10.1, 10.1, None, 10.1],
        "target": [10.0, None, None, 10.02],
        "lower_bound": [False, False, False, True],
        "subgroup_size": [1, 4, 6, 12],
        "estimator": ["median_mr", "pooled", "auto", "sbar"],
    }
    table = capability(values, **settings_of_each)
    for place in range(4):
        alone = capability(
            values[place], **{name: column[place] for name, column in settings_of_each.items()}
        )
        assert table[place] == alone
    assert list(table.estimator) == ["median_mr", "pooled", "rbar", "sbar"]


def test_violations_of_a_study_follow_each_rule_set_chart_and_limit() -> None:
    rng = np.random.default_rng(5)
    values = [
        (rng.normal(10, 0.02, length) + 0.02 * (np.arange(length) > 12)).tolist()
        for length in (30, 25, 30, 40)
    ]
    study = study_many(values, lsl=9.9, usl=10.1, subgroup_size=[1, 5, 1, 5])
    rules = ["nelson", "rule_1_2", None, "western_electric"]
    charts = ["auto", "xbar_s", "auto", "three_way"]
    limits = [Limits(centre=10.0, sigma=0.005), None, None, None]
    found = study.violations(rules, chart=charts, limits=limits)
    assert list(found) == sorted(found)
    assert 2 not in found
    assert found[0]
    for place in (0, 1, 3):
        plan = Plan(charts[place], [1, 5, 1, 5][place], rules=rules[place])
        alone = control_chart(values[place], plan, limits=limits[place])
        assert found.get(place, ()) == alone.violations
        drawn = study.chart(place, rules=rules[place], chart=charts[place], limits=limits[place])
        assert_same_chart(drawn, alone)


def test_a_study_counts_and_places_values_out_of_specification() -> None:
    values = [[10.0, 10.2, None, 9.8], [10.05, 10.050000000000001], [1.0], []]
    study = study_many(values, lsl=[9.9, None, 2.0, None], usl=[10.1, 10.05, None, None])
    assert study.out_of_spec_count.tolist() == [2, 0, 1, 0]
    assert [study.out_of_spec(place) for place in range(4)] == [(1, 3), (), (0,), ()]


def test_positions_in_subgroups_are_counted_row_by_row() -> None:
    study = study_many([Subgroups([[1.0, 5.0], [1.0, 1.0], [7.0, 1.0]])], usl=2.0)
    assert study.out_of_spec(0) == (1, 4)
    cut = study_many([[1.0, 5.0, 1.0, 1.0, 7.0, 1.0, 9.0]], usl=2.0, subgroup_size=2)
    assert cut.out_of_spec(0) == (1, 4, 6)


def test_an_empty_study_is_empty() -> None:
    study = study_many([], lsl=None, usl=None)
    assert isinstance(study, Study)
    assert len(study) == 0
    assert study.violations("nelson") == {}
    assert study.ppk.shape == (0,)
    assert list(control_chart(np.zeros((0, 5)))) == []


def test_sequences_of_results_are_sequences() -> None:
    table = capability([[1.0, 2.0], [2.0, 3.0], [5.0, 4.0]], usl=6)
    assert [one.mean for one in table] == [1.5, 2.5, 4.5]
    assert table[-1] == table[2]
    assert table[1:] == [table[1], table[2]]
    with pytest.raises(IndexError):
        table[3]
    charts = control_chart([[1.0, 2.0], [2.0, 3.0]])
    assert charts[-1].primary.points.tolist() == [2.0, 3.0]
    assert len(charts[:1]) == 1
    with pytest.raises(IndexError):
        charts[2]


def test_memory_of_a_study_stays_within_four_times_its_input() -> None:
    import tracemalloc

    values = np.random.default_rng(6).normal(10, 0.02, (10_000, 125))
    tracemalloc.start()
    study = study_many(values, lsl=9.9, usl=10.1, subgroup_size=5, rules="nelson")
    assert study.ppk.size
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * values.nbytes


def test_warnings_of_many_are_those_of_each() -> None:
    many = [[1.0] * 5, [1.0, 2.0, None], list(range(30)), []]
    found = quality_warnings(many, subgroup_size=[1, 2, 3, 1])
    for place, size in enumerate([1, 2, 3, 1]):
        assert found[place] == quality_warnings(many[place], subgroup_size=size)


@pytest.mark.parametrize("length", [20, 23])
def test_more_characteristics_than_are_turned_at_once(length: int) -> None:
    rows = np.random.default_rng(6).normal(10, 0.02, (2 * blocks.TILE + 3, length)).round(3)
    many = spc.study_many(rows, lsl=9.95, usl=10.05, subgroup_size=5, rules="nelson")
    assert many.charts is not None
    for place in (0, blocks.TILE - 1, blocks.TILE, 2 * blocks.TILE, len(rows) - 1):
        one = spc.capability(rows[place], lsl=9.95, usl=10.05, subgroup_size=5)
        assert many[place] == one
        alone = spc.control_chart(rows[place], spc.Plan(subgroup_size=5))
        np.testing.assert_array_equal(many.charts[place].primary.points, alone.primary.points)
        assert many.charts[place].violations == alone.violations
