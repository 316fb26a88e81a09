"""The vocabulary of tasks: docs/reference/lifecycle.md explains each word."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class MarketplaceSlug(models.TextChoices):
    AMAZON = "amazon", "Amazon"
    MERCADOLIVRE = "mercadolivre", "MercadoLivre"
    SHOPEE = "shopee", "Shopee"
    SHEIN = "shein", "Shein"
    TIKTOKSHOP = "tiktokshop", "TikTok Shop"
    KAWAY = "kaway", "Kaway"


# `MarketplaceSlug.values` makes its list, labels and all, each time.
MARKETPLACES = tuple(MarketplaceSlug.values)
_NAMES = dict(MarketplaceSlug.choices)
_PLACES = {slug: place for place, slug in enumerate(MARKETPLACES)}


def marketplace_name(slug: str) -> str:
    """Its id where it has no name here: a newer version may work on the same database already."""
    return _NAMES.get(slug, slug)


def marketplace_names(slugs: Iterable[str]) -> str:
    return ", ".join(map(marketplace_name, slugs))


def marketplace_place(slug: str) -> int:
    """Where it stands among the marketplaces; one that only a newer version knows comes last."""
    return _PLACES.get(slug, len(_PLACES))


class TaskStatus(models.TextChoices):
    PENDING = "pending", pgettext_lazy("task status", "Pending")
    APPROVED = "approved", pgettext_lazy("task status", "Approved")
    IN_PROGRESS = "in_progress", pgettext_lazy("task status", "In progress")
    MARKETPLACE_SYNC = "marketplace_sync", pgettext_lazy("task status", "Syncing")
    COMPLETED = "completed", pgettext_lazy("task status", "Completed")
    FAILED = "failed", pgettext_lazy("task status", "Failed")


class FailureReason(models.TextChoices):
    ERROR = "error", pgettext_lazy("failure reason", "Error")
    CANCELLED = "cancelled", pgettext_lazy("failure reason", "Cancelled")
    REJECTED = "rejected", pgettext_lazy("failure reason", "Rejected")
    TIMEOUT = "timeout", pgettext_lazy("failure reason", "Timed out")


class Priority(models.TextChoices):
    LOW = "low", pgettext_lazy("priority", "Low")
    NORMAL = "normal", pgettext_lazy("priority", "Normal")
    HIGH = "high", pgettext_lazy("priority", "High")
    URGENT = "urgent", pgettext_lazy("priority", "Urgent")


class SyncState(models.TextChoices):
    NOT_REQUIRED = "not_required", pgettext_lazy("sync state", "Not required")
    PLANNED = "planned", pgettext_lazy("sync state", "Planned")
    QUEUED = "queued", pgettext_lazy("sync state", "Queued")
    SENDING = "sending", pgettext_lazy("sync state", "Sending")
    AWAITING_CONFIRMATION = (
        "awaiting_confirmation",
        pgettext_lazy("sync state", "Awaiting confirmation"),
    )
    SYNCED = "synced", pgettext_lazy("sync state", "Synced")
    PARTIAL = "partial", pgettext_lazy("sync state", "Partly synced")
    FAILED = "failed", pgettext_lazy("sync state", "Failed")
    DRIFTED = "drifted", pgettext_lazy("sync state", "Drifted")


class EventKind(models.TextChoices):
    CREATED = "created", _("created")
    APPROVED = "approved", _("approved")
    STARTED = "started", _("started")
    SYNCING = "syncing", _("sent to the marketplaces")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    RETURNED = "returned", _("returned to execution")
    RETRIED = "retried", _("retried")
    LEASE_EXPIRED = "lease_expired", _("lease expired")
    UNDONE = "undone", _("failure undone")
    PROGRESS = "progress", _("progress")
    SYNC = "sync", _("sync")
    ERROR = "error", _("error note")
    RESULT = "result", _("result")
    EDITED = "edited", _("edited")


# What is said of work under way, many times an hour: it changes neither a status nor an agent.
REPORT_KINDS = (EventKind.PROGRESS, EventKind.SYNC, EventKind.RESULT, EventKind.ERROR)


class LogLevel(models.TextChoices):
    DEBUG = "debug", _("Debug")
    INFO = "info", _("Info")
    WARNING = "warning", _("Warning")
    ERROR = "error", _("Error")


class Card(models.TextChoices):
    """The four groups that the page counts; two of them hold two statuses each."""

    PENDING = "pending", pgettext_lazy("card", "Pending")
    IN_PROGRESS = "inProgress", pgettext_lazy("card", "In progress")
    COMPLETED = "completed", pgettext_lazy("card", "Completed")
    FAILED = "failed", pgettext_lazy("card", "Failed")


CARD_OF = {
    TaskStatus.PENDING: Card.PENDING,
    TaskStatus.APPROVED: Card.PENDING,
    TaskStatus.IN_PROGRESS: Card.IN_PROGRESS,
    TaskStatus.MARKETPLACE_SYNC: Card.IN_PROGRESS,
    TaskStatus.COMPLETED: Card.COMPLETED,
    TaskStatus.FAILED: Card.FAILED,
}
OPEN_STATUSES = (
    TaskStatus.PENDING,
    TaskStatus.APPROVED,
    TaskStatus.IN_PROGRESS,
    TaskStatus.MARKETPLACE_SYNC,
)
ENDED_STATUSES = (TaskStatus.COMPLETED, TaskStatus.FAILED)
