"""A form that fits the rules, made up: what a preview shows before the first real approval is there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from contracts.formats import capital_amount
from contracts.mapping.applying import Check
from contracts.mapping.conversions import words_by_key
from contracts.mapping.rules import Rule, Source

SAMPLE_FILE = "sample"
"""The id of the one file of a made-up form; see `sample_picture`."""

_SAMPLE_PIXELS = (160, 120)
_ROWS = 2
_ROW_YUAN = Decimal("1234.50")
_NOON = "1772510400"
"""2026-03-03 12:00 in Shanghai."""


def sample_detail(rules: Sequence[Rule], checks: Sequence[Check] = ()) -> dict[str, Any]:
    """Return the detail of an approval in which every control that the rules name is filled."""
    amounts, in_capitals = _amounts(rules, checks)
    singles: dict[str, dict[str, Any]] = {}
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for rule in rules:
        if rule.source != Source.CONTROL or not rule.path:
            continue
        control = {
            "control": rule.kind or "Text",
            "id": rule.control,
            "title": [{"text": rule.column or rule.field, "lang": "zh_CN"}],
            "value": _value(rule, amounts.get(rule.path), in_capitals.get(rule.path)),
        }
        place = tables.setdefault(rule.table, {}) if rule.table else singles
        place.setdefault(rule.control, control)
    contents = [*singles.values(), *_tables(tables)]
    return {"info": {"sp_no": "202603030001", "apply_data": {"contents": contents}}}


def sample_picture() -> bytes:
    """Return the picture that stands for a file of the form: a frame with its diagonals, as PNG."""
    width, height = _SAMPLE_PIXELS
    rows = bytearray()
    for y in range(height):
        rows.append(0)  # no filter
        for x in range(width):
            is_edge = x < 2 or y < 2 or x >= width - 2 or y >= height - 2
            falling = abs(x * height - y * width) < width
            rising = abs((width - x) * height - y * width) < width
            rows.append(150 if is_edge or falling or rising else 235)
    header = struct.pack(">2L5B", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _amounts(rules: Sequence[Rule], checks: Sequence[Check]) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Return the amounts that controls must hold for the checks to pass: as numbers, and in capitals."""
    by_field = {rule.field: rule for rule in rules if rule.source == Source.CONTROL}
    amounts: dict[str, Decimal] = {}
    in_capitals: dict[str, Decimal] = {}
    for check in checks:
        total = _ROW_YUAN * (_ROWS if check.rows else 1)
        for name, amount in ((check.rows, _ROW_YUAN), (check.total, total), (check.capital, total)):
            rule = by_field.get(name)
            if rule is not None:
                is_wording = name == check.capital and rule.conversion == "plain"
                (in_capitals if is_wording else amounts)[rule.path] = amount
    return amounts, in_capitals


def _tables(tables: dict[str, dict[str, dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for path, controls in tables.items():
        rows = [{"list": list(controls.values())}] * _ROWS
        yield {"control": "Table", "id": path, "title": [], "value": {"children": rows}}


def _value(rule: Rule, yuan: Decimal | None, capital: Decimal | None) -> dict[str, Any]:
    amount = yuan if yuan is not None else _ROW_YUAN
    number = f"{amount.scaleb(2):.0f}" if rule.conversion == "from_fen" else f"{amount:f}"
    if rule.conversion == "number" and yuan is None:
        number = "12"
    day = {"type": "day", "s_timestamp": _NOON}
    key = next(iter(words_by_key(rule.argument)), "1") if rule.conversion == "lookup" else "1"
    words = f"示例{rule.column or rule.field}"
    match rule.kind:
        case "Number":
            return {"new_number": number}
        case "Money":
            return {"new_money": number}
        case "Formula":
            return {"formula": {"value": number}}
        case "Date":
            return {"date": day}
        case "DateRange":
            span = {"type": "day", "new_begin": _NOON, "new_end": str(int(_NOON) + 30 * 86400)}
            return {"date_range": span | {"new_duration": 31 * 86400}}
        case "Selector":
            return {"selector": {"options": [{"key": key, "value": [{"text": words}]}]}}
        case "Contact":
            return {"members": [{"userid": "wang.min", "name": "王敏"}]}
        case "File":
            return {"files": [{"file_id": SAMPLE_FILE}]}
        case "RelatedApproval":
            return {"related_approval": [{"sp_no": "202603030000"}]}
        case "Location":
            place = {"title": "示例大厦", "address": "示例路 1 号", "latitude": "31.2", "longitude": "121.5"}
            return {"location": place}
        case "BankAccount":
            account: Any = words
            for name in reversed((rule.part or "account_name").split(".")):
                account = {name: account}
            return {"bank_account": account}
        case _:
            return {"text": _text(rule, number, key, words, capital)}


def _text(rule: Rule, number: str, key: str, words: str, capital: Decimal | None) -> str:
    if capital is not None and rule.conversion == "plain":
        return capital_amount(int(capital.scaleb(2)))
    if rule.conversion in ("yuan", "fen", "from_fen", "capital", "number"):
        return number
    if rule.conversion.startswith("date_"):
        return "2026-03-03"
    return key if rule.conversion == "lookup" else words
