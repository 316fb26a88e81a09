"""Paths of the execution app's sockets; each works with and without its trailing slash."""

from django.urls import re_path

from execution.consumers import task_feed

websocket_urlpatterns = [
    re_path(r"^ws/marketplace/tasks/execution/?\Z", task_feed),  # type: ignore[arg-type]
]
