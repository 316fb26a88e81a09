"""When each agent worked last, of what was counted before anybody asked."""

from django.db import migrations
from django.db.models import Max, Q
from django.db.models.functions import TruncDate

from nexo.shared.clock import BUSINESS_ZONE

WORK = Q(kind__in=("started", "completed")) | Q(
    kind="failed", failure_reason__in=("error", "timeout")
)


def note(apps, schema_editor):
    events = apps.get_model("execution", "TaskEvent").objects.filter(WORK)
    days = apps.get_model("optimization", "AgentDay").objects
    by_day = events.order_by().annotate(day=TruncDate("at", tzinfo=BUSINESS_ZONE))
    for agent_id, day, at in by_day.values_list("agent_id", "day").annotate(Max("at")):
        days.filter(day=day, agent_id=agent_id or "").update(worked_at=at)


class Migration(migrations.Migration):
    dependencies = [
        ("optimization", "0003_agents_last_work"),
        ("execution", "0006_leases_and_origins"),
    ]
    operations = [migrations.RunPython(note, migrations.RunPython.noop)]
