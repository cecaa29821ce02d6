"""Give a new installation the shipped templates and channels as rows to edit."""

from django.db import migrations

from notifications.defaults import CHANNELS, TEMPLATES


def add_defaults(apps, schema_editor):
    template_model = apps.get_model("notifications", "NotificationTemplate")
    channel_model = apps.get_model("notifications", "Channel")
    known = {field.name for field in template_model._meta.fields}
    for shipped in TEMPLATES:
        row = {name: value for name, value in shipped.items() if name in known}
        template_model.objects.get_or_create(template_name=row["template_name"], defaults=row)
    for row in CHANNELS:
        channel_model.objects.get_or_create(code=row["code"], defaults=row)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0001_initial")]
    operations = [migrations.RunPython(add_defaults, migrations.RunPython.noop)]
