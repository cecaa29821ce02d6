"""Ship one rule: every meter in use that falls silent raises an alarm. It can be edited."""

from __future__ import annotations

from django.db import migrations


def add(apps, schema_editor):
    apps.get_model("energy", "AlarmRule").objects.get_or_create(name="断线", defaults={"measure": "silence"})


def remove(apps, schema_editor):
    apps.get_model("energy", "AlarmRule").objects.filter(name="断线").delete()


class Migration(migrations.Migration):
    dependencies = [("energy", "0007_gateways_and_photos")]
    operations = [migrations.RunPython(add, remove)]
