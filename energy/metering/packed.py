"""The readings of a meter and day as bytes: pairs of second of the day and count, of any cadence.

A format byte, then zlib over the differences from pair to pair, 12 bytes each: regular readings
differ by the same again and again and shrink to a fifth.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from energy.metering.days import Moments
from energy.metering.errors import MeterError

_PAIRS = b"\x01"
_PAIR = np.dtype([("second", "<i4"), ("count", "<i8")])


def pack(seconds: Moments, counts: Moments) -> bytes:
    """Return readings as bytes; they must be in order of their seconds."""
    pairs = np.empty(len(seconds), dtype=_PAIR)
    for name, values in (("second", seconds), ("count", counts)):
        column = pairs[name]
        column[:1] = values[:1]
        column[1:] = values[1:] - values[:-1]
    return _PAIRS + zlib.compress(pairs.tobytes(), 1)


def unpack_all(rows: Sequence[bytes | memoryview]) -> tuple[Moments, Moments, Moments]:
    """Return the seconds and counts of all rows one after the other, and how many each row has.

    Raises MeterError for bytes that `pack` did not make.
    """
    try:
        if not all(bytes(row[:1]) == _PAIRS for row in rows):
            raise MeterError("rows", "of an unknown format")
        inflated = [zlib.decompress(row[1:]) for row in rows]
        pairs = np.frombuffer(b"".join(inflated), dtype=_PAIR)
    except (zlib.error, ValueError) as error:
        raise MeterError("rows", str(error)) from error
    sizes = np.array([len(one) // _PAIR.itemsize for one in inflated], dtype=np.int64)
    return (
        _summed(pairs["second"].astype(np.int64), sizes),
        _summed(pairs["count"].astype(np.int64), sizes),
        sizes,
    )


def unpack(row: bytes | memoryview) -> tuple[Moments, Moments]:
    """Return the seconds and counts of one row."""
    seconds, counts, _ = unpack_all([row])
    return seconds, counts


def _summed(differences: Moments, sizes: Moments) -> Moments:
    """Sum up within each row: over all of them, less what there was at its beginning.

    The sum over many rows may pass 2^63; its difference is right all the same, modulo 2^64.
    """
    total = np.cumsum(differences)
    starts = np.cumsum(sizes) - sizes
    before = np.where(starts > 0, total[np.maximum(starts, 1) - 1] if len(total) else 0, 0)
    return total - np.repeat(before, sizes)
