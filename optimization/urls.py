"""The optimization pages; they work with and without their trailing slash."""

from django.urls import re_path

from optimization.behind_view import behind_page
from optimization.views import optimization_page

urlpatterns = [
    re_path(r"^marketplace/orchestration/optimization/?\Z", optimization_page, name="optimization"),
    re_path(r"^marketplace/orchestration/optimization/facts/?\Z", behind_page, name="behind"),
]
