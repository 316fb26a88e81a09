"""Which index each statement of each page and call uses. Runs where Django is set up.

Nothing is written down by hand: the pages and calls are asked for in this process, and PostgreSQL's
own auto_explain tells the plan of every statement as it ran, with its parameters, its rows and the
blocks it touched, prepared statements included. Each is asked for a dozen times first: from the
sixth time on PostgreSQL may go by a plan that no longer looks at the parameters.
"""

import json
import re
import sys
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from benchmarks.scale.places import cursors
from execution.models import Agent, Task

API: Final = "/api/marketplace/orchestration"
TASKS: Final = f"{API}/task-execution"
PAGES: Final = "/marketplace"
PATCH, POST = "PATCH a task", "POST a task"
TIMES: Final = 12
SLOW_SECONDS: Final = 1.0
# A table of so many rows may be read whole: a handful of agents, or the roll-up's 36 rows.
FEW_ROWS: Final = 5_000
# Who is asking is looked up by its key for every call alike.
OF_THE_CALLER: Final = re.compile(
    r"django_session|auth_|accounts_|otp_|axes_|^\s*(SET|BEGIN|COMMIT)"
)
AUTO_EXPLAIN: Final = """
    LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on;
    SET auto_explain.log_buffers = on; SET auto_explain.log_format = json;
    SET auto_explain.log_level = notice; SET client_min_messages = notice
"""


def calls() -> Iterator[tuple[str, str]]:
    deep = cursors()[0]
    recent = Task.objects.order_by("-created_at")[100]
    agent = Agent.objects.filter(is_active=True).order_by("pk")[3].pk
    since = quote(f"{recent.created_at:%Y-%m-%dT%H:%M:%SZ}")
    yield "GET list", TASKS
    yield "GET list, deep", f"{TASKS}?cursor={deep}"
    yield "GET list, status", f"{TASKS}?status=completed"
    yield "GET list, status, deep", f"{TASKS}?status=completed&cursor={deep}"
    yield "GET list, rare status", f"{TASKS}?status=approved"
    yield "GET list, status and marketplace", f"{TASKS}?status=completed&channel=amazon"
    yield (
        "GET list, status and marketplace, deep",
        f"{TASKS}?status=completed&channel=amazon&cursor={deep}",
    )
    yield "GET list, agent", f"{TASKS}?agent={agent}"
    yield "GET list, task type", f"{TASKS}?taskType=photo"
    yield "GET list, since", f"{TASKS}?createdAfter={since}"
    yield "GET list, overdue", f"{TASKS}?overdue=true"
    yield "GET list, task id", f"{TASKS}?taskId={recent.task_id}"
    yield "GET list, search", f"{TASKS}?q=oferta%20{recent.pk}"
    yield "GET task", f"{TASKS}/{recent.task_id}"
    yield "GET events", f"{TASKS}/{recent.task_id}/events"
    yield "GET logs", f"{TASKS}/{recent.task_id}/logs"
    yield "GET status", f"{API}/status"
    yield "GET metrics", f"{API}/metrics"
    yield "GET reports", f"{API}/reports"
    yield "GET optimization", f"{API}/optimization"
    yield "GET weights", f"{API}/optimization/weights?agentId={agent}"
    yield "execution page", f"{PAGES}/tasks/execution"
    yield "execution page, deep", f"{PAGES}/tasks/execution?cursor={deep}"
    yield "execution page, agent", f"{PAGES}/tasks/execution?agent={agent}"
    yield "summary", f"{PAGES}/tasks/execution/summary"
    yield "task page", f"{PAGES}/tasks/{recent.task_id}"
    yield "approvals", f"{PAGES}/tasks/approvals"
    yield "overview", f"{PAGES}/orchestration"
    yield "optimization page", f"{PAGES}/orchestration/optimization"
    yield "audit", f"{PAGES}/audit"
    yield "audit, actor", f"{PAGES}/audit?actor=user:approver"
    yield PATCH, TASKS
    yield POST, TASKS


def ask(client: Client, name: str, path: str, task_id: str, number: int) -> int:
    """The status of the answer; what is written is another thing each time."""
    body: dict[str, Any]
    if name == PATCH:
        body = {"taskId": task_id, "status": "in_progress", "error": f"planned {number}"}
        return client.patch(path, body, content_type="application/json").status_code
    if name == POST:
        body = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
        return client.post(path, body, content_type="application/json").status_code
    return client.get(path).status_code


def main() -> None:
    """Print each call with its statements and their plans as JSON."""
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(User.objects.get(username="head"), settings.AUTHENTICATION_BACKENDS[-1])
    task_id = Task.objects.filter(status="in_progress").latest("created_at").task_id
    plans: list[dict[str, Any]] = []

    def note(diagnostic: Any) -> None:
        text = diagnostic.message_primary or ""
        if text.startswith("duration:") and "{" in text:
            plans.append(json.loads(text[text.index("{") :]))

    told = []
    with connection.cursor() as cursor:
        cursor.execute(AUTO_EXPLAIN)
    connection.connection.add_notice_handler(note)
    for name, path in calls():
        seconds = status = 0.0
        for number in range(TIMES):
            plans.clear()
            began = time.perf_counter()
            status = ask(client, name, path, task_id, number)
            seconds = time.perf_counter() - began
            if number and seconds > SLOW_SECONDS:
                break
        statements = [read_plan(plan) for plan in plans]
        told.append(
            {
                "call": name,
                "status": status,
                "seconds": seconds,
                "statements": [
                    one for one in statements if not OF_THE_CALLER.search(one["statement"])
                ],
            }
        )
    sys.stdout.write(json.dumps(told))


def read_plan(plan: dict[str, Any]) -> dict[str, Any]:
    """What of a plan a reader wants to know."""
    nodes = list(_nodes(plan["Plan"]))
    top = nodes[0]
    whole = {
        node["Relation Name"]
        for node in nodes
        if node["Node Type"] == "Seq Scan"
        and node["Actual Rows"] + node.get("Rows Removed by Filter", 0) > FEW_ROWS
    }
    return {
        "statement": shortened(plan["Query Text"]),
        "indexes": sorted({node["Index Name"] for node in nodes if "Index Name" in node}),
        "whole": sorted(whole),
        "rows": top["Actual Rows"],
        "read": sum(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
            for node in nodes
            if "Relation Name" in node
        ),
        "blocks": top.get("Shared Hit Blocks", 0) + top.get("Shared Read Blocks", 0),
        "ms": top["Actual Total Time"],
    }


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


def shortened(statement: str) -> str:
    """Without its columns and the numbers of its parameters."""
    text = " ".join(statement.replace('"', "").split())
    text = re.sub(r"\$\d+", "?", text)
    text = re.sub(r"(\?, )+\?", "?, …", text)
    text = re.sub(r"^SELECT (DISTINCT )?.*? FROM ", r"SELECT \1… FROM ", text)
    return re.sub(r"\bexecution_|\boptimization_|\borchestration_", "", text)
