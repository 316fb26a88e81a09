"""What a write may be refused for; each is one stable code of the API."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from execution.enums import TaskStatus
from nexo.shared.exceptions import ApiError, Conflict, Unprocessable


class InvalidTransition(Conflict):
    default_code = "invalid_transition"

    def __init__(self, *, old: str, new: str, allowed: Sequence[str], detail: Any = None) -> None:
        details = {"from": old, "to": new, "allowed": list(allowed)}
        super().__init__(detail or _why_not(TaskStatus(old), TaskStatus(new)), details=details)


def _why_not(old: TaskStatus, new: TaskStatus) -> str:
    """Where the task stands: who asked may have looked at an older image of it."""
    names = {"status": str(old.label), "new": str(new.label)}
    if old == new:
        return gettext("The task is “%(status)s” already. Nothing was changed.") % names
    return gettext("The task cannot go from “%(status)s” to “%(new)s”.") % names


def not_from(old: TaskStatus, sources: Sequence[TaskStatus]) -> str:
    """Why a command is refused where the step as such might be allowed, such as by PATCH."""
    names = {
        "status": str(old.label),
        "sources": ", ".join(f"“{source.label}”" for source in sources),
    }
    why = gettext(
        "This is for tasks that are %(sources)s; the task is “%(status)s”. Nothing was changed."
    )
    return why % names


class SyncNotOpen(Conflict):
    """Not an invalid transition: a client would try those that are allowed, again and again."""

    default_detail = _("Targets can be marked only while the task is syncing.")
    default_code = "sync_not_open"

    def __init__(self) -> None:
        super().__init__(details={"syncStatus": [str(self.default_detail)]})


class VersionConflict(Conflict):
    default_detail = _("The task has changed since you read it.")
    default_code = "version_conflict"

    def __init__(self, task: Mapping[str, Any]) -> None:
        super().__init__(details={"task": task})


class LeaseLost(Conflict):
    default_detail = _("The task is no longer leased to this agent.")
    default_code = "lease_lost"


class Duplicate(Conflict):
    default_detail = _("A task with this external id already exists.")
    default_code = "duplicate"


class IdempotencyInFlight(Conflict):
    default_detail = _("A request with this Idempotency-Key is still being carried out.")
    default_code = "idempotency_in_flight"


class IdempotencyMismatch(Unprocessable):
    default_detail = _("This Idempotency-Key was used before for another request.")
    default_code = "idempotency_mismatch"


class TaskNotFound(ApiError):
    status_code = HTTPStatus.NOT_FOUND
    default_detail = _("There is no such task.")
    default_code = "not_found"


class NotAllowed(ApiError):
    status_code = HTTPStatus.FORBIDDEN
    default_detail = _("You do not have permission to do this. Ask an administrator.")
    default_code = "permission_denied"


class OwnTask(ApiError):
    status_code = HTTPStatus.FORBIDDEN
    default_detail = _("You created or edited this task: somebody else has to approve it.")
    default_code = "own_task"


class AgentNotFound(ApiError):
    status_code = HTTPStatus.NOT_FOUND
    default_detail = _("There is no such agent.")
    default_code = "not_found"


class MovedOn(Conflict):
    default_detail = _("The task has moved on since.")
    default_code = "moved_on"


class ViewNotFound(ApiError):
    status_code = HTTPStatus.NOT_FOUND
    default_detail = _("There is no such view among yours.")
    default_code = "not_found"
