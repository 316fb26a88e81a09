"""`/api/marketplace/orchestration/task-execution`: tasks, their events and their logs."""

from collections.abc import Mapping
from typing import Any, NoReturn

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import Caller, caller_of
from accounts.permissions import OPERATE_TASKS
from execution import listing, queries, schema, services, task_logs
from execution.commands import RULES, Command
from execution.exceptions import NotAllowed, TaskNotFound
from execution.filters import FILTERS, TaskSelection, filter_values
from execution.keyed import KeyedWrites, keyed
from execution.models import Task
from execution.representations import event_json, log_json, task_json
from execution.rows import TaskState
from execution.serializers import (
    ApprovalSerializer,
    LogLineSerializer,
    NewTaskSerializer,
    RefusalSerializer,
    RetrySerializer,
    SyncAgainSerializer,
    TaskUpdateSerializer,
    checked_body,
    checked_update,
    log_lines,
    new_tasks,
    task_change,
    task_edits,
)
from nexo.shared import clock
from nexo.shared.api import check_parameters, limit_parameter, success
from nexo.shared.exceptions import validation_error
from nexo.shared.pagination import Listing, decode_cursor, decode_place, encode_cursor, encode_place

LIST_PARAMETERS = frozenset({*FILTERS, "limit", "cursor"})
BODIES: Mapping[str | None, Any] = {
    "create": NewTaskSerializer,
    "update_status": TaskUpdateSerializer,
    "append_logs": LogLineSerializer,
    "approve": ApprovalSerializer,
    "reject": RefusalSerializer,
    "retry": RetrySerializer,
    "cancel": RefusalSerializer,
    "sync": SyncAgainSerializer,
}
MESSAGES = {
    Command.APPROVE: "Task approved",
    Command.REJECT: "Task rejected",
    Command.RETRY: "Task waits again",
    Command.CANCEL: "Task cancelled",
}
# What people alone may do, each with its permission.
COMMANDS = {
    **{command.value: RULES[command].permission for command in MESSAGES},
    "sync": OPERATE_TASKS,
}


