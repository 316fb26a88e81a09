from django.db import migrations

from nexo.shared.online import PostgresIndexOnline


class Migration(migrations.Migration):
    """What the list counts beside its filters, and its search, without reading every task."""

    atomic = False
    dependencies = [("execution", "0009_stream_pruned_through")]

    operations = [
        PostgresIndexOnline(
            "task_counts_by_agent", "execution_task", "(agent_id, marketplace_id, status)"
        ),
        PostgresIndexOnline(
            "task_counts_by_type", "execution_task", "(task_type, marketplace_id, status)"
        ),
        PostgresIndexOnline(
            "task_counts_late",
            "execution_task",
            "(marketplace_id, status) WHERE ended_at > due_at",
        ),
        PostgresIndexOnline(
            "task_search",
            "execution_task",
            "USING gin (search_text gin_trgm_ops)",
            extension="pg_trgm",
        ),
    ]
