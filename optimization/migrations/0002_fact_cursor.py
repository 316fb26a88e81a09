"""The one row that says how far the event log has been counted: not at all."""

from django.db import migrations


def create(apps, schema_editor):
    apps.get_model("optimization", "FactCursor").objects.get_or_create(pk=1)


def remove(apps, schema_editor):
    apps.get_model("optimization", "FactCursor").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("optimization", "0001_facts_and_weights")]
    operations = [migrations.RunPython(create, remove)]
