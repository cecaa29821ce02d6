"""Make the plant of the examples: groups, meters, sixty days of readings, a tariff, output, quotas."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from energy import demo
from spc_site import clock


class Command(BaseCommand):
    help = "Make the demo plant that does not exist yet; let the one that does go on until now."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{demo.make(clock.now())} readings came in")
