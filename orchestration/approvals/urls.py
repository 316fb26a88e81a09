"""The approvals inbox; works with and without its trailing slash."""

from django.urls import re_path

from orchestration.approvals import views

urlpatterns = [
    re_path(r"^marketplace/tasks/approvals/?\Z", views.approvals_page, name="approvals"),
]