class MayOperate(BasePermission):
    """Anyone signed in reads; people write with the permission, agents on their own tasks.

    Which step of which task, the service decides.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.method in SAFE_METHODS:
            return True
        caller = caller_of(request)
        if caller.agent_id is not None:
            if view.action in COMMANDS:
                refuse_agent(caller, view.kwargs["task_id"])
            return view.action in view.agent_actions
        return caller.may(COMMANDS.get(view.action, OPERATE_TASKS))


def refuse_agent(caller: Caller, task_id: str) -> NoReturn:
    """A task that is not its own does not exist for an agent."""
    is_its_own = services.visible_tasks(caller).filter(task_id=task_id).exists()
    raise NotAllowed if is_its_own else TaskNotFound


def _json(state: TaskState) -> dict[str, Any]:
    return task_json(state.row, state.targets, now=clock.now())


class TaskExecutionViewSet(KeyedWrites, viewsets.GenericViewSet[Task]):
    queryset = Task.objects.none()
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MayOperate)
    agent_actions = frozenset({"update_status", "append_logs"})
    filter_backends = ()

    def get_serializer_class(self) -> Any:
        return BODIES.get(self.action, schema.TaskSerializer)

    @extend_schema(**schema.LIST)
    def list(self, request: Request) -> Response:
        check_parameters(request, LIST_PARAMETERS)
        limit = limit_parameter(request)
        cursor = request.query_params.get("cursor")
        after = decode_cursor(cursor, of=Listing.TASKS) if cursor else None
        selection = self._selection(request)
        page = listing.read_page(selection, limit=limit, after=after)
        now, last = clock.now(), page.tasks[-1] if page.has_more else None
        place = (last.times["created_at"], last.id) if last else None
        return success(
            {
                "totalTasks": page.counts.total,
                "tasks": [told.at(now) for told in page.tasks],
                "summary": page.counts.summary(),
                "nextCursor": encode_cursor(*place, of=Listing.TASKS) if place else None,
                "sequence": page.position.sequence,
                "epoch": page.position.epoch,
            }
        )

    def _selection(self, request: Request) -> TaskSelection:
        values = filter_values(request.query_params)
        caller = caller_of(request)
        visible = services.visible_tasks(caller)
        return TaskSelection(values, visible, sees_all=caller.agent_id is None)

    @extend_schema(**schema.CREATE)
    @keyed
    def create(self, request: Request) -> Response:
        check_parameters(request, ())
        many = isinstance(request.data, list)
        states = services.create_tasks(
            new_tasks(request.data), caller=caller_of(request), is_list=many
        )
        tasks = [_json(state) for state in states]
        return success({"tasks": tasks} if many else {"task": tasks[0]}, status=201)

    @extend_schema(**schema.UPDATE)
    @keyed
    def update_status(self, request: Request) -> Response:
        check_parameters(request, ())
        data = checked_update(self.sent(request))
        caller = caller_of(request)
        if caller.agent_id is None:
            for field in ("leaseId", "result"):
                if field in data:
                    raise validation_error(field, _("Only an agent may send this."))
        state = services.update_task(
            data["taskId"], task_change(data), caller=caller, lease_id=data.get("leaseId")
        )
        return success({"message": "Task execution updated", "task": _json(state)})

    @extend_schema(**schema.APPROVE)
    @keyed
    def approve(self, request: Request, task_id: str) -> Response:
        return self._command(request, task_id, Command.APPROVE)

    @extend_schema(**schema.REJECT)
    @keyed
    def reject(self, request: Request, task_id: str) -> Response:
        return self._command(request, task_id, Command.REJECT)

    @extend_schema(**schema.RETRY)
    @keyed
    def retry(self, request: Request, task_id: str) -> Response:
        return self._command(request, task_id, Command.RETRY)

    @extend_schema(**schema.CANCEL)
    @keyed
    def cancel(self, request: Request, task_id: str) -> Response:
        return self._command(request, task_id, Command.CANCEL)

    def _command(self, request: Request, task_id: str, command: Command) -> Response:
        check_parameters(request, ())
        data = checked_body(BODIES[command.value], request.data)
        state = services.command_task(
            task_id,
            command,
            caller=caller_of(request),
            reason=data.get("reason") or None,
            edits=task_edits(data.get("edits")),
            version=data.get("version"),
        )
        return success({"message": MESSAGES[command], "task": _json(state)})

    @extend_schema(**schema.SYNC)
    @keyed
    def sync(self, request: Request, task_id: str) -> Response:
        check_parameters(request, ())
        data = checked_body(SyncAgainSerializer, request.data)
        found = services.resync_task(
            task_id,
            data.get("channels"),
            caller=caller_of(request),
            reason=data.get("reason") or None,
        )
        message = "Sync queued" if found.queued else "Nothing to queue"
        return success({"message": message, "queued": found.queued, "task": _json(found.state)})

    @extend_schema(**schema.RETRIEVE)
    def retrieve(self, request: Request, task_id: str) -> Response:
        check_parameters(request, ())
        return success({"task": _json(self._state(request, task_id))})

    @extend_schema(**schema.EVENTS)
    def events(self, request: Request, task_id: str) -> Response:
        check_parameters(request, {"limit", "cursor"})
        limit = limit_parameter(request, default=queries.MOST_EVENTS, largest=queries.MOST_EVENTS)
        cursor = request.query_params.get("cursor")
        before = decode_place(cursor, of=Listing.EVENTS) if cursor else None
        state = self._state(request, task_id)
        rows = queries.events_of(state.row["id"], limit=limit + 1, before=before)
        page = rows[-limit:]
        answer: dict[str, Any] = {"events": [event_json(row) for row in page]}
        if len(rows) > limit:
            # Only there: an ordinary task's answer is its events, as it ever was.
            answer["nextCursor"] = encode_place(page[0]["sequence"], of=Listing.EVENTS)
        return success(answer)

    @extend_schema(**schema.LOGS)
    def logs(self, request: Request, task_id: str) -> Response:
        check_parameters(request, {"limit", "cursor"})
        limit = limit_parameter(request)
        cursor = request.query_params.get("cursor")
        after = decode_place(cursor, of=Listing.LOGS) if cursor else 0
        state = self._state(request, task_id)
        rows = queries.logs_after(state.row["id"], after=after, limit=limit + 1)
        page, more = rows[:limit], len(rows) > limit
        return success(
            {
                "logs": [log_json(row) for row in page],
                "nextCursor": encode_place(page[-1]["id"], of=Listing.LOGS) if more else None,
            }
        )

    @extend_schema(**schema.APPEND_LOGS)
    @keyed
    def append_logs(self, request: Request, task_id: str) -> Response:
        check_parameters(request, ())
        lines, lease_id = log_lines(request.data)
        caller = caller_of(request)
        if lease_id is not None and caller.agent_id is None:
            raise validation_error("leaseId", _("Only an agent may send this."))
        rows = task_logs.append_logs(task_id, lines, caller=caller, lease_id=lease_id)
        logs = [log_json({"level": r.level, "message": r.message, "at": r.at}) for r in rows]
        return success({"logs": logs}, status=201)

    def _state(self, request: Request, task_id: str) -> TaskState:
        state = queries.task_state(services.visible_tasks(caller_of(request)), task_id)
        if state is None:
            raise TaskNotFound
        return state
