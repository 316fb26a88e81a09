"""`/api/marketplace/orchestration/optimization`: scores, recommendations and weights."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import caller_of
from accounts.permissions import CHANGE_WEIGHTS, VIEW_OPTIMIZATION
from execution.assignment import Need
from execution.keyed import KeyedWrites, keyed
from execution.models import Agent
from nexo.shared import clock
from nexo.shared.api import check_parameters, limit_parameter, required_parameter, success
from nexo.shared.pagination import Listing, decode_place, encode_place
from optimization import queries, schema, services
from optimization.optimizations import Optimization, optimizations, summary
from optimization.recommending import recommend_agent
from optimization.representations import (
    optimization_json,
    preview_json,
    recommendation_json,
    summary_json,
    weight_change_json,
)
from optimization.serializers import (
    RecommendSerializer,
    WeightsChangeSerializer,
    WeightsResetSerializer,
)


class MaySee(BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return caller_of(request).may(VIEW_OPTIMIZATION)


class MayChangeWeights(MaySee):
    """Who sees optimization reads the history of weights; changing them is another right."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = VIEW_OPTIMIZATION if request.method in SAFE_METHODS else CHANGE_WEIGHTS
        return caller_of(request).may(needed)


class _OptimizationViewSet(KeyedWrites, viewsets.GenericViewSet[Agent]):
    queryset = Agent.objects.none()
    filter_backends = ()


class OptimizationViewSet(_OptimizationViewSet):
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MaySee)

    def get_serializer_class(self) -> Any:
        is_write = self.request is not None and self.request.method == "POST"
        return RecommendSerializer if is_write else schema.OptimizationSerializer

    @extend_schema(**schema.LIST)
    def list(self, request: Request) -> Response:
        check_parameters(request, {"limit", "cursor"})
        first, size = _page(request)
        found = optimizations(queries.active_agents(), clock.now()).agents
        end = len(found) if size is None else first + size
        return success(
            {
                "optimizations": [optimization_json(one) for one in found[first:end]],
                "summary": summary_json(summary(found)),
                "nextCursor": encode_place(end, of=Listing.AGENTS) if end < len(found) else None,
            }
        )

    @extend_schema(**schema.RECOMMEND)
    @keyed
    def recommend(self, request: Request) -> Response:
        check_parameters(request, ())
        serializer = RecommendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        task_type = serializer.validated_data["taskType"]
        marketplace_id = serializer.validated_data["channel"]
        found = recommend_agent(Need(task_type, marketplace_id))
        recommendation = recommendation_json(
            found, task_type=task_type, marketplace_id=marketplace_id
        )
        return success({"recommendation": recommendation})


class WeightsViewSet(_OptimizationViewSet):
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MayChangeWeights)

    def get_serializer_class(self) -> Any:
        match self.request.method if self.request else None:
            case "PATCH" | "POST":
                return WeightsChangeSerializer
            case "DELETE":
                return WeightsResetSerializer
        return schema.WeightChangeSerializer

    @extend_schema(**schema.WEIGHTS_HISTORY)
    def list(self, request: Request) -> Response:
        check_parameters(request, {"agentId", "limit", "cursor"})
        limit = limit_parameter(request)
        cursor = request.query_params.get("cursor")
        changes = services.changes_of(
            required_parameter(request, "agentId"),
            before_id=decode_place(cursor, of=Listing.WEIGHTS) if cursor else None,
            limit=limit + 1,
        )
        page, more = changes[:limit], len(changes) > limit
        return success(
            {
                "changes": [weight_change_json(change) for change in page],
                "nextCursor": encode_place(page[-1].pk, of=Listing.WEIGHTS) if more else None,
            }
        )

    @extend_schema(**schema.SET_WEIGHTS)
    @keyed
    def set(self, request: Request) -> Response:
        change = self._change(request)
        found = services.set_weights(
            change.validated_data["agentId"],
            change.shares,
            caller=caller_of(request),
            reason=change.reason_text,
        )
        return _answer(found)

    @extend_schema(**schema.CLEAR_WEIGHTS)
    @keyed
    def clear(self, request: Request) -> Response:
        check_parameters(request, {"agentId"})
        agent_id = required_parameter(request, "agentId")
        serializer = WeightsResetSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        reason = serializer.validated_data.get("reason") or ""
        return _answer(services.clear_weights(agent_id, caller=caller_of(request), reason=reason))

    @extend_schema(**schema.PREVIEW_WEIGHTS)
    @keyed
    def preview(self, request: Request) -> Response:
        change = self._change(request)
        agent_id = change.validated_data["agentId"]
        found = services.preview_weights(agent_id, change.shares, caller=caller_of(request))
        return success(
            {
                "agentId": agent_id,
                "before": {**preview_json(found.before), "rank": found.rank_before},
                "after": {**preview_json(found.after), "rank": found.rank_after},
                "peers": found.peers,
            }
        )

    def _change(self, request: Request) -> WeightsChangeSerializer:
        check_parameters(request, ())
        serializer = WeightsChangeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return serializer


def _answer(found: Optimization) -> Response:
    return success({"optimization": optimization_json(found)})


def _page(request: Request) -> tuple[int, int | None]:
    """Where the page starts and how many agents it holds; all of them when nobody asks for less."""
    cursor = request.query_params.get("cursor")
    asks = cursor is not None or "limit" in request.query_params
    start = decode_place(cursor, of=Listing.AGENTS) if cursor else 0
    return start, limit_parameter(request) if asks else None
