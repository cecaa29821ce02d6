"""Let the shipped rule for phone numbers leave the numbers of contracts and lots alone."""

from __future__ import annotations

from django.db import migrations

from notifications.defaults.rules import RULES

BEFORE = r"(?<!\d)1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?!\d)"


def use_the_new_pattern(apps, schema_editor):
    """Change the row unless the plant has changed it."""
    rule = next(rule for rule in RULES if rule["name"] == "手机号")
    rows = apps.get_model("notifications", "ContentRule").objects.filter(name=rule["name"], pattern=BEFORE)
    rows.update(pattern=rule["pattern"])


class Migration(migrations.Migration):
    dependencies = [("notifications", "0016_withheld_alarms")]
    operations = [migrations.RunPython(use_the_new_pattern, migrations.RunPython.noop)]
