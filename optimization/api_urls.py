"""Every path works with and without its trailing slash."""

from django.urls import re_path

from optimization.api import OptimizationViewSet, WeightsViewSet

urlpatterns = [
    re_path(
        r"^optimization/?\Z", OptimizationViewSet.as_view({"get": "list"}), name="optimization-api"
    ),
    re_path(
        r"^optimization/recommend/?\Z",
        OptimizationViewSet.as_view({"post": "recommend"}),
        name="recommend",
    ),
    re_path(
        r"^optimization/weights/?\Z",
        WeightsViewSet.as_view({"get": "list", "patch": "set", "delete": "clear"}),
        name="weights",
    ),
    re_path(
        r"^optimization/weights/preview/?\Z",
        WeightsViewSet.as_view({"post": "preview"}),
        name="weights-preview",
    ),
]
