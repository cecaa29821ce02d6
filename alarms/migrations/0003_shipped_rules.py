"""Ship the rules of the sources and of inhibition; alarms of before wait since they were raised."""

from django.db import migrations, models

from alarms.defaults import INHIBITION_RULES, SOURCE_RULES


def ship(apps, schema_editor):
    for row in SOURCE_RULES:
        apps.get_model("alarms", "SourceRule").objects.get_or_create(source=row["source"], defaults=row)
    for row in INHIBITION_RULES:
        apps.get_model("alarms", "InhibitionRule").objects.get_or_create(name=row["name"], defaults=row)
    apps.get_model("alarms", "Alarm").objects.update(active_since=models.F("triggered_at"))


class Migration(migrations.Migration):
    dependencies = [("alarms", "0002_one_life_cycle")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
