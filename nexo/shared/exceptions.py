"""Errors that the API may answer, each with a stable code; raising one is all that code does."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions


class ApiError(exceptions.APIException):
    """An error with a stable code and, where it helps, details."""

    def __init__(self, detail: Any = None, *, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.details = details


class PayloadTooLarge(ApiError):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The body is too large.")
    default_code = "payload_too_large"


class CsrfFailed(exceptions.PermissionDenied):
    """Also where somebody has signed in anew since the page was drawn."""

    default_detail = _("The CSRF token is missing or wrong, or another site sent this.")
    default_code = "csrf_failed"


class Conflict(ApiError):
    status_code = HTTPStatus.CONFLICT
    default_detail = _("The change conflicts with the present state.")
    default_code = "conflict"


class Unprocessable(ApiError):
    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_detail = _("The request cannot be carried out.")
    default_code = "unprocessable"


class Unavailable(ApiError):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = _("The service is busy or away. Nothing was changed; try again shortly.")
    default_code = "unavailable"


class NeedsRole(PermissionDenied):
    """What somebody may not see or do, with the roles of those who may."""

    def __init__(self, roles: Sequence[str]) -> None:
        super().__init__()
        self.roles = roles


def validation_error(field: str, message: Any) -> exceptions.ValidationError:
    return exceptions.ValidationError({field: [message]})
