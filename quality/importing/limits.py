"""Specification, tolerances and limits of one row → nominal, lower and upper limit as decimals.

Limits that a report prints in columns of their own win over those in its specification text;
where both are given and disagree, one of them is a slip of the pen, and the row is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from quality.importing.meanings import ABSENT_WORDS, REFERENCE_WORDS
from quality.spc import SpcInputError, parse_spec
from spc_site.lib.columns import CellFault
from spc_site.lib.text import NumberError, label_key, parse_number, tidy

MAX_LENGTH = 32
"""Characters that a limit may have, as stored."""
_ABSENT = frozenset(ABSENT_WORDS)
_REFERENCE = frozenset(label_key(word) for word in REFERENCE_WORDS)
_MAY_BE_REFERENCE = re.compile(r"[(（\[]|参|ref", re.IGNORECASE)
_BRACKETED_NUMBER = re.compile(r"[(\[]\s*[⌀ØøΦφ]?\s*[\d.]+\s*\S{0,4}\s*[)\]]")
_REFERENCE_NOTES = re.compile(r"[(\[]([^()\[\]]*)[)\]]"), re.compile(r"(\S+)$")


@dataclass(frozen=True, slots=True)
class Written:
    """What a row prints about its limits, tidy, by the columns of `meanings`."""

    spec: str = ""
    nominal: str = ""
    tolerance: str = ""
    upper_tolerance: str = ""
    lower_tolerance: str = ""
    usl: str = ""
    lsl: str = ""


@dataclass(slots=True)
class Limits:
    """The limits that hold; absent ones are blank. `faults` names the column of each fault.

    `is_reference` marks a dimension that is measured for information only.
    """

    nominal: str = ""
    lsl: str = ""
    usl: str = ""
    unit: str = ""
    decimals: int | None = None
    is_reference: bool = False
    is_readable: bool = True
    faults: list[tuple[str, CellFault]] = field(default_factory=list)

    @property
    def exist(self) -> bool:
        return bool(self.lsl or self.usl)


@dataclass(frozen=True, slots=True)
class _Numbers:
    nominal: Decimal | None = None
    lsl: Decimal | None = None
    usl: Decimal | None = None
    unit: str = ""


@lru_cache(maxsize=8192)
def _parse(text: str) -> _Numbers | None:
    try:
        parsed = parse_spec(text)
    except SpcInputError:
        return None
    return _Numbers(parsed.nominal, parsed.lsl, parsed.usl, parsed.unit or "")


def is_reference(spec: str) -> bool:
    """Say whether a specification marks its dimension as for reference: `(10.5)`, `10.5（参考）`, `REF`."""
    if not _MAY_BE_REFERENCE.search(spec):
        return False
    text = tidy(spec)
    if _BRACKETED_NUMBER.fullmatch(text):
        return True
    words = [text, *(word for notes in _REFERENCE_NOTES for word in notes.findall(text))]
    return any(label_key(word) in _REFERENCE for word in words)


@lru_cache(maxsize=8192)
def read_limits(written: Written, unit: str = "") -> Limits:
    """Return the limits of a row and everything that is wrong with them; not to be changed.

    Whether a row may lack limits is for the caller to say: a row of verdicts may. Answers are
    kept, because a workbook prints the same form again and again, once for each lot.
    """
    limits = Limits(is_reference=is_reference(written.spec))
    spec = written.spec if written.spec not in _ABSENT else ""
    computed = _Numbers()
    if spec and not limits.is_reference:
        parsed = _parse(spec)
        limits.is_readable = parsed is not None
        computed = parsed or computed
    computed = _with_tolerances(written, computed, limits)
    usl = _column(written, "usl", unit or computed.unit, limits)
    lsl = _column(written, "lsl", unit or computed.unit, limits)
    for name, given, other in (("usl", usl, computed.usl), ("lsl", lsl, computed.lsl)):
        if given is not None and other is not None and given != other:
            limits.faults.append((name, CellFault("limit_contradicts_spec", computed=_text(other))))
    usl, lsl = _finer(usl, computed.usl), _finer(lsl, computed.lsl)
    if usl is not None and lsl is not None and usl < lsl and not limits.faults:
        limits.faults.append(
            ("usl" if written.usl else "spec", CellFault("limits_reversed", usl=_text(usl), lsl=_text(lsl)))
        )
    limits.nominal, limits.lsl, limits.usl = _text(computed.nominal), _text(lsl), _text(usl)
    for name in ("nominal", "lsl", "usl"):
        if len(getattr(limits, name)) > MAX_LENGTH:
            limits.faults.append((name, CellFault("too_long", value=getattr(limits, name))))
    known = [text for text in (limits.nominal, limits.lsl, limits.usl) if text]
    limits.unit = unit or computed.unit
    limits.decimals = max((len(text.partition(".")[2]) for text in known), default=None)
    return limits


def _with_tolerances(written: Written, spec: _Numbers, limits: Limits) -> _Numbers:
    """Add what the columns 标准值, 公差, 上公差, 下公差 say to what the specification says."""
    nominal = spec.nominal
    text = written.nominal if written.nominal not in _ABSENT else ""
    if text:
        parsed = _parse(text)
        if parsed is None:
            limits.faults.append(("nominal", CellFault("not_a_number", value=text)))
            return spec
        if nominal is not None and parsed.nominal is not None and parsed.nominal != nominal:
            limits.faults.append(
                ("nominal", CellFault("nominal_contradicts_spec", value=text, computed=_text(nominal)))
            )
        nominal = parsed.nominal if parsed.nominal is not None else nominal
        if spec.lsl is None and spec.usl is None:
            spec = _Numbers(nominal, parsed.lsl, parsed.usl, spec.unit or parsed.unit)
    tolerance = written.tolerance if written.tolerance not in _ABSENT else ""
    pair = [
        (name, getattr(written, name))
        for name in ("upper_tolerance", "lower_tolerance")
        if getattr(written, name) not in _ABSENT and getattr(written, name)
    ]
    if not tolerance and not pair:
        return _Numbers(nominal, spec.lsl, spec.usl, spec.unit)
    if nominal is None:
        column = "tolerance" if tolerance else pair[0][0]
        limits.faults.append((column, CellFault("tolerance_without_nominal")))
        return spec
    if tolerance:
        parsed = _parse(f"{_text(nominal)} {tolerance}")
        if parsed is None or (parsed.lsl is None and parsed.usl is None):
            limits.faults.append(("tolerance", CellFault("tolerance_unreadable", value=tolerance)))
            return spec
        return _Numbers(nominal, parsed.lsl, parsed.usl, spec.unit or parsed.unit)
    steps: dict[str, Decimal] = {}
    for name, value in pair:
        try:
            steps[name] = Decimal(parse_number(value))
        except NumberError:
            limits.faults.append((name, CellFault("tolerance_unreadable", value=value)))
            return spec
    upper, lower = steps.get("upper_tolerance"), steps.get("lower_tolerance")
    if upper is not None and upper == lower and upper > 0:
        # Nominal 10, upper 0.05, lower 0.05: surely ±, but it says otherwise.
        limits.faults.append(("lower_tolerance", CellFault("lower_tolerance_sign", value=_text(lower))))
        return spec
    return _Numbers(
        nominal,
        nominal + lower if lower is not None else spec.lsl,
        nominal + upper if upper is not None else spec.usl,
        spec.unit,
    )


def _column(written: Written, name: str, unit: str, limits: Limits) -> Decimal | None:
    text: str = getattr(written, name)
    if not text or text in _ABSENT:
        return None
    try:
        return Decimal(parse_number(text, unit))
    except NumberError as error:
        limits.faults.append((name, CellFault(error.code, value=text)))
        return None


def _finer(given: Decimal | None, computed: Decimal | None) -> Decimal | None:
    """Return the limit given in a column; of two that agree, the one with more decimals (73.950)."""
    if given is None or computed is None or given != computed:
        return computed if given is None else given
    return given if len(str(given)) > len(str(computed)) else computed


def _text(number: Decimal | None) -> str:
    return "" if number is None else format(number, "f")
