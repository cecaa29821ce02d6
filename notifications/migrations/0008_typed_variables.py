"""Declare the types of variables, add the shipped texts that are missing, number the first versions."""

from django.db import migrations

from notifications import defaults, variables

TEXT_FIELDS = ("label", "channel", "title_template", "content_template", "variables", "with_picture")


def bring_up(apps, schema_editor):
    template_model = apps.get_model("notifications", "NotificationTemplate")
    version_model = apps.get_model("notifications", "TemplateVersion")
    for row in template_model.objects.filter(version=0):
        shipped = defaults.template(row.template_name, row.language)
        texts = ("channel", "title_template", "content_template")
        if shipped and all(getattr(row, name) == shipped[name] for name in texts):
            row.variables, row.label = shipped["variables"], shipped["label"]
        else:
            row.variables = _typed(row.variables)
        row.save(update_fields=["variables", "label"])
    for shipped in defaults.TEMPLATES:
        template_model.objects.get_or_create(
            template_name=shipped["template_name"],
            language=shipped["language"],
            defaults={name: shipped[name] for name in TEXT_FIELDS},
        )
    for row in template_model.objects.filter(version=0):
        fields = {name: getattr(row, name) for name in TEXT_FIELDS}
        version_model.objects.create(template=row, number=1, **fields)
    template_model.objects.filter(version=0).update(version=1)


def _typed(stored):
    """Return the typed form; what cannot be read stays, and its page says so."""
    try:
        return variables.write(variables.read(stored))
    except ValueError:
        return stored


def keep_one_language(apps, schema_editor):
    """The version before knows one text for each name, and has to find a table without doubles."""
    template_model = apps.get_model("notifications", "NotificationTemplate")
    template_model.objects.exclude(language="zh-hans").delete()


class Migration(migrations.Migration):
    dependencies = [("notifications", "0007_template_versions")]
    operations = [migrations.RunPython(bring_up, keep_one_language)]
