"""Counts in buckets: adding up, and the values that they still tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spc_site.lib import buckets

BOUNDS = (10.0, 20.0, 50.0, 100.0)


def test_a_value_on_a_bound_belongs_below_it() -> None:
    assert buckets.fill([0, 10, 10.1, 100, 101], BOUNDS) == [2, 1, 0, 1, 1]


def test_histograms_add_up_and_an_empty_one_is_zeros() -> None:
    assert buckets.add([[1, 0, 2, 0, 0], [], [0, 1, 1, 0, 5]], BOUNDS) == [1, 1, 3, 0, 5]


def test_without_values_there_is_no_quantile() -> None:
    assert buckets.quantile([0] * 5, BOUNDS, 0.5) is None
    assert buckets.quantile([], BOUNDS, 0.5) is None


@pytest.mark.parametrize(
    ("counts", "share", "value"),
    [
        ([4, 0, 0, 0, 0], 0.5, 5.0),  # half of the first bucket
        ([0, 10, 0, 0, 0], 0.5, 15.0),
        ([5, 5, 0, 0, 0], 0.5, 10.0),
        ([5, 0, 5, 0, 0], 0.75, 35.0),  # an empty bucket between
        ([0, 0, 0, 0, 3], 0.95, 100.0),  # beyond the last bound: at least
    ],
)
def test_a_quantile_lies_inside_its_bucket(counts: list[int], share: float, value: float) -> None:
    assert buckets.quantile(counts, BOUNDS, share) == pytest.approx(value)


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=200), st.sampled_from([0.0, 0.05, 0.5, 0.95, 0.99, 1.0])
)
def test_a_quantile_is_never_further_off_than_its_bucket_is_wide(values: list[float], share: float) -> None:
    guess = buckets.quantile(buckets.fill(values, BOUNDS), BOUNDS, share)
    true = float(np.quantile(values, share, method="inverted_cdf"))
    edges = (0.0, *BOUNDS)
    place = int(np.searchsorted(BOUNDS, true))
    assert guess is not None
    assert edges[place] - 1e-9 <= guess <= edges[place + 1] + 1e-9


def test_cumulated_counts_end_in_the_total() -> None:
    assert buckets.cumulative([1, 0, 2, 0, 4]) == [1, 1, 3, 3, 7]
