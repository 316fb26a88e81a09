"""Only execution/services.py writes tasks, targets, events, counters and the stream, by the
statements of execution/writing.py that nobody else imports."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator

import pytest
from django.db.models import Model

from execution.models import Stream, Task, TaskCount, TaskEvent, TaskTarget
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
GUARDED: tuple[type[Model], ...] = (Task, TaskTarget, TaskEvent, TaskCount, Stream)
NAMES = {model.__name__ for model in GUARDED}
# What Django's managers, QuerySets and rows write with, each also as a(save) and so on.
ON_ROWS = {"save", "delete", "_raw_delete"}
ON_MANAGERS = {"create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
WRITES = {name for plain in ON_ROWS | ON_MANAGERS | {"update"} for name in (plain, f"a{plain}")}
TABLES = "|".join(model._meta.db_table for model in GUARDED)
STATEMENT = re.compile(
    rf"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|REPLACE\s+INTO|MERGE\s+INTO)\W+({TABLES})\b",
    re.IGNORECASE,
)
WRITERS = ("execution/services.py", "execution/writing.py")
PACKAGES = ("accounts", "execution", "optimization", "orchestration", "nexo")


def writing_lines(source: str) -> list[int]:
    """Where a module writes one of the guarded tables, or may do so by the look of it."""
    tree = ast.parse(source)
    knows_them = any(isinstance(node, ast.alias) and node.name in NAMES for node in ast.walk(tree))
    return sorted(set(_statements(tree)) | set(_calls(tree, knows_them=knows_them)))


def _statements(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and STATEMENT.search(str(node.value)):
            yield node.lineno


def _calls(tree: ast.AST, *, knows_them: bool) -> Iterator[int]:
    others = _variables_of_other_models(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr, value=of)) if attr in WRITES:
                named = _names_in(of)
                # Where those models are at hand, a variable may hold a row of one of them unless it
                # was told otherwise. dict.update takes no names.
                is_row = attr.lstrip("a") != "update" or bool(node.keywords)
                is_other = bool(named & others) or any(name[:1].isupper() for name in named)
                if named & NAMES or (knows_them and is_row and not is_other):
                    yield node.lineno


def _names_in(node: ast.AST) -> set[str]:
    names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    return names | {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def _variables_of_other_models(tree: ast.AST) -> set[str]:
    """Variables that are only ever given what other classes make."""
    given: defaultdict[str, set[str]] = defaultdict(set)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                given[name] |= _names_in(value)
            case ast.arg(arg=name, annotation=ast.AST() as annotation):
                given[name] |= _names_in(annotation)
    return {
        name
        for name, names in given.items()
        if not names & NAMES and any(name[:1].isupper() for name in names)
    }


def sources() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            if "migrations" not in path.parts:
                yield str(path.relative_to(PROJECT)), path.read_text()


def test_nobody_else_writes_tasks_or_their_events() -> None:
    found = {name: lines for name, source in sources() if (lines := writing_lines(source))}
    assert {name: lines for name, lines in found.items() if name not in WRITERS} == {}
    assert sorted(found) == sorted(WRITERS), "Both should have been seen."


def test_nobody_else_has_the_statements() -> None:
    importing = re.compile(r"from execution\.writing import|from execution import .*\bwriting\b")
    found = [name for name, source in sources() if importing.search(source)]
    assert found == ["execution/services.py"]


@pytest.mark.parametrize(
    "line",
    [
        "Task.objects.create(title='x')",
        "Task.objects.filter(pk=1).update(status='failed')",
        "TaskEvent.objects.all().delete()",
        "await TaskTarget.objects.abulk_create([])",
        "models.Stream.objects.filter(pk=1).update(sequence=F('sequence') + 1)",
        "task.save()",
        "tasks.filter(agent=None).update(agent='alex')",
        "found = Task.objects.get(); found.save()",
        "found = Agent.objects.get(); found = Task.objects.get(); found.save()",
        "def keep(row: Task) -> None: row.save()",
        "for task in tasks: task.targets.create(state='synced')",
        "cursor.execute('UPDATE execution_task SET status = %s', ['failed'])",
        "cursor.execute(f'insert  into \"execution_taskevent\" VALUES ({1})')",
    ],
)
def test_a_writer_is_seen(line: str) -> None:
    assert writing_lines(f"from execution.models import Task\n{line}\n") == [2]


@pytest.mark.parametrize(
    "line",
    [
        "Task.objects.filter(pk=1).values()",
        "counts.update(more)",
        "Agent.objects.create(slug='alex')",
        "found = Agent.objects.get(); found.save()",
        "def keep(row: Agent) -> None: row.save(update_fields=['name'])",
        "cursor.execute('SELECT * FROM execution_task FOR UPDATE')",
        "cursor.execute('UPDATE execution_tasklog SET level = 1')",
    ],
)
def test_a_reader_is_none(line: str) -> None:
    assert writing_lines(f"from execution.models import Agent, Task\n{line}\n") == []


def test_where_no_task_is_at_hand_other_rows_may_be_saved() -> None:
    assert writing_lines("token.save()\n") == []
