"""Capability: published numbers, a plain second implementation, intervals, and what does not exist."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from quality.spc import Subgroups, capability, indices
from quality.spc.errors import SpcInputError
from quality.spc.estimators import sbar_efficiency
from tests.oracles import spc_capability as oracle
from tests.oracles import spc_charts
from tests.quality.spc.spc_cases import case

VALUES = np.random.default_rng(4).normal(10.01, 0.02, 40).round(3).tolist()


def array(value: float) -> np.ndarray:
    return np.array([value])


def test_the_handbook_example_is_met() -> None:
    reference = case("nist_capability_basic")
    data, expected = reference["data"], reference["expected"]
    mean, sd = array(data["mean"]), array(data["sd"])
    lsl, usl = array(data["lsl"]), array(data["usl"])
    found = indices.capability_indices(mean, sd, lsl, usl)
    ppm = indices.expected_ppm(found)
    got = {
        "Cp": found.p,
        "Cpl": found.pl,
        "Cpu": found.pu,
        "Cpk": found.pk,
        "Cpm": indices.cpm(mean, sd, lsl, usl, array(data["target"])),
        "ppm_below": ppm.below,
        "ppm_above": ppm.above,
    }
    for name, value in got.items():
        assert value[0] == pytest.approx(expected[name], rel=1e-9), name


def test_a_one_sided_specification_has_one_sided_indices_and_no_cp() -> None:
    reference = case("pistonrings_one_sided_spec")
    expected = reference["expected"]
    found = capability(Subgroups(reference["data"]["subgroups"]), lsl=reference["data"]["lsl"])
    for name in ("cpl", "cpk", "ppl", "ppk"):
        assert getattr(found, name) == pytest.approx(expected[name.capitalize()], rel=1e-9), name
    assert found.cp is found.pp is found.cpu is found.ppu is found.ca is None
    assert found.missing["cp"] == found.missing["pp"] == found.missing["ca"] == "one_sided"
    assert found.missing["cpu"] == found.missing["ppm_expected_within_above"] == "no_usl"
    assert found.ppm_expected_within_below == pytest.approx(expected["ppm_below_within"], rel=1e-9)
    assert found.ppm_expected_within == found.ppm_expected_within_below


@pytest.mark.parametrize(("lsl", "usl"), [(9.95, 10.05), (9.95, None), (None, 10.05)])
@pytest.mark.parametrize(("size", "estimator"), [(1, "mr"), (1, "median_mr"), (5, "rbar"), (5, "sbar")])
def test_indices_agree_with_the_plain_implementation(lsl, usl, size: int, estimator: str) -> None:
    found = capability(VALUES, lsl=lsl, usl=usl, subgroup_size=size, estimator=estimator)
    rows = [VALUES[start : start + 5] for start in range(0, 40, 5)]
    sigma = {
        "mr": lambda: spc_charts.mr_sigma(VALUES),
        "median_mr": lambda: spc_charts.mr_sigma(VALUES, median=True),
        "rbar": lambda: spc_charts.rbar_sigma(rows),
        "sbar": lambda: spc_charts.sbar_sigma(rows),
    }[estimator]()
    assert found.sd_within == pytest.approx(sigma, rel=1e-9)
    for prefix, expected in (
        ("p", oracle.overall(VALUES, lsl, usl)),
        ("c", oracle.indices(float(np.mean(VALUES)), sigma, lsl, usl)),
    ):
        for name, value in expected.items():
            got = getattr(found, prefix + name)
            assert got is None if value is None else got == pytest.approx(value, rel=1e-9), prefix + name


def test_ppk_takes_all_values_and_cpk_those_within_subgroups() -> None:
    # Two subgroups that agree inside and differ from each other: CPK of a report is the smaller one.
    values = [9.99, 10.0, 10.01, 10.09, 10.1, 10.11]
    found = capability(values, lsl=9.7, usl=10.4, subgroup_size=3)
    assert found.sd_overall == pytest.approx(np.std(values, ddof=1), rel=1e-12)
    assert found.cpk > 3 * found.ppk
    assert found.pp == pytest.approx(0.7 / 6 / np.std(values, ddof=1), rel=1e-12)


@pytest.mark.parametrize("target", [10.0, 9.97, 10.05])
def test_cpm_around_a_target_off_the_centre(target: float) -> None:
    found = capability(VALUES, lsl=9.9, usl=10.1, target=target)
    assert found.cpm == pytest.approx(oracle.cpm(VALUES, 9.9, 10.1, target), rel=1e-12)


def test_cpm_of_one_limit_and_without_or_with_an_impossible_target() -> None:
    tau = math.sqrt(np.var(VALUES, ddof=1) + (np.mean(VALUES) - 10.0) ** 2)
    assert capability(VALUES, usl=10.1, target=10.0).cpm == pytest.approx(0.1 / 3 / tau, rel=1e-9)
    assert capability(VALUES, lsl=9.9, usl=10.1, target=9.9).cpm == 0.0
    assert capability(VALUES, lsl=9.9, usl=10.1).missing["cpm"] == "no_target"
    assert capability(VALUES, lsl=9.9, usl=10.1, target=10.2).missing["cpm"] == "target_outside"


def test_ca_is_signed_and_one_at_a_limit() -> None:
    assert capability([10.0, 10.1], lsl=9.9, usl=10.1).ca == pytest.approx(0.5)
    assert capability([9.9, 9.9], lsl=9.9, usl=10.1).ca == pytest.approx(-1.0)


def test_observed_ppm_counts_values_outside_and_not_on_the_limits() -> None:
    found = capability([9.8, 9.9, 10.0, 10.1, 10.2, 10.3, 10.100000000000001], lsl=9.9, usl=10.1)
    assert found.ppm_observed_below == pytest.approx(1e6 / 7)
    assert found.ppm_observed_above == pytest.approx(2e6 / 7)
    assert found.ppm_observed == pytest.approx(3e6 / 7)


@pytest.mark.parametrize(
    ("mean", "sigma", "half"),
    [
        (0.0, 1.0, 3),
        (0.5, 0.7, 3),
        (2.9, 1.0, 3),
        (4.0, 1.0, 3),
        (-3.5, 0.5, 3),
        (0.0, 0.4, 3),
        (0.3, 1.0, 0.1),
        (-1.0, 1.0, 0.9),
        (0.0, 1.0, 0.2),
    ],
)
def test_z_bench_is_the_z_of_the_whole_fraction_outside(mean: float, sigma: float, half: float) -> None:
    found = indices.capability_indices(array(mean), array(sigma), array(-half), array(half))
    assert indices.z_bench(found)[0] == pytest.approx(oracle.z_bench(mean, sigma, -half, half), rel=1e-9)
    ppm = indices.expected_ppm(found)
    assert ppm.below[0] == pytest.approx(1e6 * stats.norm.cdf(-half, mean, sigma), rel=1e-9)
    assert ppm.above[0] == pytest.approx(1e6 * stats.norm.sf(half, mean, sigma), rel=1e-9)
    assert ppm.total[0] == pytest.approx(ppm.below[0] + ppm.above[0], rel=1e-12)


def test_z_bench_survives_where_the_fraction_underflows() -> None:
    found = indices.capability_indices(array(0.0), array(0.05), array(-3.0), array(3.0))
    # Two equal tails beyond 60 sigma: a little less than 60.
    assert 59.98 < indices.z_bench(found)[0] < 60.0
    far = indices.capability_indices(array(6.0), array(0.05), array(-3.0), array(3.0))
    assert indices.z_bench(far)[0] == pytest.approx(-60.0, rel=1e-9)
    one_sided = indices.capability_indices(array(0.0), array(0.05), array(np.nan), array(3.0))
    assert indices.z_bench(one_sided)[0] == pytest.approx(60.0, rel=1e-12)


def test_degrees_of_freedom_of_each_estimator_are_the_published_ones() -> None:
    expected = case("within_sigma_degrees_of_freedom")["expected"]
    rng = np.random.default_rng(0)
    for row in expected["subgrouped"]:
        values = rng.normal(0, 1, row["k"] * row["n"])
        for estimator in ("pooled", "rbar", "sbar"):
            found = capability(values, subgroup_size=row["n"], estimator=estimator)
            assert found.df_within == pytest.approx(row[estimator], rel=1e-12), (row, estimator)
    assert capability(rng.normal(0, 1, 40)).df_within == expected["average_moving_range_df"]


def test_efficiency_of_sbar_steps_where_its_table_does() -> None:
    sizes = np.array([2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 18, 64, 65, 200])
    expected = [0.88, 0.92, 0.94, 0.95, 0.96, 0.96, 0.97, 0.97, 0.98, 0.98, 0.99, 0.99, 1.0, 1.0]
    assert sbar_efficiency(sizes).tolist() == expected


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("size", "estimator", "df"), [(1, "mr", 39), (5, "pooled", 32), (5, "rbar", 28.8)])
def test_intervals_agree_with_scipy(confidence: float, size: int, estimator: str, df: float) -> None:
    found = capability(
        VALUES,
        lsl=9.9,
        usl=10.1,
        target=10.0,
        subgroup_size=size,
        estimator=estimator,
        confidence=confidence,
    )
    n = len(VALUES)
    expected = {
        "cp": oracle.ratio_interval(found.cp, df, confidence),
        "pp": oracle.ratio_interval(found.pp, n - 1, confidence),
        "cpk": oracle.bissell_interval(found.cpk, n, df, confidence),
        "ppk": oracle.bissell_interval(found.ppk, n, n - 1, confidence),
        "ppu": oracle.one_sided_interval(found.ppu, n, n - 1, confidence),
        "ppl": oracle.one_sided_interval(found.ppl, n, n - 1, confidence),
        "cpl": oracle.one_sided_interval(found.cpl, n, df, confidence),
    }
    xi = (found.mean - 10.0) / found.sd_overall
    cpm_df = n * (1 + xi**2) ** 2 / (1 + 2 * xi**2)
    expected["cpm"] = oracle.ratio_interval(found.cpm, cpm_df, confidence)
    for name, (low, high) in expected.items():
        interval = found.intervals[name]
        assert interval.low == pytest.approx(low, rel=1e-8), name
        assert interval.high == pytest.approx(high, rel=1e-8), name
        assert interval.low < getattr(found, name) < interval.high


def test_intervals_of_mean_and_deviations_agree_with_scipy() -> None:
    found = capability(VALUES, lsl=9.9, usl=10.1)
    mean = stats.ttest_1samp(VALUES, 0).confidence_interval(0.95)
    assert found.intervals["mean"] == pytest.approx((mean.low, mean.high), rel=1e-10)
    low, high = (math.sqrt(39 / stats.chi2.ppf(p, 39)) * found.sd_overall for p in (0.975, 0.025))
    assert found.intervals["sd_overall"] == pytest.approx((low, high), rel=1e-10)


def test_an_interval_of_one_limit_is_the_exact_one() -> None:
    found = capability(VALUES, usl=10.1)
    expected = oracle.one_sided_interval(found.ppk, 40, 39, 0.95)
    assert found.intervals["ppk"] == pytest.approx(expected, rel=1e-8)
    assert found.intervals["ppk"] == found.intervals["ppu"]


def test_the_two_sided_interval_misses_on_each_side_equally_often() -> None:
    # A known fault: the 95 % quantile at both ends, labelled 2.5 % and 97.5 %.
    rng = np.random.default_rng(6)
    many = capability(rng.normal(0, 1, (4000, 30)), usl=4.0)
    low, high = many.interval("ppu")
    truth = 4 / 3
    assert float(np.mean(low > truth)) == pytest.approx(0.025, abs=0.009)
    assert float(np.mean(high < truth)) == pytest.approx(0.025, abs=0.009)


@pytest.mark.parametrize(
    ("values", "reason"),
    [([], "no_values"), ([None], "no_values"), ([1.0], "one_value"), ([1, 1, 1], "zero_variance")],
)
def test_poor_data_have_reasons_instead_of_indices(values, reason: str) -> None:
    found = capability(values, lsl=0, usl=2, target=1)
    for name in ("cp", "cpk", "cpl", "cpu", "pp", "ppk", "ppl", "ppu", "z_bench", "ppm_expected_overall"):
        assert getattr(found, name) is None
        assert found.missing[name] == reason, name
        assert name not in found.intervals


def test_a_constant_series_has_a_standard_deviation_of_zero_and_a_value_has_none() -> None:
    assert capability([0.1] * 7).sd_overall == 0.0
    assert capability([0.1] * 7).sd_within == 0.0
    assert capability([0.1] * 7).mean == 0.1
    assert capability([3.5]).sd_overall is None
    assert capability([3.5]).mean == 3.5


def test_no_limits_and_no_tolerance_are_told_apart() -> None:
    assert capability(VALUES).missing["cpk"] == "no_limits"
    equal = capability(VALUES, lsl=10.0, usl=10.0)
    assert {name: equal.missing[name] for name in ("cp", "cpk", "ppk", "ca", "z_bench")} == dict.fromkeys(
        ("cp", "cpk", "ppk", "ca", "z_bench"), "zero_tolerance"
    )


def test_no_spread_within_subgroups_spares_the_overall_indices() -> None:
    found = capability([1.0, 1.0, 2.0, 2.0], lsl=0, usl=3, subgroup_size=2)
    assert found.missing["cpk"] == "zero_variance"
    assert found.ppk is not None
    alone = capability([1.0, None, 2.0], lsl=0, usl=3)
    assert alone.missing["cpk"] == alone.missing["sd_within"] == "no_within_spread"
    assert alone.ppk is not None


def test_a_physical_bound_is_no_tolerance() -> None:
    flatness = [0.01, 0.02, 0.015, 0.03, 0.012]
    found = capability(flatness, lsl=0.0, usl=0.05, lower_bound=True)
    assert found.cp is found.pp is found.cpl is found.ppl is found.ca is None
    assert found.missing["cp"] == found.missing["cpl"] == found.missing["ca"] == "lower_bound"
    assert found.ppk == found.ppu == pytest.approx(oracle.overall(flatness, None, 0.05)["pk"])
    assert found.missing["ppm_expected_overall_below"] == "lower_bound"
    assert found.ppm_expected_overall == found.ppm_expected_overall_above
    assert found.ppm_observed_below == 0.0
    purity = capability([99.0, 99.5, 98.9], lsl=98.0, usl=100.0, upper_bound=True)
    assert purity.missing["cpu"] == "upper_bound"
    assert purity.cpk == purity.cpl
    only = capability(flatness, lsl=0.0, lower_bound=True)
    assert only.missing["cpk"] == "lower_bound"


def test_every_result_is_a_number_or_has_a_reason() -> None:
    samples = [[], [1.0], [1.0, 1.0], [1.0, 2.0], [None, 2.0, 3.0, None], VALUES]
    limits = [None, 0.0, 1.0, 1.5, 10.0]
    for values in samples:
        for lsl in limits:
            for usl in limits:
                if lsl is not None and usl is not None and lsl > usl:
                    continue
                for target in (None, 1.2):
                    for bound in (False, True):
                        found = capability(values, lsl=lsl, usl=usl, target=target, lower_bound=bound)
                        for name in type(found).__dataclass_fields__:
                            value = getattr(found, name)
                            if isinstance(value, float):
                                assert math.isfinite(value), name
                            elif value is None:
                                assert name in found.missing, (name, values, lsl, usl)
                        assert not {name for name in found.missing if getattr(found, name) is not None}


FLOATS = st.lists(st.integers(-2000, 2000).map(lambda n: 10 + n / 1000), min_size=3, max_size=40)


@settings(max_examples=100, deadline=None)
@given(values=FLOATS, shift=st.integers(-50, 50), power=st.integers(-6, 6))
def test_indices_do_not_care_for_shift_and_unit(values: list[float], shift: int, power: int) -> None:
    assume(max(values) - min(values) > 0.01)
    factor = 2.0**power
    base = capability(values, lsl=8.0, usl=12.5, target=10.0)
    moved = capability(
        [(v + shift) * factor for v in values],
        lsl=(8.0 + shift) * factor,
        usl=(12.5 + shift) * factor,
        target=(10.0 + shift) * factor,
    )
    for name in ("pp", "ppk", "cp", "cpk", "cpm", "ca", "z_bench"):
        one, other = getattr(base, name), getattr(moved, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert other == pytest.approx(one, rel=1e-8, abs=1e-8), name


@settings(max_examples=60, deadline=None)
@given(values=FLOATS)
def test_mirrored_values_swap_the_sides(values: list[float]) -> None:
    base = capability(values, lsl=8.0, usl=12.5, target=10.0)
    mirror = capability([-v for v in values], lsl=-12.5, usl=-8.0, target=-10.0)
    assert (mirror.cpl, mirror.cpu) == (base.cpu, base.cpl)
    assert (mirror.ppl, mirror.ppu, mirror.cpk, mirror.cpm) == (base.ppu, base.ppl, base.cpk, base.cpm)
    assert mirror.ppm_observed_above == base.ppm_observed_below
    assert (mirror.ca or 0) == -(base.ca or 0)


@settings(max_examples=60, deadline=None)
@given(values=FLOATS, data=st.data())
def test_order_does_not_touch_what_looks_at_all_values(values: list[float], data) -> None:
    shuffled = data.draw(st.permutations(values))
    one, other = (capability(v, lsl=8.0, usl=12.5) for v in (values, shuffled))
    assert other.mean == pytest.approx(one.mean, rel=1e-14)
    assert other.sd_overall == pytest.approx(one.sd_overall, rel=1e-10, abs=1e-14)
    assert (other.minimum, other.maximum, other.ppm_observed) == (one.minimum, one.maximum, one.ppm_observed)


def test_the_index_of_a_good_process_scatters_as_the_reference_says() -> None:
    # Centred process of true 1.33 and n = 32: 90 % between 1.06 and 1.63, below 1.33 in 58 % of lots.
    rng = np.random.default_rng(2)
    found = capability(rng.normal(0, 1, (20_000, 32)), lsl=-4.0, usl=4.0).ppk
    assert np.quantile(found, [0.05, 0.95]) == pytest.approx([1.06, 1.63], abs=0.015)
    assert float(np.mean(found < 4 / 3)) == pytest.approx(0.58, abs=0.02)


def test_every_column_is_the_result_of_each() -> None:
    rng = np.random.default_rng(8)
    rows = rng.normal(10, 0.03, (4, 30)).round(3)
    table = capability(rows, lsl=9.9, usl=[10.05, 10.1, 10.2, np.nan], target=10.0, subgroup_size=5)
    np.testing.assert_array_equal(table.minimum, rows.min(axis=1))
    np.testing.assert_array_equal(table.maximum, rows.max(axis=1))
    for place, one in enumerate(table):
        for name in (*dir(type(table)),):
            column = getattr(table, name)
            if isinstance(column, np.ndarray) and column.shape == (4,) and hasattr(one, name):
                value = getattr(one, name)
                assert value == column[place] or (value is None and np.isnan(column[place])), name
        for name, interval in one.intervals.items():
            low, high = (end[place] for end in table.interval(name))
            assert (interval.low, interval.high) == (low, high), name
    assert table[-4].mean == table[0].mean
    for index in (4, -5):
        with pytest.raises(IndexError):
            table[index]


def test_one_sided_and_two_sided_have_each_their_own_interval_side_by_side() -> None:
    rows = np.random.default_rng(9).normal(10, 0.03, (2, 30))
    table = capability(rows, lsl=[9.9, np.nan], usl=10.1)
    for place, lsl in ((0, 9.9), (1, None)):
        alone = capability(rows[place], lsl=lsl, usl=10.1).intervals
        for name in ("cpk", "ppk"):
            assert (alone[name].low, alone[name].high) == tuple(end[place] for end in table.interval(name))


def test_expected_ppm_of_each_spread_is_its_own() -> None:
    found = capability(VALUES, lsl=9.97, usl=10.05)
    for sd, name in ((found.sd_overall, "overall"), (found.sd_within, "within")):
        below = 1e6 * stats.norm.cdf(9.97, found.mean, sd)
        above = 1e6 * stats.norm.sf(10.05, found.mean, sd)
        assert getattr(found, f"ppm_expected_{name}_below") == pytest.approx(below, rel=1e-9)
        assert getattr(found, f"ppm_expected_{name}_above") == pytest.approx(above, rel=1e-9)
        assert getattr(found, f"ppm_expected_{name}") == pytest.approx(below + above, rel=1e-9)


@pytest.mark.parametrize("flag", [1, "yes", [True, False, True], [[True]], np.array([1, 0])])
def test_a_bound_that_is_no_truth_value_is_named(flag: object) -> None:
    with pytest.raises(SpcInputError) as caught:
        capability([VALUES, VALUES], lsl=0, usl=11, lower_bound=flag)
    assert caught.value.argument == "lower_bound"


def test_a_bound_is_the_reason_where_no_other_limit_is_given() -> None:
    lower = capability(VALUES, lsl=9.0, lower_bound=True).missing
    upper = capability(VALUES, usl=11.0, upper_bound=True).missing
    assert (lower["ppk"], upper["ppk"]) == ("lower_bound", "upper_bound")
    assert capability(VALUES).missing["ppk"] == "no_limits"


@pytest.mark.parametrize("target", [9.9, 10.1])
def test_a_target_on_a_limit_has_an_index_of_zero(target: float) -> None:
    found = capability(VALUES, lsl=9.9, usl=10.1, target=target)
    assert found.cpm == 0.0 and "cpm" not in found.missing
    outside = capability(VALUES, lsl=9.9, usl=10.1, target=target + (0.001 if target > 10 else -0.001))
    assert (outside.cpm, outside.missing["cpm"]) == (None, "target_outside")
