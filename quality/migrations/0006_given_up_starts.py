"""Give up the starts whose dispositions were taken back while `dead` stood for both ends."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def give_up(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Nobody waits for these: they are not to be handed in again."""
    starts = apps.get_model("approvals", "OutgoingApproval")
    starts.objects.filter(state="dead", disposition__state="withdrawn").update(state="given_up")


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0004_given_up"),
        ("quality", "0005_dispositions"),
    ]

    operations = [migrations.RunPython(give_up, migrations.RunPython.noop)]
