from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from spc_site.lib.svg.place import Box, crosses, free, spread

LABELS = st.lists(st.tuples(st.floats(-20, 220), st.floats(5, 25)), min_size=1, max_size=7)


@given(LABELS)
def test_spread_labels_keep_their_order_stay_inside_and_never_touch(
    labels: list[tuple[float, float]],
) -> None:
    wanted, sizes = [want for want, _ in labels], [size for _, size in labels]
    centres = spread(wanted, sizes, 0, 200)
    order = sorted(range(len(labels)), key=lambda i: wanted[i])
    edges = [(centres[i] - sizes[i] / 2, centres[i] + sizes[i] / 2) for i in order]
    assert edges[0][0] >= -1e-6
    assert edges[-1][1] <= 200 + 1e-6
    assert all(b[0] >= a[1] - 1e-6 for a, b in pairwise(edges))


@given(LABELS)
@settings(max_examples=25, deadline=None)
def test_spread_moves_as_little_as_a_general_optimiser(labels: list[tuple[float, float]]) -> None:
    labels = sorted(labels)
    wanted = np.array([want for want, _ in labels])
    sizes = np.array([size for _, size in labels])
    assume(sizes.sum() < 190)
    gaps = (sizes[1:] + sizes[:-1]) / 2
    bounds = [(size / 2, 200 - size / 2) for size in sizes]
    start = np.cumsum(sizes) - sizes / 2
    best = minimize(
        lambda c: ((c - wanted) ** 2).sum(),
        start,
        jac=lambda c: 2 * (c - wanted),
        bounds=bounds,
        constraints=[{"type": "ineq", "fun": lambda c: np.diff(c) - gaps}] if len(labels) > 1 else [],
        method="SLSQP",
        options={"ftol": 1e-10, "maxiter": 400},
    )
    ours = np.array(spread(list(wanted), list(sizes), 0, 200))
    assert ((ours - wanted) ** 2).sum() <= best.fun + 1e-3 * (1 + best.fun)


def test_labels_with_room_do_not_move() -> None:
    assert spread([50, 10, 90], [10, 10, 10], 0, 100) == pytest.approx([50, 10, 90])


def test_too_many_labels_start_at_the_top() -> None:
    assert spread([5, 5, 5], [10, 10, 10], 0, 20) == pytest.approx([5, 15, 25])


def test_boxes_know_their_neighbours() -> None:
    box = Box(0, 0, 10, 10)
    assert box.overlaps(Box(9, 9, 20, 20))
    assert not box.overlaps(Box(10, 0, 20, 10))
    assert box.overlaps(Box(10, 0, 20, 10), gap=1)
    assert free(Box(11, 0, 20, 10), [box], 1)
    assert Box(1, 1, 2, 2).inside(box)
    assert not Box(1, 1, 11, 2).inside(box)


@given(*[st.integers(-6, 16)] * 4)
def test_a_line_crosses_a_box_where_one_of_its_points_lies_in_it(x1: int, y1: int, x2: int, y2: int) -> None:
    box = Box(0, 0, 10, 10)
    steps = 2640  # a multiple of every distance on this grid, so that corners are met exactly
    sampled = any(
        0 <= x1 * steps + (x2 - x1) * k <= 10 * steps and 0 <= y1 * steps + (y2 - y1) * k <= 10 * steps
        for k in range(steps + 1)
    )
    if sampled:
        assert crosses(box, (x1, y1), (x2, y2))
    elif crosses(box, (x1, y1), (x2, y2)):
        # Only a touch at a corner between two samples is left.
        small = Box(0.02, 0.02, 9.98, 9.98)
        assert not crosses(small, (x1, y1), (x2, y2))
