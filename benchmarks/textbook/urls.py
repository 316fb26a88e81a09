from django.urls import include, path
from rest_framework.routers import DefaultRouter

from benchmarks.textbook import views

router = DefaultRouter()
router.register("tasks", views.TaskViewSet)

urlpatterns = [
    path("api/", include(router.urls)),
    path("", views.tasks_page),
    path("readyz", views.ready),
]
