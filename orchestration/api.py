"""`/api/marketplace/orchestration/`: activation, state, metrics and reports."""

import re
from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import caller_of
from accounts.permissions import RUN_ORCHESTRATION, VIEW_OPTIMIZATION
from execution.enums import MarketplaceSlug
from execution.keyed import KeyedWrites, keyed
from execution.models import SLUG_PATTERN, Agent
from nexo.shared import clock
from nexo.shared.api import check_parameters, success
from nexo.shared.exceptions import validation_error
from nexo.shared.renderers import JSONRenderer
from nexo.shared.views import ApiView
from optimization.api import MaySee
from orchestration import schema, services
from orchestration.models import Plan
from orchestration.overview import metrics, overview
from orchestration.renderers import DOCUMENTS
from orchestration.reports import ReportType, report, report_json
from orchestration.representations import metrics_json, plan_json, status_json
from orchestration.serializers import ActivateSerializer


class MayRun(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return caller_of(request).may(RUN_ORCHESTRATION)


class ActivationViewSet(KeyedWrites, viewsets.GenericViewSet[Plan]):
    queryset = Plan.objects.none()
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MayRun)
    serializer_class = ActivateSerializer
    filter_backends = ()

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
        return success({"plan": plan_json(made)}, status=201 if made.tasks else 200)


class IsPerson(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return caller_of(request).agent_id is None


class _ReadViewSet(ApiView, viewsets.GenericViewSet[Agent]):
    queryset = Agent.objects.none()
    filter_backends = ()


class StatusViewSet(_ReadViewSet):
    permission_classes = (*viewsets.GenericViewSet.permission_classes, IsPerson)
    serializer_class = schema.StatusSerializer

    @extend_schema(**schema.STATUS)
    def retrieve(self, request: Request) -> Response:
        check_parameters(request, ())
        may_see_scores = caller_of(request).may(VIEW_OPTIMIZATION)
        return success(status_json(overview(clock.now()), with_scores=may_see_scores))


class MetricsViewSet(_ReadViewSet):
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MaySee)
    serializer_class = schema.MetricsSerializer

    @extend_schema(**schema.METRICS)
    def retrieve(self, request: Request) -> Response:
        check_parameters(request, {"agent", "channel"})
        agent_id, channel = (request.query_params.get(name) for name in ("agent", "channel"))
        if agent_id is not None and not re.fullmatch(SLUG_PATTERN, agent_id):
            raise validation_error("agent", _("This is no agent's id."))
        if channel is not None and channel not in MarketplaceSlug.values:
            raise validation_error("channel", _not_among(channel, MarketplaceSlug.values))
        found = metrics(clock.now(), agent_id=agent_id, marketplace_id=channel)
        about = "agent" if agent_id else "channel" if channel else "system"
        return success({"type": about, "metrics": metrics_json(found)})


class ReportsViewSet(_ReadViewSet):
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MaySee)
    renderer_classes = (*viewsets.GenericViewSet.renderer_classes, *DOCUMENTS.values())
    serializer_class = schema.ReportAnswerSerializer

    @extend_schema(**schema.REPORTS)
    def retrieve(self, request: Request) -> Response:
        check_parameters(request, {"type"})
        asked = request.query_params.get("type", ReportType.SUMMARY.value)
        known = [type_.value for type_ in ReportType]
        if asked not in known:
            raise validation_error("type", _not_among(asked, known))
        found = report(ReportType(asked), overview(clock.now()))
        form = str(request.accepted_renderer.format)
        suffix = "md" if form == "markdown" else form
        name = f"nexo-{asked}-{found.last_day.isoformat()}.{suffix}"
        attachment = f'attachment; filename="{name}"'
        if form in DOCUMENTS:
            return Response(found, headers={"Content-Disposition": attachment})
        answer = success({"report": report_json(found)})
        if "format" in request.query_params and form == "json":
            # Asked for as a document, as the page's links do.
            answer["Content-Disposition"] = attachment
        return answer

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code >= 400:
            # An error is no document.
            answer.accepted_renderer = JSONRenderer()
            answer.accepted_media_type = JSONRenderer.media_type
        return answer


def _not_among(value: str, choices: Any) -> str:
    message = _("%(value)s is not one of %(choices)s.")
    return str(message % {"value": value[:100], "choices": ", ".join(choices)})
