"""Control rules in plain Python: for every point, look back over its window and say whether the rule fires.

`z` are points in units of sigma from the centre, None for a missing or untested one; `stage` labels points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

Z = Sequence[float | None]


def windows(z: Z, stage: Sequence[int], length: int) -> list[tuple[int, list[float]]]:
    """Every (last index, window) of present points of one stage."""
    found = []
    for last in range(length - 1, len(z)):
        first = last - length + 1
        window = z[first : last + 1]
        if all(value is not None for value in window) and len(set(stage[first : last + 1])) == 1:
            found.append((last, [value for value in window if value is not None]))
    return found


def fires(z: Z, stage: Sequence[int], length: int, test: Callable[[list[float]], bool]) -> list[int]:
    """Indices at which the test holds for the window that ends there."""
    return [last for last, window in windows(z, stage, length) if test(window)]


def beyond(z: Z, stage: Sequence[int], *, width: float, inclusive: bool) -> tuple[list[int], list[int]]:
    """High and low."""
    high = fires(z, stage, 1, lambda w: w[0] >= width if inclusive else w[0] > width)
    low = fires(z, stage, 1, lambda w: w[0] <= -width if inclusive else w[0] < -width)
    return high, low


def run(z: Z, stage: Sequence[int], *, length: int, inclusive: bool) -> tuple[list[int], list[int]]:
    """High and low."""
    high = fires(z, stage, length, lambda w: all(v >= 0 if inclusive else v > 0 for v in w))
    low = fires(z, stage, length, lambda w: all(v <= 0 if inclusive else v < 0 for v in w))
    return high, low


def trend(
    z: Z, stage: Sequence[int], *, length: int, inclusive: bool, in_steps: bool
) -> tuple[list[int], list[int]]:
    """High (rising) and low (falling)."""
    points = length + 1 if in_steps else length

    def rising(window: list[float]) -> bool:
        return all(after >= before if inclusive else after > before for before, after in pairwise(window))

    return (
        fires(z, stage, points, rising),
        fires(z, stage, points, lambda window: rising([-value for value in window])),
    )


def alternation(z: Z, stage: Sequence[int], *, length: int, in_steps: bool) -> list[int]:
    """Up and down by turns, no ties."""
    points = length + 1 if in_steps else length

    def turns(window: list[float]) -> bool:
        steps = [after - before for before, after in pairwise(window)]
        return all(step != 0 for step in steps) and all(
            (one > 0) != (two > 0) for one, two in pairwise(steps)
        )

    return fires(z, stage, points, turns)


def k_of_n(
    z: Z, stage: Sequence[int], *, count: int, length: int, width: float, inclusive: bool, last_outside: bool
) -> tuple[list[int], list[int]]:
    """High and low."""

    def outside(value: float) -> bool:
        return value >= width if inclusive else value > width

    def test(window: list[float]) -> bool:
        return sum(map(outside, window)) >= count and (outside(window[-1]) or not last_outside)

    return fires(z, stage, length, test), fires(z, stage, length, lambda w: test([-value for value in w]))


def within(z: Z, stage: Sequence[int], *, length: int, width: float, inclusive: bool) -> list[int]:
    """All inside of the width."""
    return fires(z, stage, length, lambda w: all(abs(v) <= width if inclusive else abs(v) < width for v in w))


def outside(
    z: Z, stage: Sequence[int], *, length: int, width: float, inclusive: bool, both_sides: bool
) -> list[int]:
    """All outside of the width, on both sides where asked."""

    def test(window: list[float]) -> bool:
        far = all(abs(v) >= width if inclusive else abs(v) > width for v in window)
        sides = {value > 0 for value in window}
        return far and (len(sides) == 2 or not both_sides)

    return fires(z, stage, length, test)
