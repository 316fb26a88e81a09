"""The rows that every database starts with: its epoch, the six marketplaces, zero counts."""

import uuid

from django.db import migrations

MARKETPLACES = [
    ("amazon", "Amazon", "AMZ"),
    ("mercadolivre", "MercadoLivre", "MLB"),
    ("shopee", "Shopee", "SHP"),
    ("shein", "Shein", "SHN"),
    ("tiktokshop", "TikTok Shop", "TTS"),
    ("kaway", "Kaway", "KWY"),
]
STATUSES = ["pending", "approved", "in_progress", "marketplace_sync", "completed", "failed"]


def create(apps, schema_editor):
    apps.get_model("execution", "Stream").objects.get_or_create(
        pk=1, defaults={"epoch": str(uuid.uuid4()), "sequence": 0}
    )
    marketplace_model = apps.get_model("execution", "Marketplace")
    count_model = apps.get_model("execution", "TaskCount")
    for position, (slug, name, short_name) in enumerate(MARKETPLACES):
        marketplace_model.objects.get_or_create(
            slug=slug, defaults={"name": name, "short_name": short_name, "position": position}
        )
        for status in STATUSES:
            count_model.objects.get_or_create(status=status, marketplace_id=slug)


def remove(apps, schema_editor):
    apps.get_model("execution", "TaskCount").objects.all().delete()
    apps.get_model("execution", "Marketplace").objects.all().delete()
    apps.get_model("execution", "Stream").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("execution", "0001_initial")]
    operations = [migrations.RunPython(create, remove)]
