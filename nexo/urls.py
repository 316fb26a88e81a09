"""Every path of the site, in one list."""

from django.contrib import admin
from django.urls import include, path

from nexo.metrics import metrics

urlpatterns = [
    path("", include("execution.urls")),
    path("", include("optimization.urls")),
    path("accounts/", include("accounts.urls")),
    path("api/", include("nexo.api_urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
]

handler400 = "nexo.shared.errors.bad_request"
handler403 = "nexo.shared.errors.permission_denied"
handler404 = "nexo.shared.errors.page_not_found"
handler500 = "nexo.shared.errors.server_error"
