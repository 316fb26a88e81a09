"""`/api/marketplace/orchestration/`: activation, state, metrics and reports."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import caller_of
from accounts.permissions import RUN_ORCHESTRATION
from execution.keyed import KeyedWrites, keyed
from nexo.shared.api import check_parameters, success
from orchestration import schema, services
from orchestration.models import Plan
from orchestration.representations import plan_json
from orchestration.serializers import ActivateSerializer


class MayRun(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return caller_of(request).may(RUN_ORCHESTRATION)


class ActivationViewSet(KeyedWrites, viewsets.GenericViewSet[Plan]):
    queryset = Plan.objects.none()
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MayRun)
    serializer_class = ActivateSerializer
    filter_backends = ()
    metadata_class = None

    @extend_schema(**schema.ACTIVATE)
    @keyed
    def activate(self, request: Request) -> Response:
        check_parameters(request, ())
        serializer = ActivateSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        made = services.activate(
            asked.get("channels"), caller=caller_of(request), dry_run=asked["dryRun"]
        )
        return success({"plan": plan_json(made)}, status=201 if made.plan else 200)
