"""Make the canonical layout the first row of the import profiles."""

from __future__ import annotations

from django.db import migrations

from quality.importing.canonical import CANONICAL


def add(apps, schema_editor):
    apps.get_model("quality", "ImportProfile").objects.update_or_create(
        name=CANONICAL.name, defaults={"layout": CANONICAL.to_json(), "order": 1}
    )


def remove(apps, schema_editor):
    apps.get_model("quality", "ImportProfile").objects.filter(name=CANONICAL.name).delete()


class Migration(migrations.Migration):
    dependencies = [("quality", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
