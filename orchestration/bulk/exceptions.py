"""What a call about a bulk job may be refused for."""

from http import HTTPStatus

from django.utils.translation import gettext_lazy as _

from nexo.shared.exceptions import ApiError, Conflict


class JobNotFound(ApiError):
    status_code = HTTPStatus.NOT_FOUND
    default_detail = _("There is no such bulk job.")
    default_code = "not_found"


class UndoUnavailable(Conflict):
    """Its detail says which of the reasons it was."""

    default_detail = _("This cannot be undone.")
    default_code = "undo_unavailable"


class NothingToSync(Conflict):
    """Every target that is required is synced, or on its way."""

    default_detail = _("There is nothing left to send.")
    default_code = "nothing_to_sync"
