"""Forms of approvals as `oa/getapprovaldetail` answers them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from contracts.mapping import Facts, Form, read_form

FACTS = Facts(
    today=date(2026, 1, 2),
    sp_no="202601010001",
    sp_name="采购合同用印",
    applicant="王敏",
    applicant_id="wang.min",
    department="采购部",
    applied_at=datetime(2026, 1, 1, 2, tzinfo=UTC),
    granted_at=datetime(2026, 1, 1, 17, tzinfo=UTC),
    qr_text="https://qc.example.com/contracts/check/x",
)


def control(kind: str, key: str, value: dict[str, Any], *, title: str = "") -> dict[str, Any]:
    """One control as it stands in `apply_data.contents` and in the rows of a table."""
    words = [{"text": title or key, "lang": "zh_CN"}, {"text": "", "lang": "en"}]
    return {"control": kind, "id": key, "title": words, "value": value}


def table(key: str, rows: list[list[dict[str, Any]]], *, title: str = "") -> dict[str, Any]:
    return control("Table", key, {"children": [{"list": row} for row in rows]}, title=title)


def detail(*controls: dict[str, Any], **info: Any) -> dict[str, Any]:
    """An answer of `oa/getapprovaldetail`."""
    return {"errcode": 0, "errmsg": "ok", "info": {**info, "apply_data": {"contents": list(controls)}}}


def form(*controls: dict[str, Any]) -> Form:
    return read_form(detail(*controls))
