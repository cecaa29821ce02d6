from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from quality import filling
from quality.kinds import IQC, OQC
from quality.models import Characteristic, DispositionForm
from quality.services import imports, judgement

pytestmark = pytest.mark.django_db

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_setting_is_made_once_and_a_plants_own_stays() -> None:
    call_command("demo_settings", verbosity=0)
    Characteristic.objects.update(alarm_rules=[])
    form = DispositionForm.objects.get()
    assert filling.problems_of(list(form.controls.all())) == []
    form.controls.update(text="{lot} {mark}")
    call_command("demo_settings", verbosity=0)
    assert Characteristic.objects.get().alarm_rules == []
    assert {control.text for control in form.controls.all()} == {"{lot} {mark}"}


def test_the_examples_show_every_kind_of_reason(settings, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    settings.IMPORT_DIR = tmp_path
    call_command("demo_settings", verbosity=0)
    for path in sorted(EXAMPLES.glob("*.xlsx")):
        kind = IQC if path.name.startswith("iqc") else OQC
        origin = "SUPPLIER" if kind is IQC and "self" not in path.name else "SELF"
        parsed = imports.parse_workbook(path, kind=kind)
        assert parsed.problems == []
        imports.store(parsed, kind=kind, origin=origin)
    judgement.judge_due()
    codes = {
        reason["code"]
        for kind in (IQC, OQC)
        for entry in kind.entry_model.objects.all()
        for reason in entry.reasons
    }
    assert codes == {"out_of_spec", "not_good", "capability", "control_rule"}
