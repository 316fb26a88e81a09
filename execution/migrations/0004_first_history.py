"""The state before the first change, so that the history of a change shows its difference."""

from django.db import migrations
from django.utils import timezone

MODELS = {
    "Marketplace": ("slug", "name", "short_name", "position"),
    "Specialty": ("task_type",),
}


def note_present_state(apps, schema_editor):
    now = timezone.now()
    for name, fields in MODELS.items():
        historical = apps.get_model("execution", f"Historical{name}")
        for values in apps.get_model("execution", name).objects.values(*fields):
            historical.objects.create(**values, history_date=now, history_type="+")


def forget(apps, schema_editor):
    for name in MODELS:
        apps.get_model("execution", f"Historical{name}").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("execution", "0003_marketplaces_and_specialties_history")]
    operations = [migrations.RunPython(note_present_state, forget)]
