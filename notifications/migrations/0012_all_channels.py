"""Give an installation that began with robots alone the rows of the other channels.

The robots' place becomes the customer's second, unless somebody has set it.
"""

from django.db import migrations

from notifications.defaults import CHANNELS


def add_channels(apps, schema_editor):
    model = apps.get_model("notifications", "Channel")
    for row in CHANNELS:
        _row, is_new = model.objects.get_or_create(code=row["code"], defaults=row)
        if row["code"] == "wechat_bot" and not is_new:
            model.objects.filter(code="wechat_bot", priority=1).update(priority=row["priority"])


class Migration(migrations.Migration):
    dependencies = [("notifications", "0011_queue_front")]
    operations = [migrations.RunPython(add_channels, migrations.RunPython.noop)]
