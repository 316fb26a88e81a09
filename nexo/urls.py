"""Every path of the site, in one list."""

from django.contrib import admin
from django.urls import include, path

from nexo import api_urls
from nexo.csp_reports import csp_report
from nexo.metrics import metrics

urlpatterns = [
    # The most asked for comes first: each pattern before it costs every call.
    path("api/marketplace/orchestration/", include(api_urls.calls)),
    path("api/", include(api_urls.documents)),
    # Before the pages of single tasks, whose address it would be.
    path("", include("orchestration.approvals.urls")),
    path("", include("execution.urls")),
    path("", include("optimization.urls")),
    path("", include("orchestration.audit_urls")),
    path("", include("orchestration.urls")),
    path("", include("orchestration.bulk.urls")),
    path("accounts/", include("accounts.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("metrics", metrics, name="metrics"),
    path("csp-report", csp_report, name="csp-report"),
    path("admin/", admin.site.urls),
]

handler400 = "nexo.shared.errors.bad_request"
handler403 = "nexo.shared.errors.permission_denied"
handler404 = "nexo.shared.errors.page_not_found"
handler500 = "nexo.shared.errors.server_error"
