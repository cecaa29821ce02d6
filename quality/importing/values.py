"""The samples of one row: numbers, `OK`/`NG`, blanks, and what is written instead of a value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from quality.importing.meanings import ABSENT_WORDS, NG_WORDS, OK_WORDS
from spc_site.lib.columns import CellFault, clean_number
from spc_site.lib.sheets import BLANK, CellValue
from spc_site.lib.text import tidy

OK, NG = "OK", "NG"


_PLAIN_ROW = re.compile(r"[\d. ]+")
"""Neither exponents, nor infinity, nor a minus (zero has none): what needs no second thought."""


def _folded(word: str) -> str:
    return "".join(tidy(word).upper().split())


_VERDICTS = {_folded(word): OK for word in OK_WORDS} | {_folded(word): NG for word in NG_WORDS}
_ABSENT = {_folded(word) for word in ABSENT_WORDS}


def verdict_of(text: str) -> str:
    """Return `OK` or `NG` for what people write instead, blank for anything else."""
    return _VERDICTS.get(_folded(text), "")


@dataclass(slots=True)
class Samples:
    """Values in order (None: blank), what was written instead (by index), and faults (by index)."""

    values: list[str | None]
    marks: dict[int, str] = field(default_factory=dict)
    faults: dict[int, CellFault] = field(default_factory=dict)
    is_attribute: bool = False


def clean_samples(cells: Sequence[CellValue], unit: str = "") -> Samples:
    """Return the values of one row of samples; a blank at the end is no sample at all.

    A row holds numbers, or verdicts, never both: among numbers a verdict is a fault, and the
    other way round the numbers are, whichever are fewer. Written-out absence (`N/A`, `/`) is
    kept as a mark and is no value; an Excel error is a fault. None of them becomes zero.
    """
    if set(map(type, cells)) == {float}:
        # Nearly every row of nearly every file: as `decimal_text`, without a call per cell.
        texts = [f"{value:.15g}" for value in cells]
        if _PLAIN_ROW.fullmatch(" ".join(texts)):
            return Samples([*texts])
    samples = Samples([])
    numbers: list[int] = []
    verdicts: list[int] = []
    for index, cell in enumerate(cells):
        value: str | None = None
        if cell == BLANK:
            pass
        elif isinstance(cell, str) and (word := _folded(cell)) in _VERDICTS:
            value = _VERDICTS[word]
            verdicts.append(index)
        elif isinstance(cell, str) and word in _ABSENT:
            samples.marks[index] = tidy(cell)
        else:
            try:
                value = clean_number(cell, unit) or None
            except CellFault as fault:
                samples.faults[index] = fault
            if value is not None:
                numbers.append(index)
        samples.values.append(value)
    samples.is_attribute = bool(verdicts)
    if numbers and verdicts:
        fewer = verdicts if len(verdicts) <= len(numbers) else numbers
        code = "verdict_among_numbers" if fewer is verdicts else "number_among_verdicts"
        for index in fewer:
            samples.faults[index] = CellFault(code, value=str(cells[index]).strip())
    while samples.values and samples.values[-1] is None:
        samples.values.pop()
    return samples
