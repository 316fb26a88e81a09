"""Who calls, what there is to be called, and a world with something in every table."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from accounts import tokens
from accounts.models import ApiToken
from accounts.roles import Role
from execution.enums import LogLevel, TaskStatus
from execution.models import Lease
from execution.task_logs import LogLine, append_logs
from nexo.shared import clock
from optimization import projection
from orchestration.bulk.services import start_job
from tests.factories import OPERATOR, hold, make_agent, make_task_in, make_user
from tests.orchestration.bulk.orders import by_ids, person
from tests.test_role_matrix import AGENTS, MATRIX, Row

JSON: Final = "application/json"
PASSWORD: Final = "uma senha bem longa 1!"
MOST_AGENTS_PATHS = (f"{AGENTS}/{{agent}}/claim", f"{AGENTS}/{{agent}}/heartbeat")


@dataclass(frozen=True, slots=True)
class Ground:
    """Keys of who may call; a task of alex's in every status; a bulk job."""

    tasks: Mapping[TaskStatus, str]
    lease_id: str
    job_id: str
    keys: Mapping[str, str] = field(repr=False)
    sessions: Mapping[str, str] = field(repr=False)

    @property
    def secrets(self) -> list[str]:
        return [*self.keys.values(), *self.sessions.values()]

    def program(self, name: str = "head") -> Client:
        return Client(headers={"authorization": f"Token {self.keys[name]}"})

    def browser(self, name: str = "head", **options: Any) -> Client:
        client = Client(**options)
        client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[name]
        return client

    def path_of(self, row: Row) -> str:
        return row.path.format(task=self.tasks[row.starts_in], agent="alex", job=self.job_id)

    def body_of(self, row: Row) -> dict[str, Any]:
        text = json.dumps(dict(row.body))
        body: dict[str, Any] = json.loads(text.replace("{task}", self.tasks[row.starts_in]))
        return body

    def caller_of(self, row: Row) -> Client:
        """Who may make this call."""
        return self.program("agent" if row.path in MOST_AGENTS_PATHS else "head")


def make_ground() -> Ground:
    make_agent("alex")
    make_agent("marina")
    states = {status: make_task_in(status, agent_id="alex") for status in TaskStatus}
    # Something that the agent alex may not see.
    make_task_in(TaskStatus.IN_PROGRESS, agent_id="marina", title="Segredo da Marina")
    lease_id = hold(states[TaskStatus.IN_PROGRESS])
    Lease.objects.update(expires_at=clock.now() + timedelta(hours=1))
    tasks = {status: str(state.row["task_id"]) for status, state in states.items()}
    lines = [LogLine(LogLevel.INFO, f"linha {number}") for number in range(3)]
    append_logs(tasks[TaskStatus.IN_PROGRESS], lines, caller=OPERATOR)
    cancelled = make_task_in(TaskStatus.PENDING, agent_id="alex")
    job = start_job(by_ids("cancel", str(cancelled.row["task_id"])), caller=person())
    keys, sessions = _people()
    projection.rebuild()  # or the first to read would do it
    return Ground(tasks, lease_id, job.job_id, keys, sessions)


def _people() -> tuple[dict[str, str], dict[str, str]]:
    keys, sessions = {}, {}
    for name, role in (("head", Role.HEAD), ("admin", Role.ADMIN), ("user", None)):
        user = make_user(role, username=f"{name}-abuse", password=PASSWORD)
        keys[name] = tokens.issue_token(name=name, by="user:test", user=user)[1]
        client = Client()
        client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
        sessions[name] = client.cookies[settings.SESSION_COOKIE_NAME].value
    keys["agent"] = tokens.issue_token(name="agent", by="user:test", agent_id="alex")[1]
    # That it was used is noted once a minute; here that would be a change.
    ApiToken.objects.update(last_used_at=clock.now() + timedelta(days=1))
    return keys, sessions


# -- What can be called --------------------------------------------------------------------------

# tests/test_role_matrix.py proves that every path of the site is among its rows.


def rows(*, api: bool, writing: bool) -> list[Row]:
    """One row for each method and path, the first with a body that is good."""
    found: dict[tuple[str, str], Row] = {}
    for row in MATRIX:
        is_call = row.path.startswith("/api/")
        if is_call == api and (row.method != "GET") == writing:
            found.setdefault((row.method, row.path.partition("?")[0]), row)
    return list(found.values())


WRITES: Final = rows(api=True, writing=True)
READS: Final = rows(api=True, writing=False)
FORMS: Final = rows(api=False, writing=True)
PAGES: Final = rows(api=False, writing=False)


def name_of(row: Row) -> str:
    return f"{row.method} {row.path}".replace("/api/marketplace/orchestration", "")


def admin_paths() -> Iterator[str]:
    """Every list and form of the administration."""
    for model in admin.site._registry:
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        one = model._default_manager.order_by("pk").values_list("pk", flat=True).first() or 1
        yield from (base, f"{base}add/", f"{base}{one}/change/", f"{base}{one}/delete/")
        yield f"{base}{one}/history/"


# -- What the OpenAPI file says ------------------------------------------------------------------


@cache
def openapi() -> Mapping[str, Any]:
    schema: Mapping[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def operation(row: Row) -> Mapping[str, Any]:
    path = row.path.partition("?")[0]
    path = re.sub(r"{(\w+)}", r"{\1_id}", path).rstrip("/") + "/"
    found: Mapping[str, Any] = openapi()["paths"].get(path, {}).get(row.method.lower(), {})
    return found


def fields_of(row: Row) -> list[str]:
    """The names at the top of a body, required or not."""
    contents = operation(row).get("requestBody", {}).get("content", {}).get(JSON, {})
    return sorted({*_properties(contents.get("schema", {})), *row.body})


def _properties(schema: Mapping[str, Any]) -> set[str]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _properties(openapi()["components"]["schemas"][name])
    found = set(schema.get("properties", ()))
    for word in ("oneOf", "anyOf", "allOf"):
        for part in schema.get(word, ()):
            found |= _properties(part)
    return found


def parameters_of(row: Row) -> list[str]:
    told = operation(row).get("parameters", ())
    return sorted(parameter["name"] for parameter in told if parameter["in"] == "query")


def fresh(client: Client) -> Client:
    """The same caller, whose cookies an answer may set without the next one seeing them."""
    copy = Client(enforce_csrf_checks=client.handler.enforce_csrf_checks, **client.defaults)
    copy.cookies = deepcopy(client.cookies)
    return copy
