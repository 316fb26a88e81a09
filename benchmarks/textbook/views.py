"""The tasks by the book: serializer, viewset with a message to the group, and the page."""

import os
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework import serializers, viewsets

from benchmarks.stamps import COMMITTED, PUBLISHED, VARIABLE, Stamps
from benchmarks.textbook.consumers import GROUP
from execution.models import Task, TaskTarget

_stamps = Stamps(Path(os.environ[VARIABLE]))
NEWEST = Task.objects.order_by("-created_at", "-id").prefetch_related("targets")


class TargetSerializer(serializers.ModelSerializer[TaskTarget]):
    class Meta:
        model = TaskTarget
        fields = "__all__"


class TaskSerializer(serializers.ModelSerializer[Task]):
    targets = TargetSerializer(many=True, read_only=True)

    class Meta:
        model = Task
        fields = "__all__"


class TaskViewSet(viewsets.ModelViewSet[Task]):
    queryset = NEWEST
    serializer_class = TaskSerializer
    lookup_field = "task_id"
    filterset_fields = ("status", "marketplace", "agent")

    def perform_update(self, serializer: Any) -> None:
        serializer.save()
        _stamps.leave(COMMITTED)
        _stamps.leave(PUBLISHED)
        send: Any = async_to_sync(get_channel_layer().group_send)
        send(GROUP, {"type": "task.changed", "task": serializer.data})


@login_required
def tasks_page(request: HttpRequest) -> HttpResponse:
    return render(request, "tasks.html", {"tasks": NEWEST[:50]})


def ready(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ready\n")
