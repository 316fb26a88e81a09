"""Who may do what, over every path of the site: one table, tried by everyone.

A path that is not in the table fails the last test, so that nothing new opens by accident.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import tokens
from accounts.models import Scope
from accounts.roles import Role
from execution.enums import SyncState, TaskStatus
from execution.models import Lease, Task, TaskEvent, TaskLog, TaskTarget
from nexo.shared import clock
from nexo.shared.renderers import dump_json
from orchestration.bulk.services import start_job
from tests.envelope import refused
from tests.execution.test_lifecycle import LEGAL
from tests.factories import hold, make_agent, make_task_in, make_user, rows_of
from tests.orchestration.bulk.orders import by_ids, person

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

# In the order of the columns below. `own agent` holds the task in the path, `other agent` not.
CALLERS = (
    *("anonymous", "user", "qa", "head", "admin", "superuser"),
    *("head's token", "head's reading token", "user's token", "own agent", "other agent"),
)
TASKS = "/api/marketplace/orchestration/task-execution"
NEW_TASK = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
AGENTS = "/api/marketplace/orchestration/agents"
OPTIMIZATION = "/api/marketplace/orchestration/optimization"
SHARES = {"approvalRate": 0.5, "completionRate": 0.3, "executionTime": 0.2}
WEIGHTS = {"agentId": "alex", "weights": SHARES}
RESET = {"step": "reset"}
ORCHESTRATION = "/api/marketplace/orchestration"
OVERVIEW = "/marketplace/orchestration"
VIEW = {"do": "save", "name": "Falhas", "query": "status=failed"}
LOG = {"level": "info", "message": "feito"}
CODES = {
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    409: "invalid_transition",
}


# A status, or that one is asked to sign in.
Answer = int | Literal["login"]


@dataclass(frozen=True, slots=True)
class Row:
    """One call and what each caller gets for it; `{task}` and `{agent}` are ids, `{job}` is the id
    of a head's bulk job that cancelled the task."""

    method: str
    path: str
    answers: tuple[Answer, ...]
    body: Mapping[str, Any] = field(default_factory=dict)
    starts_in: TaskStatus = TaskStatus.PENDING

    @property
    def name(self) -> str:
        words = " ".join(str(value) for value in self.body.values() if "{task" not in str(value))
        return f"{self.method} {self.path} {words}".strip()


