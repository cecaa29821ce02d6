"""Set what the example workbooks presuppose: one characteristic that alarms on control rule 1."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from quality.models import Characteristic, Part


class Command(BaseCommand):
    help = "Make the settings of the examples that do not exist yet; existing ones stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        # By default rules are drawn and do not alarm; the example shows what switching one on does.
        part, _is_new = Part.objects.get_or_create(number="SL-598", defaults={"name": "平面密封胶"})
        _row, is_new = Characteristic.objects.get_or_create(
            part=part, name="粘度", defaults={"alarm_rules": [1]}
        )
        self.stdout.write("made" if is_new else "nothing to do: it exists")
