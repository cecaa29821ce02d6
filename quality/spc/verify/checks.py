"""One comparison of a published number with the recomputed one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report.

    expected and got are JSON values (numbers, text, None, lists of them). difference is the largest
    absolute one of numbers, None for what is compared exactly. allowed is the tolerance in words. verdict:
    "equal", "differs", "error".
    """

    case: str
    source: str
    quantity: str
    expected: Any
    got: Any
    difference: float | None
    allowed: str
    verdict: str


class Checks:
    """Collects the checks of one case under its tolerance."""

    def __init__(self, case: str, source: str, tolerance: dict[str, Any]) -> None:
        self.case, self.source, self.tolerance = case, source, tolerance
        self.found: list[Check] = []

    def exact(self, quantity: str, expected: Any, got: Any) -> None:
        """Compare without any tolerance: indices, letters, whole numbers, text, what must not exist."""
        expected, got = plain(expected), plain(got)
        self._add(quantity, expected, got, None, "exact", same=expected == got)

    def close(self, quantity: str, expected: Any, got: Any, prefix: str = "") -> None:
        """Compare numbers (or lists of them) under the tolerances `abs` and `rel` of the case.

        With a prefix, e.g. "published_", those named with it. Either of the two is enough, as a printed
        number of few digits is exact in one way or the other. None means that the result must not exist.
        """
        expected, got = plain(expected), plain(got)
        absolute = float(self.tolerance.get(f"{prefix}abs", 0.0))
        relative = float(self.tolerance.get(f"{prefix}rel", 0.0))
        ours, theirs = _flat(got), _flat(expected)
        same = len(ours) == len(theirs) and _shape(got) == _shape(expected)
        difference = 0.0
        if same:
            for one, other in zip(ours, theirs, strict=True):
                if one is None or other is None:
                    same = same and one is other
                    continue
                gap = abs(float(one) - float(other))
                difference = max(difference, gap)
                same = same and gap <= max(absolute, relative * abs(float(other)))
        allowed = " or ".join(
            f"{'±' if name == 'abs' else 'relative '}{value:g}"
            for name, value in (("abs", absolute), ("rel", relative))
            if value
        )
        self._add(quantity, expected, got, difference, allowed or "exact", same=same)

    def published(self, expected: dict[str, Any], got: dict[str, Any]) -> None:
        """Compare the printed numbers `expected["published"]` at their own tolerance, each by its name in
        `got`.
        """
        for quantity, value in expected.get("published", {}).items():
            self.close(f"{quantity} (published)", value, got[quantity], "published_")

    def error(self, error: Exception) -> None:
        """Record that the case could not be recomputed to its end."""
        text = f"{type(error).__name__}: {error}"
        self.found.append(Check(self.case, self.source, "recomputation", None, text, None, "", "error"))

    def _add(
        self, quantity: str, expected: Any, got: Any, difference: float | None, allowed: str, *, same: bool
    ) -> None:
        verdict = "equal" if same else "differs"
        self.found.append(
            Check(self.case, self.source, quantity, expected, got, difference, allowed, verdict)
        )


def plain(value: Any) -> Any:
    """A result as JSON types: arrays and tuples as lists, NaN and infinities as None, Decimals as text."""
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str) or value is None or isinstance(value, bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, Decimal):
        return str(value)
    return float(value) if math.isfinite(value) else None


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [item for key in sorted(value) for item in _flat(value[key])]
    if isinstance(value, list):
        return [item for part in value for item in _flat(part)]
    return [value]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    return [_shape(item) for item in value] if isinstance(value, list) else None
