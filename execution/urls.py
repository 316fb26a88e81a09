"""Pages of tasks; each works with and without its trailing slash."""

from django.urls import path, re_path
from django.views.generic import RedirectView

from execution import export, view_pages, views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="execution")),
    re_path(r"^marketplace/tasks/execution/?\Z", views.execution_page, name="execution"),
    re_path(
        r"^marketplace/tasks/execution/summary/?\Z",
        views.execution_summary,
        name="execution-summary",
    ),
    re_path(r"^marketplace/tasks/execution/csv/?\Z", export.execution_csv, name="execution-csv"),
    re_path(r"^marketplace/tasks/execution/views/?\Z", view_pages.views_page, name="saved-views"),
    re_path(r"^marketplace/tasks/(?P<task_id>[^/]+)/?\Z", views.task_page, name="task"),
]
