"""Pages of bulk jobs; each works with and without its trailing slash."""

from django.urls import re_path

from orchestration.bulk.views import bulk_job_page

urlpatterns = [
    re_path(r"^marketplace/tasks/bulk/(?P<job_id>[^/]+)/?\Z", bulk_job_page, name="bulk-job-page"),
]