#                      anon user  qa  head admin super | head  read user  own  other
EVERYONE_SIGNED_IN = (401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200)
WHO_SEES_THE_TASK = (401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 404)
PEOPLE_WHO_OPERATE = (401, 403, 403, 200, 200, 200, 200, 403, 403, 403, 404)
OPERATORS_AND_ITS_AGENT = (401, 403, 403, 200, 200, 200, 200, 403, 403, 200, 404)
CREATORS = (401, 403, 403, 201, 201, 201, 201, 403, 403, 403, 403)
WHO_DECIDES = (401, 403, 200, 200, 200, 200, 200, 403, 403, 403, 404)
LOG_WRITERS = (401, 403, 403, 201, 201, 201, 201, 403, 403, 201, 404)
# Only the agent itself takes work.
ITS_AGENT = (401, 403, 403, 403, 403, 403, 403, 403, 403, 200, 403)
WHO_RUNS = (401, 403, 403, 200, 200, 200, 200, 403, 403, 403, 403)
# Pages know sessions only: with a token one is nobody there.
LOGIN: Literal["login"] = "login"
PAGE = (LOGIN, 200, 200, 200, 200, 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
# Approving and rejecting is quality's part too; PATCH stays with those who operate.
PAGE_DECISION = (LOGIN, 403, 302, 302, 302, 302, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
PAGE_ACTION = (LOGIN, 403, 403, 302, 302, 302, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
KEEPING = (LOGIN, 302, 302, 302, 302, 302, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
MANAGERS_PAGE = (LOGIN, 403, 200, 200, 200, 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
AUDIT_PAGE = (LOGIN, 403, 403, 200, 200, 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
WEIGHTS_FORM = (LOGIN, 403, 403, 302, 302, 302, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
WHO_SEES_OPTIMIZATION = (401, 403, 200, 200, 200, 200, 200, 200, 403, 403, 403)
# A question, but asked by POST: a reading token asks nothing.
WHO_ASKS = (401, 403, 200, 200, 200, 200, 200, 403, 403, 403, 403)
WHO_CHANGES_WEIGHTS = (401, 403, 403, 200, 200, 200, 200, 403, 403, 403, 403)
WHO_ACTIVATES = (401, 403, 403, 201, 201, 201, 201, 403, 403, 403, 403)
WHO_TRIES = (401, 403, 403, 200, 200, 200, 200, 403, 403, 403, 403)
PEOPLE = (401, 200, 200, 200, 200, 200, 200, 200, 200, 403, 403)
PAGE_PREVIEW = (LOGIN, 403, 403, 200, 200, 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
# With one task that is named; what a filter matches is for those who run the orchestration.
WHO_DECIDES_IN_BULK = (401, 403, 200, 200, 200, 200, 200, 403, 403, 403, 403)
WHO_ACTS_IN_BULK = (401, 403, 403, 200, 200, 200, 200, 403, 403, 403, 403)
WHO_SEES_THE_JOB = (401, 404, 404, 200, 200, 200, 200, 200, 404, 403, 403)
WHO_UNDOES_THE_JOB = (401, 404, 404, 200, 200, 200, 200, 403, 404, 403, 403)
JOB_PAGE = (LOGIN, 404, 404, 200, 200, 200, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
JOB_FORM = (LOGIN, 404, 404, 302, 302, 302, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
REDIRECT = (302,) * 11
ADMIN_SITE = (302, 302, 302, 302, 200, 200, 302, 302, 302, 302, 302)
SIGN_IN = (200, 302, 302, 302, 302, 302, 200, 200, 200, 200, 200)
SIGNED_OUT = (LOGIN,) * 11
NOT_SERVED = (404,) * 11
NOT_FOR_ANYBODY = (LOGIN, 404, 404, 404, 404, 404, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN)
NO_REPORT = (415,) * 11


def step(old: TaskStatus, new: TaskStatus, answers: tuple[Answer, ...], **fields: Any) -> Row:
    return Row("PATCH", TASKS, answers, {"taskId": "{task}", "status": new, **fields}, old)


PENDING, APPROVED, IN_PROGRESS = TaskStatus.PENDING, TaskStatus.APPROVED, TaskStatus.IN_PROGRESS
SYNCING, COMPLETED, FAILED = (
    TaskStatus.MARKETPLACE_SYNC,
    TaskStatus.COMPLETED,
    TaskStatus.FAILED,
)
BULK = TASKS + "/bulk"


def bulk(
    action: str, answers: tuple[Answer, ...], starts_in: TaskStatus = PENDING, **fields: Any
) -> Row:
    body = {"action": action, "taskIds": ["{task}"], "reason": "porque sim", **fields}
    return Row("POST", BULK, answers, body, starts_in)


MATRIX = (
    Row("GET", TASKS, EVERYONE_SIGNED_IN),
    Row("GET", TASKS + "/{task}", WHO_SEES_THE_TASK),
    Row("GET", TASKS + "/{task}/events", WHO_SEES_THE_TASK),
    Row("GET", TASKS + "/{task}/logs", WHO_SEES_THE_TASK),
    Row("POST", TASKS, CREATORS, NEW_TASK),
    Row("POST", TASKS + "/{task}/logs", LOG_WRITERS, LOG, IN_PROGRESS),
    Row("POST", TASKS + "/{task}/approve", WHO_DECIDES),
    Row("POST", TASKS + "/{task}/reject", WHO_DECIDES, {"reason": "não"}),
    Row("POST", TASKS + "/{task}/retry", PEOPLE_WHO_OPERATE, starts_in=FAILED),
    Row("POST", TASKS + "/{task}/cancel", PEOPLE_WHO_OPERATE, {"reason": "não"}),
    Row("POST", TASKS + "/{task}/sync", PEOPLE_WHO_OPERATE, starts_in=SYNCING),
    # Decisions are people's; work is also its agent's.
    step(PENDING, APPROVED, PEOPLE_WHO_OPERATE),
    step(PENDING, FAILED, PEOPLE_WHO_OPERATE, failureReason="rejected"),
    step(PENDING, FAILED, PEOPLE_WHO_OPERATE, failureReason="cancelled"),
    step(PENDING, IN_PROGRESS, PEOPLE_WHO_OPERATE),
    step(FAILED, PENDING, PEOPLE_WHO_OPERATE),
    step(SYNCING, IN_PROGRESS, OPERATORS_AND_ITS_AGENT),
    step(APPROVED, IN_PROGRESS, OPERATORS_AND_ITS_AGENT),
    step(IN_PROGRESS, IN_PROGRESS, OPERATORS_AND_ITS_AGENT, progress=60),
    step(IN_PROGRESS, SYNCING, OPERATORS_AND_ITS_AGENT),
    step(SYNCING, SYNCING, OPERATORS_AND_ITS_AGENT, syncStatus={"amazon": True}),
    step(IN_PROGRESS, COMPLETED, OPERATORS_AND_ITS_AGENT),
    step(IN_PROGRESS, FAILED, OPERATORS_AND_ITS_AGENT, error="sem estoque"),
    Row("POST", AGENTS + "/{agent}/claim", ITS_AGENT),
    Row("POST", AGENTS + "/{agent}/heartbeat", ITS_AGENT),
    Row("POST", AGENTS + "/{agent}/pause", WHO_RUNS, {"reason": "férias"}),
    Row("POST", AGENTS + "/{agent}/resume", WHO_RUNS),
    bulk("approve", WHO_DECIDES_IN_BULK),
    bulk("reject", WHO_DECIDES_IN_BULK),
    bulk("cancel", WHO_ACTS_IN_BULK),
    bulk("retry", WHO_ACTS_IN_BULK, FAILED),
    bulk("assign", WHO_ACTS_IN_BULK, agentId="marina"),
    bulk("sync", WHO_ACTS_IN_BULK, COMPLETED),
    Row("POST", BULK, WHO_ACTS_IN_BULK, {"action": "approve", "filter": {}, "reason": "sim"}),
    Row("GET", BULK + "/{job}", WHO_SEES_THE_JOB),
    Row("POST", BULK + "/{job}/undo", WHO_UNDOES_THE_JOB),
    Row("GET", OPTIMIZATION, WHO_SEES_OPTIMIZATION),
    Row("POST", OPTIMIZATION + "/recommend", WHO_ASKS, {"taskType": "photo", "channel": "amazon"}),
    Row("GET", OPTIMIZATION + "/weights?agentId=alex", WHO_SEES_OPTIMIZATION),
    Row("PATCH", OPTIMIZATION + "/weights", WHO_CHANGES_WEIGHTS, WEIGHTS),
    Row("DELETE", OPTIMIZATION + "/weights?agentId=alex", WHO_CHANGES_WEIGHTS),
    Row("POST", OPTIMIZATION + "/weights/preview", WHO_CHANGES_WEIGHTS, WEIGHTS),
    Row("GET", "/marketplace/orchestration/optimization", MANAGERS_PAGE),
    Row("POST", "/marketplace/orchestration/optimization?agent=alex", WEIGHTS_FORM, RESET),
    Row("GET", "/marketplace/orchestration/optimization/facts?agent=alex", MANAGERS_PAGE),
    Row("GET", "/marketplace/audit", AUDIT_PAGE),
    Row("GET", "/marketplace/audit/csv", AUDIT_PAGE),
    Row("POST", ORCHESTRATION + "/activate", WHO_ACTIVATES, {"channels": ["amazon"]}),
    Row("POST", ORCHESTRATION + "/activate", WHO_TRIES, {"dryRun": True}),
    Row("GET", ORCHESTRATION + "/status", PEOPLE),
    Row("GET", ORCHESTRATION + "/metrics", WHO_SEES_OPTIMIZATION),
    Row("GET", ORCHESTRATION + "/reports", WHO_SEES_OPTIMIZATION),
    Row("GET", ORCHESTRATION + "/reports?format=csv", WHO_SEES_OPTIMIZATION),
    Row("GET", OVERVIEW, PAGE),
    Row("POST", OVERVIEW, PAGE_ACTION, {"channels": "amazon", "step": "activate"}),
    Row("POST", OVERVIEW, PAGE_PREVIEW, {"channels": "amazon", "step": "preview"}),
    Row("POST", OVERVIEW, PAGE_ACTION, {"step": "pause", "agent": "alex"}),
    Row("GET", "/api/schema/", EVERYONE_SIGNED_IN),
    Row("GET", "/api/docs/", EVERYONE_SIGNED_IN),
    Row("GET", "/", REDIRECT),
    Row("GET", "/marketplace/tasks/execution", PAGE),
    Row("GET", "/marketplace/tasks/execution/summary", PAGE),
    Row("GET", "/marketplace/tasks/execution/csv", PAGE),
    Row("GET", "/marketplace/tasks/execution/views", PAGE),
    Row("POST", "/marketplace/tasks/execution/views", KEEPING, VIEW),
    Row("GET", "/admin/execution/savedview/", ADMIN_SITE),
    Row("GET", "/marketplace/tasks/approvals", MANAGERS_PAGE),
    Row("POST", "/marketplace/tasks/approvals", PAGE_DECISION, {"approve": "{task}:1"}),
    Row(
        "POST",
        "/marketplace/tasks/approvals",
        PAGE_DECISION,
        {"do": "reject", "task": "{task}:1", "note": "não"},
    ),
    Row("GET", "/marketplace/tasks/{task}", PAGE),
    Row("POST", "/marketplace/tasks/{task}", PAGE_DECISION, {"action": "approve", "version": 1}),
    Row(
        "POST",
        "/marketplace/tasks/{task}",
        PAGE_DECISION,
        {"action": "reject", "note": "não", "version": 1},
    ),
    Row(
        "POST",
        "/marketplace/tasks/{task}",
        PAGE_ACTION,
        {"action": "cancel", "note": "não", "version": 1},
    ),
    Row("POST", "/marketplace/tasks/{task}", PAGE_ACTION, {"action": "start", "version": 1}),
    Row("GET", "/marketplace/tasks/bulk/{job}", JOB_PAGE),
    Row("POST", "/marketplace/tasks/bulk/{job}", JOB_FORM),
    Row("GET", "/accounts/login/", SIGN_IN),
    Row("POST", "/accounts/logout/", SIGNED_OUT),
    # Without a password before it: tests/accounts/test_second_factor.py.
    Row("GET", "/accounts/login/code/", REDIRECT),
    Row("GET", "/accounts/login/enrol/", REDIRECT),
    Row("GET", "/accounts/password/", PAGE),
    Row("GET", "/accounts/sessions/", PAGE),
    Row("POST", "/accounts/sessions/", KEEPING, {"do": "end_others"}),
    # Off, as in the demo.
    Row("GET", "/accounts/second-factor/", NOT_FOR_ANYBODY),
    Row("POST", "/accounts/theme/", REDIRECT, {"theme": "dark"}),
    Row("POST", "/i18n/setlang/", REDIRECT, {"language": "en"}),
    Row("GET", "/admin/", ADMIN_SITE),
    Row("GET", "/admin/auth/user/", ADMIN_SITE),
    Row("GET", "/admin/auth/group/", ADMIN_SITE),
    Row("GET", "/admin/accounts/apitoken/", ADMIN_SITE),
    Row("GET", "/admin/execution/agent/", ADMIN_SITE),
    Row("GET", "/admin/optimization/pinnedweights/", ADMIN_SITE),
    Row("GET", "/admin/orchestration/tasktemplate/", ADMIN_SITE),
    Row("GET", "/admin/orchestration/plan/", ADMIN_SITE),
    Row("GET", "/admin/optimization/weightchange/", ADMIN_SITE),
    # Until METRICS_TOKEN is set; tests/test_metrics.py has the rest. The probes ask nobody who they
    # are, and are answered before Django is: tests/test_health.py.
    Row("GET", "/metrics", NOT_SERVED),
    # Browsers report without saying for whom: tests/test_csp_reports.py.
    Row("POST", "/csp-report", NO_REPORT),
)


# -- Callers -------------------------------------------------------------------------------------


def session(role: Role | None, **fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(role, **fields), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def token(**fields: Any) -> Client:
    _token, key = tokens.issue_token(name="matrix", by="user:test", **fields)
    return Client(headers={"authorization": f"Token {key}"})


MAKE: Mapping[str, Callable[[], Client]] = {
    "anonymous": Client,
    "user": lambda: session(None),
    "qa": lambda: session(Role.QA),
    "head": lambda: session(Role.HEAD),
    "admin": lambda: session(Role.ADMIN),
    "superuser": lambda: session(None, username="root", is_superuser=True),
    "head's token": lambda: token(user=make_user(Role.HEAD)),
    "head's reading token": lambda: token(user=make_user(Role.HEAD), scope=Scope.READ),
    "user's token": lambda: token(user=make_user()),
    "own agent": lambda: token(agent_id="alex"),
    "other agent": lambda: token(agent_id="marina"),
}


def cells() -> list[Any]:
    return [
        pytest.param(row, caller, answer, id=f"{row.name}: {caller}")
        for row in MATRIX
        for caller, answer in zip(CALLERS, row.answers, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class World:
    """Two agents, a task of alex's in every status, and every caller; each test begins with it.

    `leases` are alex's, in every status, so that the step alone decides.
    """

    tasks: Mapping[TaskStatus, str]
    leases: Mapping[TaskStatus, str]
    callers: Mapping[str, Client]
    rows: dict[str, Any]


@pytest.fixture(scope="module")
def world(module_db: None) -> World:
    make_agent("alex")
    make_agent("marina")
    states = {status: make_task_in(status, agent_id="alex") for status in TaskStatus}
    tasks = {status: str(state.row["task_id"]) for status, state in states.items()}
    leases = {status: hold(state) for status, state in states.items()}
    Lease.objects.update(expires_at=clock.now() + timedelta(hours=1))
    # As if nothing had been sent yet: there is something to send again.
    TaskTarget.objects.update(state=SyncState.PLANNED)
    return World(tasks, leases, {caller: make() for caller, make in MAKE.items()}, everything())


def job_of(row: Row, task_id: str) -> str:
    return (
        start_job(by_ids("cancel", task_id), caller=person()).job_id if "{job}" in row.path else ""
    )


def _named(value: Any, task_id: str) -> Any:
    """A body's value with the task's id in its place."""
    if isinstance(value, list):
        return [_named(one, task_id) for one in value]
    return value.replace("{task}", task_id) if isinstance(value, str) else value


def under_lease(row: Row, world: World, caller: str) -> Row:
    """An agent reports, and writes to the log, under its lease; other agents have heard of it."""
    lease_id = world.leases.get(row.starts_in)
    reports = row.path == TASKS and row.method == "PATCH"
    if lease_id is None or caller not in ("own agent", "other agent"):
        return row
    if not (reports or row.path.endswith("/logs")) or row.method == "GET":
        return row
    return replace(row, body={**row.body, "leaseId": lease_id})


def answer_of(row: Row, caller: Client, task_id: str, job_id: str = "") -> Answer:
    """What one caller gets for one call."""
    client = Client(**caller.defaults)
    client.cookies = deepcopy(caller.cookies)  # what the answer sets is for this call alone
    path = row.path.format(task=task_id, agent="alex", job=job_id)
    body = {name: _named(value, task_id) for name, value in row.body.items()}
    if row.method == "GET":
        answer = client.get(path)
    elif path.startswith("/api/"):
        answer = client.generic(row.method, path, dump_json(body), content_type="application/json")
    else:
        answer = client.post(path, body)
    # The envelope names no reason that a program could not act on.
    if path.startswith("/api/") and answer.status_code >= 400:
        refused(answer, answer.status_code, CODES[answer.status_code])
    asked = answer.status_code == 302 and answer["Location"].startswith("/accounts/login/")
    return LOGIN if asked else answer.status_code


def everything() -> dict[str, Any]:
    return rows_of((Task, TaskEvent, TaskLog))


@pytest.mark.parametrize(("row", "caller", "expected"), cells())
def test_everyone_gets_what_the_table_says(
    world: World, row: Row, caller: str, expected: Answer
) -> None:
    task_id = world.tasks[row.starts_in]
    job_id = job_of(row, task_id)
    before = everything() if job_id else world.rows
    row = under_lease(row, world, caller)
    assert answer_of(row, world.callers[caller], task_id, job_id) == expected
    is_activation = "activate" in row.name and not row.body.get("dryRun")
    is_write = "task" in row.path and row.body is not VIEW
    writes = row.method != "GET" and (is_write or is_activation)
    assert (everything() != before) == (writes and expected in (200, 201, 302))


# -- Every step of the life cycle ----------------------------------------------------------------

# What an agent may do with its own task: work, and say that it is still at it.
AGENTS_STEPS = {
    APPROVED: {APPROVED, IN_PROGRESS, FAILED},
    IN_PROGRESS: {IN_PROGRESS, SYNCING, COMPLETED, FAILED},
    SYNCING: {SYNCING, IN_PROGRESS, COMPLETED, FAILED},
}


def answer_to_step(old: TaskStatus, new: TaskStatus, caller: str) -> Answer:
    """What the contract says of moving a task that `alex` has."""
    is_legal = old == new or new in LEGAL[old]
    match caller:
        case "anonymous":
            return 401
        case "other agent":
            return 404
        case "own agent" if is_legal:
            return 200 if new in AGENTS_STEPS.get(old, ()) else 403
        case "head" | "admin" | "superuser" | "head's token" | "own agent":
            return 200 if is_legal else 409
    return 403


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("new", TaskStatus)
@pytest.mark.parametrize("old", TaskStatus)
def test_every_step_by_everyone(
    world: World, old: TaskStatus, new: TaskStatus, caller: str
) -> None:
    row = under_lease(step(old, new, ()), world, caller)
    answer = answer_of(row, world.callers[caller], world.tasks[old])
    assert answer == answer_to_step(old, new, caller)
    # The same status again, with nothing new to say, is no event.
    moved = old != new and answer_to_step(old, new, caller) == 200
    assert (everything() != world.rows) == moved


# -- Verbs that a path does not know -------------------------------------------------------------


@pytest.mark.parametrize("caller", CALLERS)
def test_an_unknown_verb_is_that_for_everyone(world: World, caller: str) -> None:
    known: dict[str, set[str]] = {}
    for row in MATRIX:
        if row.path.startswith("/api/"):
            known.setdefault(row.path.partition("?")[0], set()).add(row.method)
    task_id = world.tasks[PENDING]
    client = world.callers[caller]
    for path, verbs in known.items():
        for verb in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"} - verbs:
            address = path.format(task=task_id, agent="alex", job="bulk-x")
            answer = client.generic(verb, address, b"{}", content_type="application/json")
            if caller == "anonymous":
                refused(answer, 401, "not_authenticated")
            else:
                refused(answer, 405, "method_not_allowed")
                assert verbs <= set(answer["Allow"].split(", "))


# -- Nothing is left out -------------------------------------------------------------------------


def paths(patterns: list[Any], prefix: str = "") -> Iterator[str]:
    """One example of every path of the site; the admin's own are told by their app alone."""
    for pattern in patterns:
        text = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if text == "admin/":
                yield "/admin/"
                continue
            yield from paths(pattern.url_patterns, text)
        elif isinstance(pattern, URLPattern):
            plain = re.sub(r"\(\?P<(\w+)_id>[^)]+\)", r"{\1}", text).replace("/?\\Z", "")
            yield "/" + plain.replace("^", "")


def test_every_path_is_in_the_table() -> None:
    known = {row.path.partition("?")[0].rstrip("/") for row in MATRIX}
    found = {path.rstrip("/") for path in paths(get_resolver().url_patterns)}
    assert found - known == set()
