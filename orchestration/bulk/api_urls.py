"""Paths of the bulk calls; before those of single tasks, of which `bulk` would be one."""

from django.urls import re_path

from orchestration.bulk.api import BulkViewSet

_view = BulkViewSet.as_view
_JOB = r"task-execution/bulk/(?P<job_id>[^/]{1,64})"

urlpatterns = [
    re_path(r"^task-execution/bulk/?\Z", _view({"post": "order"}), name="bulk"),
    re_path(rf"^{_JOB}/?\Z", _view({"get": "retrieve"}), name="bulk-job"),
    re_path(rf"^{_JOB}/undo/?\Z", _view({"post": "undo"}), name="bulk-undo"),
]
