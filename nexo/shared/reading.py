"""Rows of one table as plain dicts, by a SELECT that is put together once.

The ORM builds and compiles every query anew, which for a few rows takes several times as long as
reading them. Names, types and filters still come from the model.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from typing import Any, Final, Generic, NamedTuple, TypeVar

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection
from django.db.models import Model, QuerySet

from nexo.shared.pipelines import planned_by_values, statement_cursor, this_connection

PATTERN: Final = " LIKE "
Row = TypeVar("Row", bound=Mapping[str, Any])


def among(values: Collection[Any]) -> str:
    """Placeholders for an SQL list of so many values."""
    return ", ".join(["%s"] * len(values))


class TableReader(Generic[Row]):
    """Reads `columns` of a model's table, and of joined ones what `joined` names in SQL.

    Columns have the names of their fields' attributes, such as `task_id`.
    """

    def __init__(
        self,
        model: type[Model],
        columns: Sequence[str],
        *,
        join: str = "",
        joined: Mapping[str, str] | None = None,
        literals: Collection[str] = (),
    ) -> None:
        """`literals` are values, of letters alone, that `matching` writes into the statement.

        A prepared statement is planned for any value: PostgreSQL then takes each status for as
        common as the others, and walks through all tasks for the few that are pending.
        """
        self._literals = frozenset(literals)
        self._model = model
        self._columns = columns
        self._join = join
        self._joined = joined or {}
        self._names = (*columns, *self._joined)

    @cached_property
    def _select(self) -> str:
        table = self._model._meta.db_table
        columns = [f"{table}.{name}" for name in self._columns]
        columns += self._joined.values()
        return f"SELECT {', '.join(columns)} FROM {table} {self._join} "  # noqa: S608  # own names

    def ask(self, rest: str = "", values: Sequence[Any] = ()) -> "Asked[Row]":
        """Execute `SELECT … FROM table` and the rest of the statement; its rows are fetched later.

        Inside `one_round_trip`, after it.
        """
        cursor = statement_cursor(this_connection())
        # How rare a text is, PostgreSQL can tell only from the text itself.
        with planned_by_values() if PATTERN in rest else nullcontext():
            cursor.execute(self._select + rest, values)
        return Asked(self, cursor)

    def read(self, rest: str = "", values: Sequence[Any] = ()) -> list[Row]:
        return self.ask(rest, values).rows()

    def rows_of(self, cursor: Any) -> list[Row]:
        found = cursor.fetchall()
        return [dict(zip(self._names, row, strict=True)) for row in found]  # type: ignore[misc]  # the names are its keys

    def matching(self, selected: QuerySet[Any], rest: str = "") -> list[Row]:
        """Rows that a QuerySet of this model selects; its filters alone count, not its order."""
        asked = self.ask_where(self.condition(selected), rest)
        return asked.rows() if asked else []

    def ask_where(self, condition: "Condition | None", rest: str = "") -> "Asked[Row] | None":
        """As `ask`; None, and nothing executed, where the condition matches nothing."""
        return self.ask(f"{condition.where} {rest}", condition.values) if condition else None

    def condition(self, selected: QuerySet[Any]) -> "Condition | None":
        """A QuerySet's filters as SQL; None where they can match nothing."""
        query = selected.query
        compiler = query.get_compiler(connection=connection)
        try:
            where, found = compiler.compile(query.where)
        except FullResultSet:
            return Condition("", ())
        except EmptyResultSet:
            return None
        values = list(found)
        return Condition(f"WHERE {self._with_literals(where, values)}", tuple(values))

    def _with_literals(self, where: str, values: list[Any]) -> str:
        """The condition with literals in the place of those of `values`, which are taken out."""
        first, *others = where.split("%s")
        known = [isinstance(value, str) and value in self._literals for value in values]
        places = [f"'{v}'" if k else "%s" for v, k in zip(values, known, strict=True)]
        values[:] = [v for v, k in zip(values, known, strict=True) if not k]
        return first + "".join(map("".join, zip(places, others, strict=True)))


class Condition(NamedTuple):
    where: str  # with the word itself, or nothing
    values: tuple[Any, ...]


class Asked(Generic[Row]):
    """A SELECT that was sent; its rows can be had once."""

    def __init__(self, reader: TableReader[Row], cursor: Any) -> None:
        self._reader = reader
        self._cursor = cursor

    def tuples(self) -> list[tuple[Any, ...]]:
        """The rows as the driver gives them, in the order of the columns."""
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        self._cursor.close()
        return found

    def rows(self) -> list[Row]:
        found = self._reader.rows_of(self._cursor)
        self._cursor.close()
        return found
