"""Ship the thresholds of the system."""

from django.db import migrations

from alarms.defaults import SYSTEM_RULES, runbook_of


def ship(apps, schema_editor):
    for row in SYSTEM_RULES:
        apps.get_model("alarms", "SystemRule").objects.get_or_create(
            measure=row["measure"], defaults={**row, "runbook": runbook_of(row["measure"])}
        )


class Migration(migrations.Migration):
    dependencies = [("alarms", "0006_system_rules")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
