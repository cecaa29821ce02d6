"""What `manage.py check` tells the person who sets the system up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import CheckMessage

from spc_site import checks, clock
from spc_site.models import WorkerBeat


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.fixture
def production(settings: Any) -> Any:
    """Settings with which no check has anything to say."""
    settings.FRONTEND_URL = "https://qms.plant.example"
    settings.ALLOWED_HOSTS = ["qms.plant.example"]
    settings.ALLOW_HTTP = False
    settings.WEBHOOK_BASE_URL = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key="
    settings.WEBHOOK_KEYS = {"IQC": "k", "OQC": "", "ENERGY": ""}
    settings.WECHAT_BOT_WEBHOOK = ""
    settings.TIME_ZONE = "Asia/Shanghai"
    return settings


ALL: tuple[Callable[..., list[CheckMessage]], ...] = (
    checks.public_address,
    checks.encrypted_addresses,
    checks.plant_time_zone,
    checks.reachable_groups,
)


@pytest.mark.parametrize("check", ALL)
def test_a_sound_production_system_has_no_warning(production: Any, check: Callable[..., Any]) -> None:
    assert check() == []


@pytest.mark.parametrize(
    ("setting", "value", "check", "expected"),
    [
        ("FRONTEND_URL", "http://127.0.0.1:8000", checks.public_address, ["spc_site.W001", "spc_site.W002"]),
        ("ALLOWED_HOSTS", ["other.example"], checks.public_address, ["spc_site.W002"]),
        ("ALLOWED_HOSTS", [".plant.example"], checks.public_address, []),
        ("FRONTEND_URL", "http://qms.plant.example", checks.encrypted_addresses, ["spc_site.W003"]),
        ("FRONTEND_URL", "http://127.0.0.1:8000", checks.encrypted_addresses, []),
        ("WEBHOOK_BASE_URL", "http://proxy.example/send?key=", checks.encrypted_addresses, ["spc_site.W004"]),
        ("TIME_ZONE", "UTC", checks.plant_time_zone, ["spc_site.W007"]),
        ("WEBHOOK_KEYS", {"IQC": "", "OQC": "", "ENERGY": ""}, checks.reachable_groups, ["spc_site.W008"]),
    ],
)
def test_each_mistake_has_its_number(
    production: Any, setting: str, value: Any, check: Callable[..., Any], expected: list[str]
) -> None:
    setattr(production, setting, value)
    assert ids(check()) == expected


def test_http_is_silent_once_agreed_to(production: Any) -> None:
    production.FRONTEND_URL = "http://qms.plant.example"
    production.ALLOW_HTTP = True
    assert checks.encrypted_addresses() == []


def test_a_missing_chinese_font_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "find_cjk_font", lambda: None)
    assert ids(checks.chinese_font()) == ["spc_site.W005"]


@pytest.mark.django_db
def test_a_silent_pump_is_told_but_not_before_the_first_start() -> None:
    assert checks.living_pump(databases=["default"]) == []
    then = clock.now() - timedelta(minutes=1)
    row = WorkerBeat.objects.create(host="h", pid=1, role="pump", started_at=then, beat_at=then)
    assert ids(checks.living_pump(databases=["default"])) == ["spc_site.W006"]
    assert checks.living_pump(databases=None) == []
    row.beat_at = clock.now()
    row.save()
    assert checks.living_pump(databases=["default"]) == []
