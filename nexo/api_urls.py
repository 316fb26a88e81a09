"""Everything under /api/."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("marketplace/orchestration/", include("execution.api_urls")),
    path("marketplace/orchestration/", include("optimization.api_urls")),
    re_path(r"^schema/?\Z", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?\Z", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
