"""What a call about optimization may be refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from nexo.shared.exceptions import ApiError


class AgentNotFound(ApiError):
    status_code = HTTPStatus.NOT_FOUND
    default_detail = _("There is no such agent.")
    default_code = "not_found"
