"""Installs the hooks when Django is ready."""

from __future__ import annotations

from django.apps import AppConfig

from tests.faults import hooks


class HooksConfig(AppConfig):
    name = "tests.faults.hooks"
    label = "fault_hooks"  # an app of the system is called hooks

    def ready(self) -> None:
        hooks.install()
