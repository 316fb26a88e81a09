"""`/api/marketplace/orchestration/task-execution/bulk`: one action on many tasks."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import caller_of
from execution.keyed import KeyedWrites, keyed
from nexo.shared.api import check_parameters, limit_parameter, success
from nexo.shared.pagination import Listing, decode_place, encode_place
from orchestration.bulk import orders, queries, schema, services
from orchestration.bulk.models import BulkJob
from orchestration.bulk.representations import job_json, preview_json
from orchestration.bulk.rules import DIRECT_LIMIT, may_order_any
from orchestration.bulk.serializers import BulkOrderSerializer, UndoSerializer, order_of


class MayOrder(BasePermission):
    """Before the body is looked at; who may what with which tasks, the service decides."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = caller_of(request)
        if view.action == "order":
            return may_order_any(caller)
        return caller.agent_id is None


class BulkViewSet(KeyedWrites, viewsets.GenericViewSet[BulkJob]):
    queryset = BulkJob.objects.none()
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MayOrder)
    filter_backends = ()

    def get_serializer_class(self) -> Any:
        is_undo = "job_id" in self.kwargs
        if self.request is not None and self.request.method == "POST":
            return UndoSerializer if is_undo else BulkOrderSerializer
        return schema.BulkJobSerializer

    @extend_schema(**schema.ORDER)
    @keyed
    def order(self, request: Request) -> Response:
        check_parameters(request, ())
        serializer = BulkOrderSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        order = order_of(serializer.validated_data)
        caller = caller_of(request)
        if serializer.validated_data["dryRun"]:
            found = orders.preview(order, caller=caller)
            return success(preview_json(order, found, actor=caller.actor))
        return _answer(services.start_job(order, caller=caller))

    @extend_schema(**schema.RETRIEVE)
    def retrieve(self, request: Request, job_id: str) -> Response:
        check_parameters(request, {"limit", "cursor"})
        limit = limit_parameter(request)
        cursor = request.query_params.get("cursor")
        after = decode_place(cursor, of=Listing.BULK_RESULTS) if cursor else 0
        job = services.read_job(job_id, caller=caller_of(request))
        items = queries.items_after(job, after=after, limit=limit + 1)
        page, more = items[:limit], len(items) > limit
        cursor = encode_place(page[-1].position, of=Listing.BULK_RESULTS) if more else None
        return success({**job_json(job, page), "nextCursor": cursor})

    @extend_schema(**schema.UNDO)
    @keyed
    def undo(self, request: Request, job_id: str) -> Response:
        check_parameters(request, ())
        serializer = UndoSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        reason = serializer.validated_data.get("reason") or ""
        return _answer(services.undo_job(job_id, caller=caller_of(request), reason=reason))


def _answer(job: BulkJob) -> Response:
    """All results of what is done already; 202 while a worker is at it."""
    items = []
    if job.total <= DIRECT_LIMIT:
        items = queries.items_after(job, after=0, limit=DIRECT_LIMIT)
    return success(job_json(job, items), status=200 if job.is_done else 202)
