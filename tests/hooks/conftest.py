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
    folder = tmp_path / "customers"
    folder.mkdir()
    monkeypatch.setattr(customers, "__path__", [*customers.__path__, str(folder)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names: list[str] = []

    def make(body: str = "", *, name: str = "plant_a", **options: Any) -> str:
        plants.forget(name)
        loader.load.cache_clear()
        plants.write(folder, name, body, **options)
        settings.CUSTOMER = name
        names.append(name)
        return name

    yield make
    for name in names:
        plants.forget(name)
    loader.load.cache_clear()
