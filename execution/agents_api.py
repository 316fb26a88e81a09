"""`/api/marketplace/orchestration/agents/{agentId}`: agents take work; people pause them."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import viewsets
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.callers import caller_of
from accounts.permissions import RUN_ORCHESTRATION
from execution import agents, claiming, schema
from execution.agents_serializers import ClaimSerializer, HeartbeatSerializer, PauseSerializer
from execution.keyed import KeyedWrites, idempotency_key, keyed
from execution.models import Agent
from execution.representations import task_json
from nexo.shared import clock
from nexo.shared.api import check_parameters, success
from nexo.shared.fields import StrictSerializer
from nexo.shared.instants import to_rfc3339


class MayAct(BasePermission):
    """An agent takes work for itself alone; pausing it is for people."""

    def has_permission(self, request: Request, view: Any) -> bool:
        caller = caller_of(request)
        if view.call in view.agent_calls:
            return caller.agent_id == view.kwargs["agent_id"]
        return caller.agent_id is None and caller.may(RUN_ORCHESTRATION)


class AgentViewSet(KeyedWrites, viewsets.GenericViewSet[Agent]):
    queryset = Agent.objects.none()
    permission_classes = (*viewsets.GenericViewSet.permission_classes, MayAct)
    agent_calls = frozenset({"claim", "heartbeat"})
    filter_backends = ()

    @property
    def call(self) -> str:
        """What the path is for, whichever verb it was asked with."""
        return str(self.action_map["post"])

    def get_serializer_class(self) -> Any:
        match self.call:
            case "claim":
                return ClaimSerializer
            case "heartbeat":
                return HeartbeatSerializer
        return PauseSerializer

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.call == "claim" and idempotency_key(request) is not None:
            # Each is a transaction of its own; what follows is one as a whole.
            claiming.end_lapsed_leases(agent_id=kwargs["agent_id"])

    # A repeated key gives the same leases again: whoever did not hear the answer has them still.
    @extend_schema(**schema.CLAIM)
    @keyed
    def claim(self, request: Request, agent_id: str) -> Response:
        asked = _checked(ClaimSerializer, request)
        claimed = claiming.claim_tasks(
            agent_id,
            caller=caller_of(request),
            limit=asked["limit"],
            task_types=asked.get("taskTypes", ()),
            ends_lapsed=idempotency_key(request) is None,
        )
        now = clock.now()
        return success({"tasks": [_claimed_json(one, now=now) for one in claimed]})

    @extend_schema(**schema.HEARTBEAT)
    @keyed
    def heartbeat(self, request: Request, agent_id: str) -> Response:
        lease_ids = _checked(HeartbeatSerializer, request).get("leaseIds")
        held = claiming.renew_leases(agent_id, caller=caller_of(request), lease_ids=lease_ids)
        return success({"leases": [_lease_json(one) for one in held]})

    @extend_schema(**schema.PAUSE)
    @keyed
    def pause(self, request: Request, agent_id: str) -> Response:
        reason = _checked(PauseSerializer, request).get("reason") or ""
        agent = agents.pause_agent(agent_id, caller=caller_of(request), reason=reason)
        return success({"agent": _agent_json(agent)})

    @extend_schema(**schema.RESUME)
    @keyed
    def resume(self, request: Request, agent_id: str) -> Response:
        reason = _checked(PauseSerializer, request).get("reason") or ""
        agent = agents.resume_agent(agent_id, caller=caller_of(request), reason=reason)
        return success({"agent": _agent_json(agent)})


def _checked(kind: type[StrictSerializer], request: Request) -> dict[str, Any]:
    check_parameters(request, ())
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _claimed_json(claimed: claiming.Claimed, *, now: datetime) -> dict[str, Any]:
    return {
        **task_json(claimed.state.row, claimed.state.targets, now=now),
        "leaseId": claimed.lease_id,
        "leaseExpiresAt": to_rfc3339(claimed.expires_at),
    }


def _lease_json(held: claiming.Held) -> dict[str, Any]:
    return {
        "taskId": held.task_id,
        "leaseId": held.lease_id,
        "leaseExpiresAt": to_rfc3339(held.expires_at),
    }


def _agent_json(agent: Agent) -> dict[str, Any]:
    return {
        "agentId": agent.slug,
        "agentName": agent.name,
        "active": agent.is_active,
        "paused": agent.is_paused,
    }
