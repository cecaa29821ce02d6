"""Set what the demonstration presupposes: a characteristic that alarms on rule 1, the form of concessions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from quality import filling
from quality.models import Characteristic, DispositionForm, Part
from quality.services import disposition_forms
from wecom.sandbox.forms import CONCESSION


class Command(BaseCommand):
    help = "Make the settings of the examples that do not exist yet; existing ones stay as they are."

    def handle(self, *args: Any, **options: Any) -> None:
        # By default rules are drawn and do not alarm; the example shows what switching one on does.
        part, _is_new = Part.objects.get_or_create(number="SL-598", defaults={"name": "平面密封胶"})
        _row, is_new = Characteristic.objects.get_or_create(
            part=part, name="粘度", defaults={"alarm_rules": [1]}
        )
        is_new |= self._make_concession_form()
        self.stdout.write("made" if is_new else "nothing to do: it exists")

    def _make_concession_form(self) -> bool:
        """Map the sandbox's form as the admin would after reading it; say whether there was none."""
        form, is_new = DispositionForm.objects.get_or_create(
            template_id=CONCESSION.id, defaults={"name": CONCESSION.name}
        )
        if is_new:
            for control in filling.described(CONCESSION.detail()):
                control.form = form
                control.save()
            disposition_forms.watch(form)
        return is_new
