"""Master tables of ISO 2859-1:1999 (GB/T 2828.1-2012) and ANSI/ASQ Z1.4, built from their structure.

In the master tables the plan depends on the code letter and the AQL only through the sum of their positions:
every step to the next letter (sample size times 1.6) is undone by a step to the next smaller AQL (also a
factor of 1.6). So a table is one short sequence of acceptance numbers along the diagonal, where it starts and
ends, and which way the arrows between 0 and 1 point. Written out it would be 3 × 17 × 26 cells in which a
slip is invisible.

The Re of ISO 2859-1 is always Ac + 1. MIL-STD-105E and Z1.4 share letters, sizes, normal and tightened tables
with it; their reduced table keeps a gap between Ac and Re: a lot in the gap is accepted, but reduced
inspection ends.

Source: ISO 2859-1:1999 tables 1, 2-A, 2-B, 2-C; MIL-STD-105E tables I, II-A, II-B, II-C.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

from quality.spc.errors import SpcInputError
from quality.spc.inputs import number, one_of

Level = Literal["S-1", "S-2", "S-3", "S-4", "I", "II", "III"]
Severity = Literal["normal", "tightened", "reduced"]
Standard = Literal["iso2859-1", "z1.4"]

LEVELS: tuple[str, ...] = get_args(Level)
SEVERITIES: tuple[str, ...] = get_args(Severity)
STANDARDS: tuple[str, ...] = get_args(Standard)

AQLS: tuple[float, ...] = (
    0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5,
    4.0, 6.5, 10.0, 15.0, 25.0, 40.0, 65.0, 100.0, 150.0, 250.0, 400.0, 650.0, 1000.0,
)  # fmt: skip
"""Preferred AQLs: percent nonconforming up to 10, nonconformities per 100 items over the whole range."""

LETTERS = "ABCDEFGHJKLMNPQRS"  # no I and no O; S exists in the tightened table only
_SIZES = (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150)
_ROW_S, _COLUMN_S = 16, 2  # row S holds one plan only, which the arrow at AQL 0.025 leads to
_REDUCED_SIZES = (2, 2, 2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800)

_LOT_ENDS = (8, 15, 25, 50, 90, 150, 280, 500, 1200, 3200, 10000, 35000, 150000, 500000)
_CODE_LETTERS: dict[str, str] = {
    "S-1": "AAAABBBBCCCCDDD",
    "S-2": "AAABBBCCCDDDEEE",
    "S-3": "AABBCCDDEEFFGGH",
    "S-4": "AABCCDEEFGGHJJK",
    "I": "AABCCDEFGHJKLMN",
    "II": "ABCDEFGHJKLMNPQ",
    "III": "BCDEFGHJKLMNPQR",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One plan of a master table: letter of its row, sample size, acceptance and rejection number."""

    letter: str
    n: int
    ac: int
    re: int


@dataclass(frozen=True, slots=True)
class _Table:
    """A master table as its diagonals, counted as position of the letter + position of the AQL.

    `zero` is the diagonal of the plan (0, 1), `first` that of the next one, `numbers` are (Ac, Re) from
    `first` on. The letters A and B may have `small_numbers` of their own, the letters in `early` start one
    diagonal before `first`. `limit` is the last diagonal of the letters after E.
    """

    sizes: tuple[int, ...]
    zero: int
    first: int
    numbers: tuple[tuple[int, int], ...]
    limit: int
    small_numbers: tuple[tuple[int, int], ...] | None = None
    early: str = ""  # letters whose first Ac above 0 stands one diagonal before `first`


def _re(*numbers: int) -> tuple[tuple[int, int], ...]:
    return tuple((ac, ac + 1) for ac in numbers)


_NORMAL = _Table(
    sizes=_SIZES[:16], zero=14, first=17, numbers=_re(1, 2, 3, 5, 7, 10, 14, 21, 30, 44), limit=24
)
_TIGHTENED = _Table(sizes=_SIZES, zero=15, first=18, numbers=_re(1, 2, 3, 5, 8, 12, 18, 27, 41), limit=24)
_REDUCED = _Table(
    sizes=_REDUCED_SIZES,
    zero=14,
    first=18,
    numbers=_re(1, 2, 3, 5, 6, 8, 10, 14, 21),
    limit=24,
    small_numbers=_re(1, 2, 3, 5, 7, 10, 14, 21, 30),  # n = 2 as on normal inspection, so the same numbers
    early="A",
)
_REDUCED_Z14 = _Table(
    sizes=_REDUCED_SIZES,
    zero=14,
    first=17,
    numbers=((0, 2), (1, 3), (1, 4), (2, 5), (3, 6), (5, 8), (7, 10), (10, 13), (14, 17), (21, 24)),
    limit=24,
    small_numbers=((0, 2), (1, 3), (2, 4), (3, 5), (5, 6), (7, 8), (10, 11), (14, 15), (21, 22), (30, 31)),
)
_LETTER_A_Z14 = _re(1, 2, 3, 5, 7, 10, 14, 21, 30)  # row A of the reduced table has no gap


