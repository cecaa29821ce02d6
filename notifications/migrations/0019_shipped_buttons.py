"""The shipped messages about alarms can be taken on by a button; the rows of a plant learn it, too."""

from django.db import migrations

WITH_BUTTON = (
    "alarm_raised",
    "alarm_worsened",
    "alarm_escalated",
    "alarm_reminder",
    "quota_warning",
    "iqc_summary",
    "iqc_entry",
    "oqc_summary",
    "oqc_entry",
)


def set_buttons(apps, schema_editor):
    template_model = apps.get_model("notifications", "NotificationTemplate")
    version_model = apps.get_model("notifications", "TemplateVersion")
    template_model.objects.filter(template_name__in=WITH_BUTTON).update(with_button=True)
    version_model.objects.filter(template__template_name__in=WITH_BUTTON).update(with_button=True)


class Migration(migrations.Migration):
    dependencies = [("notifications", "0018_cards")]
    operations = [migrations.RunPython(set_buttons, migrations.RunPython.noop)]
