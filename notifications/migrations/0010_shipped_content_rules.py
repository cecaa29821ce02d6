"""Give every installation the shipped content rules as rows to edit."""

from django.db import migrations

from notifications.defaults import RULES


def add_rules(apps, schema_editor):
    rule_model = apps.get_model("notifications", "ContentRule")
    for row in RULES:
        rule_model.objects.get_or_create(name=row["name"], defaults=row)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0009_audit_and_content_rules")]
    operations = [migrations.RunPython(add_rules, migrations.RunPython.noop)]
