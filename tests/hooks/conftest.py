"""A customer for one test: `customer('''def on_alarm_created(self, title): …''')`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import customers
from hooks import loader
from tests.hooks import plants

Customer = Callable[..., str]


@pytest.fixture
def customer(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Customer]:
    """Write the hooks of a customer and make it the current one; returns its name."""
    monkeypatch.setattr(customers, "__path__", [*customers.__path__, str(tmp_path / "customers")])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    names: set[str] = set()

    def make(body: str = "", *, name: str = "plant_a", **options: Any) -> str:
        plants.forget(name)
        loader.load.cache_clear()
        plants.write(tmp_path, name, body, **options)
        settings.CUSTOMER = name
        names.add(name)
        return name

    yield make
    for name in names:
        plants.forget(name)
    loader.load.cache_clear()
