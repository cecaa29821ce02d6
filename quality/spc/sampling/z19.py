"""Master table of ANSI/ASQ Z1.9 for one characteristic, standard deviation method, k and M form.

The rows are those of MIL-STD-414 tables B-1 and B-3 with the sample sizes that Z1.9 kept. Normal and
tightened inspection share the table: a tightened plan stands one AQL column to the left (the first column
serves tightened inspection at AQL 0.10 only). Empty cells at the left are arrows downwards; there are none
upwards.

k and M of a cell say the same: M is the estimated percent nonconforming of a sample whose quality index is k.
Both are printed rounded, so both are kept as printed, and a test holds them against each other.

Reduced inspection (tables B-2 and B-4) is not here: no source that could be checked was at hand.

Source: ANSI/ASQ Z1.9-2003 table A-2; MIL-STD-414 (1957) tables B-1 and B-3; Montgomery, Introduction to
Statistical Quality Control, tables 16.2 and 16.3.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Literal, get_args

from quality.spc.errors import SpcInputError
from quality.spc.inputs import number, one_of
from quality.spc.sampling.tables import whole

Z19Level = Literal["S-3", "S-4", "I", "II", "III"]
Z19Severity = Literal["normal", "tightened"]

Z19_AQLS: tuple[float, ...] = (0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0)
Z19_LETTERS = "BCDEFGHIJKLMNP"

_LOT_ENDS = (8, 15, 25, 50, 90, 150, 280, 400, 500, 1200, 3200, 10000, 35000, 150000, 500000)
_CODE_LETTERS: dict[str, str] = {
    "S-3": "BBBBBBBCCDEFGHHH",
    "S-4": "BBBBBCDEEFGHIJKK",
    "I": "BBBCDEFGGHIJKLMN",
    "II": "BBCDEFGHIJKLMNPP",
    "III": "CDEFGHIJJKLMNPPP",
}

# One row per letter: n, then (k, M in percent) aligned at the right, at AQL 10.
_ROWS: dict[str, tuple[int, str, str]] = {
    "B": (3, "1.12 .958 .765 .566", "7.59 18.86 26.94 33.69"),
    "C": (4, "1.45 1.34 1.17 1.01 .814 .617", "1.53 5.50 10.92 16.45 22.86 29.45"),
    "D": (5, "1.65 1.53 1.40 1.24 1.07 .874 .675", "1.33 3.32 5.83 9.80 14.39 20.19 26.56"),
    "E": (
        7,
        "2.00 1.88 1.75 1.62 1.50 1.33 1.15 .955 .755",
        "0.422 1.06 2.14 3.55 5.35 8.40 12.20 17.35 23.29",
    ),
    "F": (
        10,
        "2.24 2.11 1.98 1.84 1.72 1.58 1.41 1.23 1.03 .828",
        "0.349 0.716 1.30 2.17 3.26 4.77 7.29 10.54 15.17 20.74",
    ),
    "G": (
        15,
        "2.53 2.42 2.32 2.20 2.06 1.91 1.79 1.65 1.47 1.30 1.09 .886",
        "0.186 0.312 0.503 0.818 1.31 2.11 3.05 4.31 6.56 9.46 13.71 18.94",
    ),
    "H": (
        20,
        "2.58 2.47 2.36 2.24 2.11 1.96 1.82 1.69 1.51 1.33 1.12 .917",
        "0.228 0.365 0.544 0.846 1.29 2.05 2.95 4.09 6.17 8.92 12.99 18.03",
    ),
    "I": (
        25,
        "2.61 2.50 2.40 2.26 2.14 1.98 1.85 1.72 1.53 1.35 1.14 .936",
        "0.250 0.380 0.551 0.877 1.29 2.00 2.86 3.97 5.97 8.63 12.57 17.51",
    ),
    "J": (
        35,
        "2.65 2.54 2.45 2.31 2.18 2.03 1.89 1.76 1.57 1.39 1.18 .969",
        "0.264 0.388 0.535 0.847 1.23 1.87 2.68 3.70 5.57 8.10 11.87 16.65",
    ),
    "K": (
        50,
        "2.71 2.60 2.50 2.35 2.22 2.08 1.93 1.80 1.61 1.42 1.21 1.00",
        "0.250 0.363 0.503 0.789 1.17 1.71 2.49 3.45 5.20 7.61 11.23 15.87",
    ),
    "L": (
        75,
        "2.77 2.66 2.55 2.41 2.27 2.12 1.98 1.84 1.65 1.46 1.24 1.03",
        "0.228 0.330 0.467 0.720 1.07 1.60 2.29 3.20 4.87 7.15 10.63 15.13",
    ),
    "M": (
        100,
        "2.80 2.69 2.58 2.43 2.29 2.14 2.00 1.86 1.67 1.48 1.26 1.05",
        "0.220 0.317 0.447 0.689 1.02 1.53 2.20 3.07 4.69 6.91 10.32 14.75",
    ),
    "N": (
        150,
        "2.84 2.73 2.61 2.47 2.33 2.18 2.03 1.89 1.70 1.51 1.29 1.07",
        "0.203 0.293 0.413 0.638 0.949 1.43 2.05 2.89 4.43 6.57 9.88 14.20",
    ),
    "P": (
        200,
        "2.85 2.73 2.62 2.47 2.33 2.18 2.04 1.89 1.70 1.51 1.29 1.07",
        "0.204 0.294 0.414 0.637 0.945 1.42 2.04 2.87 4.40 6.53 9.81 14.12",
    ),
}


@dataclass(frozen=True, slots=True)
class Z19Cell:
    """One plan of the table: letter of its row, sample size, acceptability constant, largest percent."""

    letter: str
    n: int
    k: float
    m_percent: float


def z19_code_letter(lot_size: int, level: Z19Level = "II") -> str:
    """Sample size code letter of Z1.9 for a lot; its bands and letters are not those of Z1.4.

    Raises
        SpcInputError: `lot_size` is below 2 or not whole, `level` is unknown.

    Source
        ANSI/ASQ Z1.9-2003 table A-2.
    """
    one_of("level", level, get_args(Z19Level), "inspection level")
    return _CODE_LETTERS[level][bisect_left(_LOT_ENDS, whole("lot_size", lot_size, least=2))]


def z19_cell(letter: str, aql: float, severity: Z19Severity = "normal") -> Z19Cell:
    """The plan for a letter and an AQL; an arrow leads to the next larger sample, with its own n, k and M.

    Raises
        SpcInputError: `letter`, `aql` or `severity` is not one of the table's.
    """
    one_of("severity", severity, get_args(Z19Severity), "severity")
    wanted = number("aql", aql)
    column = next((i for i, known in enumerate(Z19_AQLS, 1) if abs(wanted - known) <= 1e-9 * known), None)
    if column is None:
        raise SpcInputError("aql", f"{aql!r} is not one of {', '.join(f'{a:g}' for a in Z19_AQLS)}")
    one_of("letter", letter, tuple(Z19_LETTERS), "row")
    if severity == "tightened":
        column -= 1
    rows = (_row_cell(row, column) for row in Z19_LETTERS[Z19_LETTERS.index(letter) :])
    return next(found for found in rows if found is not None)  # row G and all below it are full


def _row_cell(letter: str, column: int) -> Z19Cell | None:
    n, k_row, m_row = _ROWS[letter]
    ks, ms = k_row.split(), m_row.split()
    position = column - (len(Z19_AQLS) + 1 - len(ks))
    if position < 0:
        return None
    return Z19Cell(letter, n, float(ks[position]), float(ms[position]))
