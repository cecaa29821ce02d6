"""Output over the API: whole or not at all, the last one counts, only for those who may."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import services as accounts
from energy.models import OutputDay
from tests import builders
from tests.energy import builders as make

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def post(*rows: dict[str, Any], role: str = "能源管理员") -> Any:
    _token, raw = accounts.issue_token(builders.person(role), name="mes")
    client = Client(headers={"Authorization": f"Bearer {raw}"}, enforce_csrf_checks=True)
    return client.post("/api/v1/outputs", {"rows": list(rows)}, content_type="application/json")


def row(group: str = "S", amount: object = "120.5", **fields: Any) -> dict[str, Any]:
    return {"group": group, "day": "2026-05-01", "product": "缸体", "amount": amount, "unit": "件", **fields}


def test_the_last_of_a_day_counts_and_the_source_is_kept() -> None:
    make.group("S", name="压铸车间")
    assert post(row(), row(amount=1), row(product="缸盖")).json() == {"written": 2}
    post(row("压铸车间", amount="130"))
    assert dict(OutputDay.objects.values_list("product", "amount")) == {"缸体": 130, "缸盖": 120.5}
    assert OutputDay.objects.get(product="缸盖").source.startswith("api/")


@pytest.mark.parametrize("wrong", [row("X"), row(amount=-1), row(day="May"), row(unit="")])
def test_one_wrong_row_keeps_all_out(wrong: dict[str, Any]) -> None:
    make.group("S")
    assert post(row(), wrong).status_code == 422
    assert not OutputDay.objects.exists()


def test_who_may_not_is_refused() -> None:
    make.group("S")
    assert post(row(), role="质检员").status_code == 403
