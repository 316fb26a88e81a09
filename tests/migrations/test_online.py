"""No migration may keep writers waiting on the large tables: docs/operations.md, "Migrations"."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import CheckConstraint, Q

from nexo.shared.online import AddCheckOnline, AddIndexOnline, PostgresIndexOnline, ValidateOnline

OWN_APPS = ("accounts", "execution", "optimization", "orchestration")
LARGE = {"task", "tasktarget", "taskevent", "tasklog"}
# The schema that the rule starts from: of the first release, as tests/migrations/first_release.sql.
FIRST = {
    *(("accounts", name) for name in ("0001_tokens_and_capabilities", "0002_roles")),
    *(("execution", name) for name in ("0001_initial", "0002_stream_counts_marketplaces")),
}
# What has been looked at and may stay: each with the reason.
REVIEWED = {
    ("accounts", "0005_sign_ins_of_open_sessions"): "writes a row per open session",
    ("execution", "0004_first_history"): "writes a row for each marketplace and task type",
    ("execution", "0006_leases_and_origins"): (
        "an index and a check in one lock: older than 3.0.0, of which no large database is kept"
    ),
    ("execution", "0011_search_without_accents"): "holds a thousand tasks for milliseconds",
    ("optimization", "0002_fact_cursor"): "writes one row",
    ("optimization", "0004_note_last_work"): "reads events, writes a row per agent and day",
    ("orchestration", "0002_first_playbook"): "writes the playbook's two dozen templates",
}


def faults(migration: Any, state: ProjectState) -> Iterator[str]:
    """What of it locks a large table for longer than a moment; moves the state on."""
    validated = {op.name for op in migration.operations if isinstance(op, ValidateOnline)}
    for operation in migration.operations:
        before = state.clone()
        operation.state_forwards(migration.app_label, state)
        if fault := fault_of(operation, migration, before, state):
            yield fault
        if isinstance(operation, AddCheckOnline) and operation.constraint.name in validated:
            yield f"{operation.constraint.name} is validated in the transaction that adds it"


def fault_of(
    operation: Operation, migration: Any, before: ProjectState, after: ProjectState
) -> str | None:
    name = type(operation).__name__
    match operation:
        case migrations.RunPython() | migrations.RunSQL() | migrations.SeparateDatabaseAndState():
            return f"{name}: nobody can see what it does"
        case AddIndexOnline() | PostgresIndexOnline():
            return f"{name} needs atomic = False" if migration.atomic else None
    together = (migrations.AlterUniqueTogether, migrations.AlterIndexTogether)
    model = operation.name if isinstance(operation, together) else vars(operation).get("model_name")
    model = str(model).lower()
    if migration.app_label != "execution" or model not in LARGE:
        return None
    match operation:
        case AddCheckOnline() | ValidateOnline():
            return None
        case migrations.RemoveConstraint() | migrations.RemoveIndex() | migrations.RemoveField():
            return None  # the lock of a moment
        case migrations.AddField(field=field) if joins_at_once(field):
            return None
        case migrations.AlterField(name=field_name) if not is_altered(
            before, after, model, field_name
        ):
            return None
        case migrations.AlterField() | migrations.AddField():
            return f"{name} {model}.{operation.name}: rewrites or looks through the table"
    return f"{name} on {model}: see nexo/shared/online.py"


def joins_at_once(field: Any) -> bool:
    """Neither written into every row, nor looked up, nor checked against another table."""
    is_bare = not (field.unique or field.db_index or field.is_relation)
    has_no_value = field.null and not field.has_default()
    return is_bare and (has_no_value or field.has_db_default())


def is_altered(before: ProjectState, after: ProjectState, model: str, name: str) -> bool:
    """Whether the column changes, and not only what Django says of it."""
    fields = [
        state.apps.get_model("execution", model)._meta.get_field(name) for state in (before, after)
    ]
    return bool(connection.schema_editor()._field_should_be_altered(*fields))


def all_faults() -> dict[tuple[str, str], list[str]]:
    loader = MigrationLoader(None)
    plan = loader.graph._generate_plan(nodes=loader.graph.leaf_nodes(), at_end=True)
    state, found = ProjectState(real_apps=loader.unmigrated_apps), {}
    for key in plan:
        migration = loader.graph.nodes[key]
        if key[0] in OWN_APPS and key not in FIRST:
            found[key] = list(faults(migration, state))
        else:
            state = migration.mutate_state(state, preserve=False)
    return {key: told for key, told in found.items() if told}


@pytest.mark.unit
def test_no_migration_keeps_writers_waiting() -> None:
    found = all_faults()
    assert {key: told for key, told in found.items() if key not in REVIEWED} == {}
    # An exception that is none any more would hide the next one.
    assert REVIEWED.keys() - found.keys() == set()


# -- The rule itself -------------------------------------------------------------------------------

INDEX = models.Index(fields=["title"], name="some_index")
CHECK = CheckConstraint(condition=Q(progress__lte=100), name="some_check")


def faults_of(*operations: Operation, atomic: bool = True) -> list[str]:
    loader = MigrationLoader(None)
    state = loader.project_state()
    migration = migrations.Migration("9999_some", "execution")
    migration.operations = list(operations)
    migration.atomic = atomic
    return list(faults(migration, state))


@pytest.mark.unit
@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddIndex("task", INDEX),
        AddIndexOnline("task", INDEX),  # inside a transaction
        PostgresIndexOnline("some_index", "execution_task", "(title)"),  # as well
        migrations.AddConstraint("task", CHECK),
        migrations.AddField("task", "more", models.TextField(default="")),
        migrations.AddField("task", "more", models.TextField(null=True, db_index=True)),
        migrations.AddField("taskevent", "more", models.TextField(null=True, unique=True)),
        migrations.AddField(
            "taskevent",
            "more",
            models.ForeignKey("execution.agent", models.CASCADE, null=True, related_name="+"),
        ),
        migrations.AlterField("task", "title", models.TextField()),
        migrations.RunSQL("SELECT 1"),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.AlterUniqueTogether("task", {("title", "task_type")}),
    ],
)
def test_a_long_lock_is_seen(operation: Operation) -> None:
    assert len(faults_of(operation)) == 1


@pytest.mark.unit
def test_a_check_is_validated_in_a_later_migration() -> None:
    assert faults_of(AddCheckOnline("task", CHECK)) == []
    assert faults_of(ValidateOnline("task", "some_check")) == []
    together = (AddCheckOnline("task", CHECK), ValidateOnline("task", "some_check"))
    assert len(faults_of(*together)) == 1


@pytest.mark.unit
def test_what_takes_a_moment_is_allowed() -> None:
    title = models.CharField("headline", max_length=200, help_text="Other words.")
    assert faults_of(AddIndexOnline("task", INDEX), atomic=False) == []
    assert (
        faults_of(
            migrations.AddField("task", "more", models.TextField(null=True)),
            migrations.AddField("task", "flag", models.BooleanField(db_default=False)),
            migrations.AlterField("task", "title", title),
            migrations.RemoveIndex("task", "task_by_type"),
            migrations.AddField("stream", "more", models.TextField(default="")),
        )
        == []
    )


# -- The steps on a database -----------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "step",
    [
        AddIndexOnline("task", INDEX),
        PostgresIndexOnline("some_index", "execution_task", "(title)"),
    ],
)
def test_an_index_is_added_whatever_an_earlier_run_left(step: Operation) -> None:
    before = MigrationLoader(None).project_state()
    after = before.clone()
    step.state_forwards("execution", after)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX some_index ON execution_task (title)")
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'some_index'::regclass"
            )
    with connection.schema_editor(atomic=False) as editor:
        step.database_forwards("execution", editor, before, after)
    is_made = connection.vendor == "postgresql"
    assert ("some_index" in constraints()) == (is_made or isinstance(step, AddIndexOnline))
    with connection.schema_editor(atomic=False) as editor:
        step.database_backwards("execution", editor, after, before)
    assert "some_index" not in constraints()


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
def test_a_check_holds_at_once_and_is_validated_later() -> None:
    before = MigrationLoader(None).project_state()
    after = before.clone()
    add, validate = AddCheckOnline("task", CHECK), ValidateOnline("task", "some_check")
    add.state_forwards("execution", after)
    for step in (add, validate):
        with connection.schema_editor() as editor:
            step.database_forwards("execution", editor, before, after)
        assert "some_check" in constraints()
    for step in (validate, add):
        with connection.schema_editor() as editor:
            step.database_backwards("execution", editor, after, before)
    assert "some_check" not in constraints()


def constraints() -> dict[str, Any]:
    with connection.cursor() as cursor:
        return connection.introspection.get_constraints(cursor, "execution_task")


@pytest.mark.integration
@pytest.mark.django_db
@pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="SQLite has no such setting")
def test_migrate_waits_for_a_lock_for_less_than_a_second() -> None:
    from django.apps import apps
    from django.db.models.signals import post_migrate, pre_migrate

    def timeout() -> str:
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")
            return str(cursor.fetchone()[0])

    options = {
        "sender": apps.get_app_config("execution"),
        "app_config": apps.get_app_config("execution"),
        "verbosity": 0,
        "interactive": False,
        "using": "default",
        "plan": [],
        "apps": apps,
    }
    usual = timeout()
    pre_migrate.send(**options)
    assert timeout() == "900ms"
    post_migrate.send(**options)
    assert timeout() == usual == "5s"
