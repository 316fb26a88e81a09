"""Paths of the calls for tasks and agents; each works with and without its trailing slash."""

from django.urls import re_path

from execution.agents_api import AgentViewSet
from execution.api import COMMANDS, TaskExecutionViewSet

_view = TaskExecutionViewSet.as_view
_of_agent = AgentViewSet.as_view
_TASK = r"task-execution/(?P<task_id>[^/]{1,64})"
_AGENT = r"agents/(?P<agent_id>[^/]{1,64})"

urlpatterns = [
    re_path(
        r"^task-execution/?\Z",
        _view({"get": "list", "post": "create", "patch": "update_status"}),
        name="task-execution",
    ),
    re_path(rf"^{_TASK}/?\Z", _view({"get": "retrieve"}), name="task-execution-detail"),
    re_path(rf"^{_TASK}/events/?\Z", _view({"get": "events"}), name="task-execution-events"),
    re_path(
        rf"^{_TASK}/logs/?\Z",
        _view({"get": "logs", "post": "append_logs"}),
        name="task-execution-logs",
    ),
    *(
        re_path(rf"^{_TASK}/{name}/?\Z", _view({"post": name}), name=f"task-execution-{name}")
        for name in COMMANDS
    ),
    re_path(rf"^{_AGENT}/claim/?\Z", _of_agent({"post": "claim"}), name="agent-claim"),
    re_path(rf"^{_AGENT}/heartbeat/?\Z", _of_agent({"post": "heartbeat"}), name="agent-heartbeat"),
    re_path(rf"^{_AGENT}/pause/?\Z", _of_agent({"post": "pause"}), name="agent-pause"),
    re_path(rf"^{_AGENT}/resume/?\Z", _of_agent({"post": "resume"}), name="agent-resume"),
]
