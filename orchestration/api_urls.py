"""Every path works with and without its trailing slash."""

from django.urls import re_path

from orchestration.api import (
    ActivationViewSet,
    MetricsViewSet,
    ReportsViewSet,
    StatusViewSet,
)

urlpatterns = [
    re_path(r"^activate/?\Z", ActivationViewSet.as_view({"post": "activate"}), name="activate"),
    re_path(r"^status/?\Z", StatusViewSet.as_view({"get": "retrieve"}), name="status"),
    re_path(r"^metrics/?\Z", MetricsViewSet.as_view({"get": "retrieve"}), name="metrics-api"),
    re_path(r"^reports/?\Z", ReportsViewSet.as_view({"get": "retrieve"}), name="reports"),
]
