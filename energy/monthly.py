"""How the days of a month lie in one field: use and covered seconds, from the first on."""

from __future__ import annotations

import numpy as np

DAY = np.dtype([("amount", "<i8"), ("covered_s", "<i4")])


def days_of(packed: bytes | memoryview) -> np.ndarray:
    """Return (d,) days with `amount` and `covered_s`; none of what was never written."""
    return np.frombuffer(bytes(packed), dtype=DAY)
