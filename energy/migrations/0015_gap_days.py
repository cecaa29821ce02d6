from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("energy", "0014_mqtt"),
    ]

    operations = [
        migrations.AddField(
            model_name="devicemonth",
            name="gap_days",
            field=models.PositiveSmallIntegerField(default=0, verbose_name="有估算的天数"),
        ),
        migrations.RemoveIndex(
            model_name="devicemonth",
            name="energy_month_sums",
        ),
        migrations.AddIndex(
            model_name="devicemonth",
            index=models.Index(
                fields=["energy_type", "month", "device", "amount", "covered_s", "gap_days"],
                name="energy_month_all_sums",
            ),
        ),
    ]