def aql_position(aql: float) -> int:
    """Position of a preferred AQL in the series. Raises SpcInputError for any other number."""
    wanted = number("aql", aql)
    for position, preferred in enumerate(AQLS):
        if abs(wanted - preferred) <= 1e-9 * preferred:
            return position
    raise SpcInputError(
        "aql", f"{aql!r} is not one of the preferred AQLs {', '.join(f'{a:g}' for a in AQLS)}"
    )


def code_letter(lot_size: int, level: Level = "II") -> str:
    """Sample size code letter of a lot.

    Parameters
        lot_size: items in the lot, from 2.
        level: inspection level, S-1 to S-4 or I to III; II is the standard's default.

    Returns
        One letter from A to R.

    Raises
        SpcInputError: `lot_size` is below 2 or not whole, `level` is unknown.

    Source
        ISO 2859-1:1999 table 1; the same letters in MIL-STD-105E, ANSI/ASQ Z1.4 and GB/T 2828.1.
    """
    one_of("level", level, LEVELS, "inspection level")
    return _CODE_LETTERS[level][bisect_left(_LOT_ENDS, whole("lot_size", lot_size, least=2))]


def whole(argument: str, value: int, *, least: int) -> int:
    """Return a whole number that is not below `least`; SpcInputError names the argument otherwise."""
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value).is_integer():
        raise SpcInputError(argument, f"must be a whole number, not {value!r}")
    if value < least:
        raise SpcInputError(argument, f"must be at least {least}, not {value!r}")
    return int(value)


def _table(severity: str, standard: str) -> _Table:
    one_of("standard", standard, STANDARDS, "standard")
    one_of("severity", severity, SEVERITIES, "severity")
    match severity:
        case "normal":
            return _NORMAL
        case "tightened":
            return _TIGHTENED
    return _REDUCED if standard == "iso2859-1" else _REDUCED_Z14


def _own_cell(table: _Table, row: int, column: int) -> Cell | None:
    """The plan printed in this cell, or None where an arrow (or nothing) stands."""
    if row == _ROW_S and column != _COLUMN_S:
        return None
    diagonal = row + column
    letter, n = LETTERS[row], table.sizes[row]
    if diagonal == table.zero:
        return Cell(letter, n, 0, 1)
    numbers, first = table.numbers, table.first
    if row <= 1 and table.small_numbers is not None:
        numbers = table.small_numbers
        if row == 0 and table is _REDUCED_Z14:
            numbers = _LETTER_A_Z14
    if letter in table.early:
        first -= 1
    step = diagonal - first
    if not 0 <= step < len(numbers) or (row > 4 and diagonal > table.limit):
        return None
    return Cell(letter, n, *numbers[step])


def cell(letter: str, aql: float, severity: Severity = "normal", standard: Standard = "iso2859-1") -> Cell:
    """The plan that the table gives for a letter and an AQL, arrows followed.

    An arrow leads to another row, whose sample size, Ac and Re are used together.

    Parameters
        letter: code letter A to R (S too on tightened inspection).
        aql: one of `AQLS`, percent nonconforming or nonconformities per 100 items.
        severity: "normal", "tightened" or "reduced".
        standard: "iso2859-1" (GB/T 2828.1) or "z1.4"; they differ in the reduced table only.

    Returns
        Cell with the letter of the row that the arrow ends in.

    Raises
        SpcInputError: an argument is not one of those above.

    Notes
        Before the diagonal of Ac = 0 arrows point down, after the last Ac they point up. Of the cells between
        the plan (0, 1) and the next one the first points up and the others down, but all down on tightened
        inspection; at the edge of the table, where nothing stands in that direction, the other way.
    """
    table = _table(severity, standard)
    column = aql_position(aql)
    row = LETTERS.find(letter) if isinstance(letter, str) and len(letter) == 1 else -1
    if not 0 <= row < len(table.sizes) or (row == _ROW_S and column != _COLUMN_S):
        raise SpcInputError(
            "letter", f"no row {letter!r} at AQL {aql:g} in the table for {severity} inspection"
        )
    diagonal = row + column
    up_first = diagonal > table.first or (diagonal == table.zero + 1 and table is not _TIGHTENED)
    above, below = range(row, -1, -1), range(row, len(table.sizes))
    ways = (above, below) if up_first else (below, above)
    cells = (_own_cell(table, candidate, column) for way in ways for candidate in way)
    return next(found for found in cells if found is not None)  # every column holds a plan


def next_tighter(aql: float) -> float | None:
    """The preferred AQL one step tighter, or None at the end of the series."""
    position = aql_position(aql)
    return AQLS[position - 1] if position else None
