"""Rules upon a form: the values of a template, and everything that is missing or odd. No default texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from contracts import formats
from contracts.formats import FormatError
from contracts.mapping.controls import KINDS, Control, Form, Moment, OddValue, Value
from contracts.mapping.conversions import CONVERSIONS, convert, fen_of, take_part, words_by_key
from contracts.mapping.rules import APPROVAL_PARTS, PARTS, Rule, Source

_FOR_COLUMNS = frozenset({Source.CONTROL, Source.CONSTANT, Source.ROW_NUMBER, Source.APPROVAL})
_NOT_FOR_SINGLES = frozenset({Source.ROW_NUMBER})
_QR_WIDTHS_MM = (10, 100)
QR_WIDTH_MM = 22
_PICTURE_WIDTHS_MM = (5, 180)
PICTURE_WIDTH_MM = 60
_TALLEST_MM = 250
"""What stands on a page of A4 with its margins."""
_PICTURE_KEYS = ({"qr", "width_mm"}, {"picture", "width_mm"})
_NO_PICTURE = {"picture": "", "width_mm": 1}


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file of the form: its name, and what it is as a picture.

    digest   the hash under which the picture's bytes are found
    pixels   width and height
    fault    why it is none: `picture_waiting`, `picture_lost`, `picture_kind`, `picture_too_large`
    """

    name: str = ""
    digest: str = ""
    pixels: tuple[int, int] = (0, 0)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a contract takes from beside the form; `files` by the ids that the form has."""

    today: date
    sp_no: str = ""
    sp_name: str = ""
    applicant: str = ""
    applicant_id: str = ""
    department: str = ""
    applied_at: datetime | None = None
    granted_at: datetime | None = None
    qr_text: str = ""
    files: Mapping[str, FormFile] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """Amounts that must be one: the sum of a column, the total, the total in capital characters."""

    total: str
    rows: str = ""
    capital: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a contract cannot be made: which field, what is wrong (`code`), in which row of a table from 1."""

    field: str
    code: str
    detail: str = ""
    row: int = 0

    @property
    def key(self) -> str:
        """The name under which a person may supply the value."""
        return f"{self.field}#{self.row}" if self.row else self.field

    @property
    def is_of_picture(self) -> bool:
        """Tell whether a picture is wanted in the field."""
        return self.code.startswith("picture_")

    def as_json(self) -> dict[str, Any]:
        return {"field": self.field, "code": self.code, "detail": self.detail, "row": self.row}


@dataclass(frozen=True, slots=True)
class Mapped:
    """The result: JSON values by field, what they were before they were written, what is wrong.

    values    texts, `{"qr": text, "width_mm": …}`, `{"picture": digest, "width_mm": …}` (blank for none
              where none is required), lists of rows of these
    raw       the value of each single field before its conversion; of a column, those of its rows
    by_title  fields whose control was found by its title only: somebody changed the form
    """

    values: Mapping[str, Any]
    raw: Mapping[str, Any]
    problems: tuple[Problem, ...]
    by_title: tuple[str, ...] = ()

    def amount_fen(self, name: str, rules: Iterable[Rule]) -> int | None:
        """Return the amount in a field; None where it holds none."""
        rule = next((rule for rule in rules if rule.field == name), None)
        value = self.raw.get(name)
        if rule is None or value is None:
            return None
        try:
            return fen_of(value, rule.conversion)
        except OddValue:
            return None

    def day(self, name: str) -> date | None:
        """Return the day in a field; None where it holds none."""
        value = self.raw.get(name)
        try:
            return date.fromisoformat(convert(value, "date_iso")) if value is not None else None
        except OddValue:
            return None


def apply(
    rules: Sequence[Rule],
    form: Form,
    facts: Facts,
    checks: Sequence[Check] = (),
    supplement: Mapping[str, str] | None = None,
) -> Mapped:
    """Return the values that the rules take from a form, with every problem.

    `supplement` holds texts that a person entered for fields that had a problem (`Problem.key`); they take
    the place of what the form has and are converted like it. Fields with the source NUMBER stay open, see
    `with_number`.
    """
    return _Application(form, facts, supplement or {}).run(rules, checks)


def is_picture(value: Any) -> bool:
    """Tell whether a value of a field is a picture: a QR code, or a file of the form."""
    return isinstance(value, Mapping) and value.keys() in _PICTURE_KEYS


