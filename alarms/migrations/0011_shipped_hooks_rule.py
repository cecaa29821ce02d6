"""Ship how alarms about hooks close: also those of a package that was taken away."""

from django.db import migrations

from alarms.defaults import POLICY, SOURCE_RULES


def ship(apps, schema_editor):
    row = next(row for row in SOURCE_RULES if row["source"] == "hooks")
    policy = apps.get_model("alarms", "EscalationPolicy").objects.filter(name=POLICY["name"]).first()
    rules = apps.get_model("alarms", "SourceRule").objects
    rules.get_or_create(source=row["source"], defaults={**row, "policy": policy})


class Migration(migrations.Migration):
    dependencies = [("alarms", "0010_responsible_of_system_rules")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
