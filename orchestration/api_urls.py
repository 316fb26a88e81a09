"""Every path works with and without its trailing slash."""

from django.urls import re_path

from orchestration.api import ActivationViewSet

urlpatterns = [
    re_path(r"^activate/?\Z", ActivationViewSet.as_view({"post": "activate"}), name="activate"),
]