def picture_digests(values: Mapping[str, Any]) -> set[str]:
    """Return the hashes of the files that the values show as pictures."""
    rows = [row for value in values.values() if isinstance(value, list) for row in value]
    shown = (value for one in (values, *rows) for value in one.values() if is_picture(value))
    return set(filter(None, (value.get("picture", "") for value in shown)))


def with_number(values: Mapping[str, Any], rules: Iterable[Rule], number: str) -> dict[str, Any]:
    """Return the values with the contract's number in the fields that want it."""
    return {**values, **{rule.field: number for rule in rules if rule.source == Source.NUMBER}}


@dataclass(slots=True)
class _Application:
    form: Form
    facts: Facts
    supplement: Mapping[str, str]
    values: dict[str, Any] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    by_title: list[str] = field(default_factory=list)

    def run(self, rules: Sequence[Rule], checks: Sequence[Check]) -> Mapped:
        lists: dict[str, list[Rule]] = {}
        for rule in rules:
            if rule.list_name:
                lists.setdefault(rule.list_name, []).append(rule)
            elif rule.source not in (Source.SUM, Source.COUNT, Source.NUMBER):
                self._single(rule)
        for name, columns in lists.items():
            self._list(name, columns)
        for rule in rules:
            if rule.source in (Source.SUM, Source.COUNT):
                self._over_rows(rule)
        for check in checks:
            self._check(check, {rule.field: rule for rule in rules})
        return Mapped(self.values, self.raw, tuple(self.problems), tuple(self.by_title))

    # --- single fields

    def _single(self, rule: Rule) -> None:
        if rule.source == Source.QR:
            width = int(rule.argument or QR_WIDTH_MM)
            self.values[rule.field] = {"qr": self.facts.qr_text, "width_mm": width}
            return
        try:
            if rule.is_picture:
                found = self.form.find(rule.path, rule.kind)
                self.values[rule.field] = self._picture(rule, found, rule.field)
                return
            value = self._value(rule, self._control(rule), rule.field)
            self._put(rule, value)
        except OddValue as odd:
            self.problems.append(Problem(rule.field, odd.code, odd.detail))

    def _put(self, rule: Rule, value: Value | None) -> None:
        if value is None:
            if rule.is_required:
                raise OddValue("missing")
            self.values[rule.field] = ""
            return
        self.raw[rule.field] = value
        self.values[rule.field] = _written(rule, value)

    def _control(self, rule: Rule) -> Control | None:
        if rule.source != Source.CONTROL:
            return None
        return self._known(rule, self.form.find(rule.path, rule.kind))

    def _known(self, rule: Rule, control: Control | None) -> Control | None:
        if control is None:
            if rule.is_required:
                raise OddValue("control_absent", rule.path)
            return None
        if rule.kind and control.kind != rule.kind:
            raise OddValue("wrong_kind", f"{rule.kind} → {control.kind}")
        if control.id != rule.control and rule.field not in self.by_title:
            self.by_title.append(rule.field)
        return control

    def _value(self, rule: Rule, control: Control | None, key: str) -> Value | None:
        """Return the value before it is written; a person's own text comes first."""
        if text := self.supplement.get(key, "").strip():
            return text
        if rule.source == Source.CONSTANT:
            return rule.argument or None
        if rule.source == Source.TODAY:
            return _at_midnight(self.facts.today)
        if rule.source == Source.APPROVAL:
            return self._of_approval(rule.path)
        if control is None:
            return None
        value = control.value()
        if value is None:
            return None
        if control.kind == "File" and rule.part != "key":
            return tuple(self._file_name(str(one)) for one in value)  # type: ignore[union-attr]
        if rule.conversion == "plain" and rule.part != "key" and (unnamed := control.unnamed_departments()):
            raise OddValue("department_unnamed", "、".join(unnamed))
        return take_part(value, rule.part)

    def _file_name(self, file_id: str) -> str:
        file = self.facts.files.get(file_id)
        return file.name if file and file.name else file_id

    def _picture(self, rule: Rule, control: Control | None, key: str) -> dict[str, Any]:
        """Return the one file of a control as a picture; a person may have supplied another one."""
        try:
            control = self._known(rule, control)
        except OddValue as odd:
            raise OddValue("picture_missing", odd.detail) from odd
        if supplied := self.supplement.get(key, ""):
            ids: Sequence[Any] = (supplied,)
        else:
            value = control.value() if control is not None else None
            ids = value if isinstance(value, tuple) else ()
        if not ids:
            if rule.is_required:
                raise OddValue("picture_missing")
            return dict(_NO_PICTURE)
        if len(ids) > 1:
            raise OddValue("picture_several", str(len(ids)))
        file = self.facts.files.get(str(ids[0])) or FormFile(fault="picture_waiting")
        if file.fault:
            raise OddValue(file.fault, file.name)
        width_mm = int(rule.argument or PICTURE_WIDTH_MM)
        if file.pixels[1] * width_mm > _TALLEST_MM * file.pixels[0]:
            raise OddValue("picture_too_tall", file.name)
        return {"picture": file.digest, "width_mm": width_mm}

    def _of_approval(self, name: str) -> Value | None:
        found = getattr(self.facts, name) if name in APPROVAL_PARTS else None
        if name == "department" and found and found.isdecimal():
            raise OddValue("department_unnamed", found)
        if isinstance(found, datetime):
            return Moment(formats.shanghai(found), has_time=True)
        return found or None

    # --- lists

    def _list(self, name: str, rules: Sequence[Rule]) -> None:
        table = next((rule.table for rule in rules if rule.table), "")
        control = self.form.find(table, "Table")
        rows = control.rows() if control is not None and control.kind == "Table" else ()
        must = any(rule.is_required and rule.source == Source.CONTROL for rule in rules)
        if not rows and must:
            self.problems.append(Problem(name, "missing" if control is not None else "control_absent", table))
        items: list[dict[str, Any]] = []
        for number, row in enumerate(rows, start=1):
            item: dict[str, Any] = {}
            for rule in rules:
                try:
                    if rule.is_picture:
                        found = row.find(rule.control, rule.kind)
                        item[rule.column] = self._picture(rule, found, f"{rule.field}#{number}")
                        continue
                    inner = None
                    if rule.source == Source.CONTROL:
                        inner = self._known(rule, row.find(rule.control, rule.kind))
                    if rule.source == Source.ROW_NUMBER:
                        value: Value | None = str(number)
                    else:
                        value = self._value(rule, inner, f"{rule.field}#{number}")
                    if value is None and rule.is_required:
                        raise OddValue("missing")
                    item[rule.column] = "" if value is None else _written(rule, value)
                    if value is not None:
                        self.raw.setdefault(rule.field, []).append(value)
                except OddValue as odd:
                    self.problems.append(Problem(rule.field, odd.code, odd.detail, number))
            items.append(item)
        self.values[name] = items

    def _over_rows(self, rule: Rule) -> None:
        try:
            if rule.source == Source.COUNT:
                value: Value = Decimal(len(self.values.get(rule.path, ())))
            else:
                value = sum((_decimal(one) for one in self.raw.get(rule.path, ())), Decimal(0))
            self._put(rule, value)
        except OddValue as odd:
            self.problems.append(Problem(rule.field, odd.code, odd.detail))

    # --- amounts

    def _check(self, check: Check, rules: Mapping[str, Rule]) -> None:
        """Compare the amounts of a check, unless one of them has a problem of its own."""
        troubled = {problem.field for problem in self.problems}
        lists = {name.partition(".")[0] for name in (check.rows,) if name}
        if troubled & {check.total, check.rows, check.capital, *lists}:
            return
        amounts: dict[str, int] = {}
        for name in filter(None, (check.rows, check.total, check.capital)):
            try:
                amounts[name] = self._amount(name, rules[name], is_capital=name == check.capital)
            except (OddValue, FormatError) as odd:
                self.problems.append(Problem(name, "no_amount", str(odd)[:80]))
                return
        if len(set(amounts.values())) > 1:
            said = "；".join(f"{name} {formats.fen_to_yuan(fen)}" for name, fen in amounts.items())
            self.problems.append(Problem(check.total, "amounts_differ", said))

    def _amount(self, name: str, rule: Rule, *, is_capital: bool) -> int:
        if is_capital:  # what will be printed, in whatever wording
            return formats.parse_capital(str(self.values.get(name, "")))
        if rule.list_name:
            return sum(fen_of(one, rule.conversion) for one in self.raw.get(name, ()))
        if name not in self.raw:
            raise OddValue("missing")
        return fen_of(self.raw[name], rule.conversion)


