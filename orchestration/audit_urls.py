"""The audit; each address works with and without its trailing slash."""

from django.urls import re_path

from orchestration import audit_views

urlpatterns = [
    re_path(r"^marketplace/audit/?\Z", audit_views.audit_page, name="audit"),
    re_path(r"^marketplace/audit/csv/?\Z", audit_views.audit_csv, name="audit-csv"),
]
