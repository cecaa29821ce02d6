"""A limit typed in the wrong unit makes an absurd index, not a page that never answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from quality.spc import capability, intervals


def test_an_absurd_limit_is_answered_with_an_interval() -> None:
    values = [1000.0, 1001.0, 1000.5, 1000.2] * 5
    found = capability(values, lsl=-1e9, usl=1e9)
    assert found.ppu > 1e8
    low, high = found.intervals["ppu"]
    assert low < found.ppu < high


@pytest.mark.parametrize("df", [4.0, 19.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("probability", [0.025, 0.975])
def test_far_and_near_meet_where_they_change_over(df: float, sign: float, probability: float) -> None:
    edge = sign * intervals._FAR

    def root(statistic: float) -> float:
        return float(intervals._noncentrality(np.array([df]), probability, np.array([statistic]))[0])

    assert root(edge * (1 + 1e-9)) == pytest.approx(root(edge), rel=1e-8)
    further = 3.0 * edge
    assert stats.nct.cdf(further, df, root(further)) == pytest.approx(probability, abs=1e-5)
    plainly = intervals._near_noncentrality(np.array([df]), probability, np.array([further]))[0]
    assert root(further) == pytest.approx(plainly, rel=1e-8)


def test_far_interval_is_that_of_the_standard_deviation_alone() -> None:
    n, index = 20, 1e6
    low, high = intervals.of_one_side(np.array([index]), np.array([float(n)]), np.array([n - 1.0]), 0.9)
    ratio = np.sqrt(stats.chi2.ppf([0.05, 0.95], n - 1) / (n - 1))
    assert (low[0], high[0]) == pytest.approx(tuple(index * ratio), rel=1e-9)
