"""The API's calls and answers as values: what is sent, and what an answer means. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nexo_agent.errors import Away, LeaseLost, Moved, Refused, TokenRefused

BASE: Final = "/api/marketplace/orchestration/"
TASKS: Final = "task-execution"
MAX_LINE_BYTES: Final = 8 * 1024
# Room for the mark of a line that was cut.
MARK_BYTES: Final = 48
MAX_LINES: Final = 500
MAX_ERROR: Final = 4_000
OVER: Final = ("completed", "failed")
# What an agent works by, of each task.
NEEDED: Final = ("taskId", "title", "taskType", "channel", "status")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `once` is whether it must not happen twice when it is sent again."""

    method: str
    path: str
    body: Any = None
    query: Mapping[str, str] = field(default_factory=dict)
    once: bool = True


@dataclass(slots=True)
class Held:
    """A task that this agent holds, with the newest that the server said of it."""

    task: Json
    lease_id: str | None

    @property
    def task_id(self) -> str:
        return str(self.task["taskId"])

    @property
    def title(self) -> str:
        return str(self.task["title"])

    @property
    def task_type(self) -> str:
        return str(self.task["taskType"])

    @property
    def channel(self) -> str:
        return str(self.task["channel"])

    @property
    def targets(self) -> list[str]:
        return list(self.task["targets"])

    @property
    def status(self) -> str:
        return str(self.task["status"])

    @property
    def is_over(self) -> bool:
        return self.status in OVER


def claim(agent: str, limit: int, task_types: Iterable[str]) -> Call:
    body: Json = {"limit": limit}
    if types := list(task_types):
        body["taskTypes"] = types
    return Call("POST", f"agents/{agent}/claim", body)


def heartbeat(agent: str, lease_ids: Iterable[str] | None) -> Call:
    body = None if lease_ids is None else {"leaseIds": list(lease_ids)}
    return Call("POST", f"agents/{agent}/heartbeat", body, once=False)


def tasks(**query: str) -> Call:
    return Call("GET", TASKS, query=query, once=False)


def update(held: Held, status: str | None = None, **fields: Any) -> Call:
    """`fields` are the API's; those that are None are left out."""
    body: Json = {"taskId": held.task_id, "status": status or held.status}
    if held.lease_id is not None:
        body["leaseId"] = held.lease_id
    body.update((name, value) for name, value in fields.items() if value is not None)
    return Call("PATCH", TASKS, body)


def log(held: Held, lines: Iterable[str], level: str) -> Call:
    body: Json = {"logs": [{"level": level, "message": _sent(line)} for line in lines]}
    if held.lease_id is not None:
        body["leaseId"] = held.lease_id
    return Call("POST", f"{TASKS}/{held.task_id}/logs", body)


def clean(text: str) -> str:
    """Without what the API refuses and what cannot be sent: NUL, and half characters."""
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _sent(line: str) -> str:
    """As much of a line as the API keeps, and nothing that it refuses; a cut is marked."""
    text = clean(line).encode()
    if len(text) <= MAX_LINE_BYTES:
        return text.decode()
    kept = text[: MAX_LINE_BYTES - MARK_BYTES].decode(errors="ignore")
    return f"{kept}… [cut: {len(text) - len(kept.encode())} bytes]"


def held_in(answer: Json) -> list[Held]:
    """The tasks of a claim's answer.

    Raises
    ------
    Away: it is no such answer; nor is it in the two below
    """
    found = []
    for given in _objects(answer, "tasks"):
        task = {name: value for name, value in given.items() if not name.startswith("lease")}
        found.append(Held(_task(task), given.get("leaseId")))
    return found


def task_in(answer: Json) -> Json:
    """The task of a report's answer."""
    return _task(answer.get("task"))


def leases_in(answer: Json) -> set[str]:
    """The lease ids of a heartbeat's answer."""
    return {str(lease.get("leaseId")) for lease in _objects(answer, "leases")}


def _objects(answer: Json, name: str) -> list[Json]:
    found = answer.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Away(f"an answer without {name}")
    return found


def _task(value: Any) -> Json:
    if not (isinstance(value, dict) and all(isinstance(value.get(one), str) for one in NEEDED)):
        raise Away("an answer without a task")
    return value


def understood(status: int, body: Any, headers: Mapping[str, str]) -> Json:
    """The body of a good answer; `body` is None when it was no JSON object.

    Raises
    ------
    Away, Refused, LeaseLost, TokenRefused, Moved
    """
    if status == 401:
        raise TokenRefused("The server does not know this token.")
    if status >= 500 or status == 429:
        raise Away(f"HTTP {status}", _seconds(headers.get("Retry-After")))
    if 300 <= status < 400:
        # It would be the same for every call, however long one waits.
        raise Moved(headers.get("Location", "").partition(BASE)[0])
    if body is None:
        raise Away(f"HTTP {status} without JSON")
    if status < 300:
        return dict(body)
    code, sentence = str(body.get("code", "")), str(body.get("error", f"HTTP {status}"))
    if code == "idempotency_in_flight":
        raise Away(sentence)
    kind = LeaseLost if code == "lease_lost" else Refused
    raise kind(code, sentence, body.get("details"))


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
