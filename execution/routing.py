"""Paths of the execution app's sockets; each works with and without its trailing slash."""

from django.urls import re_path

from execution.consumers import agent_bell, task_feed, task_logs

websocket_urlpatterns = [
    re_path(r"^ws/marketplace/tasks/execution/?\Z", task_feed),  # type: ignore[arg-type]  # ASGI applications
    re_path(
        r"^ws/marketplace/agents/(?P<agent_id>[^/]{1,64})/?\Z",
        agent_bell,  # type: ignore[arg-type]  # ASGI applications
    ),
    re_path(
        r"^ws/marketplace/tasks/(?P<task_id>[^/]{1,64})/logs/?\Z",
        task_logs,  # type: ignore[arg-type]  # ASGI applications
    ),
]