def _written(rule: Rule, value: Value) -> str:
    argument = "" if rule.source == Source.CONSTANT else rule.argument
    text = convert(value, rule.conversion, argument)
    if not text.strip() and rule.is_required:
        raise OddValue("missing")
    return text


def _decimal(value: Value) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(convert(value, "number"))


def _at_midnight(day: date) -> Moment:
    return Moment(datetime(day.year, day.month, day.day, tzinfo=formats.SHANGHAI))


# --- rules on their own -------------------------------------------------------------------------


def problems_of_rules(
    rules: Sequence[Rule], used: Iterable[str], checks: Sequence[Check] = ()
) -> list[Problem]:
    """Return what is wrong with rules before any form is there; `used` are the fields of the template."""
    found: list[Problem] = []
    known: dict[str, Rule] = {}
    tables: dict[str, set[str]] = {}
    for rule in rules:
        if rule.field in known:
            found.append(Problem(rule.field, "mapped_twice"))
        known.setdefault(rule.field, rule)
        found += (Problem(rule.field, code, detail) for code, detail in _faults(rule))
        if rule.list_name:
            tables.setdefault(rule.list_name, set()).update(filter(None, [rule.table]))
    for name, paths in tables.items():
        if len(paths) != 1:
            found.append(
                Problem(name, "two_tables" if paths else "list_without_table", "、".join(sorted(paths)))
            )
    found += (Problem(name, "unmapped") for name in dict.fromkeys(used) if name not in known)
    for rule in rules:
        if rule.source == Source.SUM and (rule.path not in known or not known[rule.path].list_name):
            found.append(Problem(rule.field, "unknown_column", rule.path))
        if rule.source == Source.COUNT and rule.path not in tables:
            found.append(Problem(rule.field, "unknown_list", rule.path))
    for check in checks:
        names = (check.total, check.rows, check.capital)
        found += (Problem(name or "?", "check_unknown") for name in names if name and name not in known)
        if not check.total or not (check.rows or check.capital):
            found.append(Problem(check.total or "?", "check_incomplete"))
    return found


