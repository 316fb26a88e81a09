"""The optimization page; it works with and without its trailing slash."""

from django.urls import re_path

from optimization.views import optimization_page

urlpatterns = [
    re_path(r"^marketplace/orchestration/optimization/?\Z", optimization_page, name="optimization"),
]
