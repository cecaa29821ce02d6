"""Ship a policy: reminders, and after half an hour the routes for what nobody acknowledged."""

from django.db import migrations

from alarms.defaults import POLICY, POLICY_SOURCES, POLICY_STEPS


def ship(apps, schema_editor):
    policy, is_new = apps.get_model("alarms", "EscalationPolicy").objects.get_or_create(
        name=POLICY["name"], defaults=POLICY
    )
    if is_new:
        for step in POLICY_STEPS:
            apps.get_model("alarms", "EscalationStep").objects.create(policy=policy, **step)
        apps.get_model("alarms", "SourceRule").objects.filter(source__in=POLICY_SOURCES).update(policy=policy)


class Migration(migrations.Migration):
    dependencies = [("alarms", "0004_escalation_and_work_orders")]
    operations = [migrations.RunPython(ship, migrations.RunPython.noop)]
