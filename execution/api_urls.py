"""Paths of the task calls; each works with and without its trailing slash."""

from django.urls import re_path

from execution.api import COMMANDS, TaskExecutionViewSet

_view = TaskExecutionViewSet.as_view
_TASK = r"task-execution/(?P<task_id>[^/]+)"

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
]
