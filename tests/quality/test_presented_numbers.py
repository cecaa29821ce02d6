from __future__ import annotations

import pytest

from quality.presenters.entry import _differs
from quality.presenters.numbers import padded


@pytest.mark.parametrize(
    ("text", "decimals", "shown"),
    [
        ("74", 3, "74.000"),
        ("74.03", 3, "74.030"),
        ("-0.5", 2, "-0.50"),
        ("74.0301", 3, "74.0301"),
        ("12", 0, "12"),
        ("OK", 3, "OK"),
    ],
)
def test_values_are_shown_with_the_digits_of_their_neighbours(text: str, decimals: int, shown: str) -> None:
    assert padded(text, decimals) == shown


@pytest.mark.parametrize(
    ("printed", "computed", "differs"),
    [
        ("1.14", 1.1373, False),
        ("1.13", 1.1373, False),
        ("1.12", 1.1373, True),
        ("1.13731485753991", 1.13731485753953, False),
        ("1.1373148", 1.1373248, True),
        ("n/a", 1.0, False),
    ],
)
def test_only_a_difference_in_what_is_printed_is_told(printed: str, computed: float, differs: bool) -> None:
    assert _differs(printed, computed) is differs
