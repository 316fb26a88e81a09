"""Steps of migrations that let writers go on, however large the table: docs/operations.md.

On PostgreSQL an index is built beside the writers, and a check is added without looking at the rows
that are there, which a later migration looks at without holding anybody up. SQLite has one writer
at a time whatever is done, so there each does what Django's own step does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections, migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import ProjectState
from django.db.models import CheckConstraint

BRIEFLY = "900ms"
"""How long `migrate` waits for a lock: whoever comes after it in the queue waits as long."""


class AddIndexOnline(migrations.AddIndex):
    """Needs `atomic = False` on its migration, which should hold nothing else.

    What a killed run left is removed first, so that `migrate` can be run again.
    """

    atomic = False

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        with _cleared(schema_editor, self.index.name):
            schema_editor.add_index(model, self.index, concurrently=True)  # type: ignore[call-arg]  # PostgreSQL's

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_backwards(app_label, schema_editor, from_state, to_state)
            return
        with _patiently(schema_editor):
            _drop(schema_editor, self.index.name)


class PostgresIndexOnline(migrations.operations.base.Operation):
    """An index that only a large database needs, and so only PostgreSQL has.

    No model knows of it: every index is one more page that SQLite's only writer waits for. Needs
    `atomic = False`, and takes up what a killed run left, as `AddIndexOnline` does.
    """

    atomic = False
    reversible = True

    def __init__(self, name: str, table: str, definition: str, *, extension: str = "") -> None:
        """`definition` is what follows the table in CREATE INDEX."""
        self.name = name
        self.table = table
        self.definition = definition
        self.extension = extension

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing: no model knows of it."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        quoted = schema_editor.quote_name
        if self.extension:
            schema_editor.execute(f"CREATE EXTENSION IF NOT EXISTS {quoted(self.extension)}")
        with _cleared(schema_editor, self.name):
            schema_editor.execute(
                f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {quoted(self.name)}"
                f" ON {quoted(self.table)} {self.definition}"
            )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        with _patiently(schema_editor):
            _drop(schema_editor, self.name)

    def describe(self) -> str:
        return f"Create index {self.name} on {self.table}, on PostgreSQL"


class AddCheckOnline(migrations.AddConstraint):
    """Holds for every write from now on; a later migration's `ValidateOnline` looks at the rest."""

    def __init__(self, model_name: str, constraint: CheckConstraint) -> None:
        super().__init__(model_name, constraint)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        statement = self.constraint.create_sql(model, schema_editor)
        schema_editor.execute(f"{statement} NOT VALID", params=None)


class ValidateOnline(migrations.operations.base.Operation):
    """Look at the rows that were there before a check was added."""

    def __init__(self, model_name: str, name: str) -> None:
        self.model_name = model_name
        self.name = name

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing: the model has the check already."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        quoted = schema_editor.quote_name
        schema_editor.execute(
            f"ALTER TABLE {quoted(table)} VALIDATE CONSTRAINT {quoted(self.name)}"
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Nothing: what is true may be known."""

    def describe(self) -> str:
        return f"Validate {self.name} on {self.model_name}"


def _is_invalid(schema_editor: BaseDatabaseSchemaEditor, index: str) -> bool:
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [index]
        )
        return cursor.fetchone() is not None


def _drop(schema_editor: BaseDatabaseSchemaEditor, index: str) -> None:
    schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {schema_editor.quote_name(index)}")


@contextmanager
def _cleared(schema_editor: BaseDatabaseSchemaEditor, index: str) -> Iterator[None]:
    """As `_patiently`, and without what a killed run has left of this index."""
    with _patiently(schema_editor):
        if _is_invalid(schema_editor, index):
            _drop(schema_editor, index)
        yield


@contextmanager
def _patiently(schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
    """It waits for older transactions to end, and nobody waits for it meanwhile."""
    _set_lock_timeout(schema_editor.connection, "0")
    try:
        yield
    finally:
        _set_lock_timeout(schema_editor.connection, BRIEFLY)


def wait_briefly(using: str, **_signal: Any) -> None:
    """Before migrating: a change that cannot have its lock at once gives up, and is tried again."""
    _set_lock_timeout(connections[using], BRIEFLY)


def wait_as_usual(using: str, **_signal: Any) -> None:
    connection = connections[using]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def _set_lock_timeout(connection: Any, timeout: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{timeout}'")
