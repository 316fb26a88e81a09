"""The overview; it works with and without its trailing slash."""

from django.urls import re_path

from orchestration.views import overview_page

urlpatterns = [
    re_path(r"^marketplace/orchestration/?\Z", overview_page, name="overview"),
]