def _faults(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.source not in set(Source):
        yield "unknown_source", rule.source
        return
    if rule.list_name and rule.source not in _FOR_COLUMNS:
        yield "not_in_a_row", rule.source
    if not rule.list_name and rule.source in _NOT_FOR_SINGLES:
        yield "only_in_a_row", rule.source
    if rule.conversion not in CONVERSIONS:
        yield "unknown_conversion", rule.conversion
    elif rule.conversion == "lookup":
        try:
            if not words_by_key(rule.argument):
                yield "bad_argument", rule.argument
        except OddValue as odd:
            yield odd.code, odd.detail
    if rule.source == Source.CONSTANT and not rule.argument.strip():
        yield "constant_empty", ""
    if rule.source == Source.APPROVAL and rule.path not in APPROVAL_PARTS:
        yield "unknown_part", rule.path
    if rule.argument and (rule.source == Source.QR or rule.is_picture):
        low, high = _PICTURE_WIDTHS_MM if rule.is_picture else _QR_WIDTHS_MM
        if not rule.argument.isdecimal() or not low <= int(rule.argument) <= high:
            yield "bad_argument", rule.argument
    if rule.is_picture and (rule.source != Source.CONTROL or rule.part):
        yield "unsuitable_conversion", rule.part or rule.source
    if rule.source == Source.CONTROL:
        yield from _faults_of_control(rule)


def _faults_of_control(rule: Rule) -> Iterator[tuple[str, str]]:
    if not rule.path:
        yield "no_control", ""
    elif rule.list_name and not rule.table:
        yield "column_outside_table", rule.path
    elif not rule.list_name and rule.table:
        yield "table_for_single", rule.path
    if rule.kind and rule.kind not in KINDS:
        yield "unknown_control", rule.kind
    if rule.kind == "Table":
        yield "table_for_single", rule.path
    if rule.kind in ("Location", "BankAccount") and not rule.part:
        yield "part_missing", rule.kind
    parts = PARTS.get(rule.kind, ())
    if rule.part and rule.kind != "BankAccount" and rule.part not in parts:
        yield "unknown_part", rule.part
    conversion = CONVERSIONS.get(rule.conversion)
    suits = conversion is None or not conversion.kinds or not rule.kind or rule.kind in conversion.kinds
    if not suits and not rule.part:
        yield "unsuitable_conversion", f"{rule.kind} → {rule.conversion}"
