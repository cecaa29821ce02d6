"""Installs the hooks when Django is ready."""

from __future__ import annotations

from django.apps import AppConfig

from tests.faults import hooks


class HooksConfig(AppConfig):
    name = "tests.faults.hooks"

    def ready(self) -> None:
        hooks.install()
