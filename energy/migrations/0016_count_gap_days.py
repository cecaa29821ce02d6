from collections import Counter

from django.db import migrations
from django.db.models import F

GAP = 1


def count_gaps(apps, schema_editor):
    days = apps.get_model("energy", "EnergyDailySummary").objects
    months = apps.get_model("energy", "DeviceMonth").objects
    found = Counter()
    gaps = days.alias(gap=F("flags").bitand(GAP)).filter(gap__gt=0).order_by()
    for device, day in gaps.values_list("device_id", "date").iterator(chunk_size=10_000):
        found[device, day.replace(day=1)] += 1
    rows = months.filter(device__in={device for device, _month in found}).only("device_id", "month")
    changed = []
    for row in rows.iterator(chunk_size=10_000):
        if count := found[row.device_id, row.month]:
            row.gap_days = count
            changed.append(row)
    months.bulk_update(changed, ["gap_days"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [
        ("energy", "0015_gap_days"),
    ]

    operations = [
        migrations.RunPython(count_gaps, migrations.RunPython.noop, elidable=True),
    ]
