"""The vocabulary of bulk jobs."""

from django.db import models
from django.utils.translation import pgettext_lazy


class BulkAction(models.TextChoices):
    """What is done to each task. `undo` takes back a job that cancelled or rejected."""

    APPROVE = "approve", pgettext_lazy("bulk action", "Approve")
    REJECT = "reject", pgettext_lazy("bulk action", "Reject")
    RETRY = "retry", pgettext_lazy("bulk action", "Try again")
    CANCEL = "cancel", pgettext_lazy("bulk action", "Cancel")
    ASSIGN = "assign", pgettext_lazy("bulk action", "Assign")
    SYNC = "sync", pgettext_lazy("bulk action", "Sync again")
    UNDO = "undo", pgettext_lazy("bulk action", "Undo")


# What can be asked for; undoing has a call of its own.
ORDERED = tuple(action for action in BulkAction if action != BulkAction.UNDO)
UNDOABLE = (BulkAction.CANCEL, BulkAction.REJECT)


class JobState(models.TextChoices):
    QUEUED = "queued", pgettext_lazy("state of a bulk job", "Waiting for its turn")
    RUNNING = "running", pgettext_lazy("state of a bulk job", "Running")
    DONE = "done", pgettext_lazy("state of a bulk job", "Finished")


class Outcome(models.TextChoices):
    PENDING = "pending", pgettext_lazy("outcome of a task", "Waiting")
    DONE = "done", pgettext_lazy("outcome of a task", "Done")
    REFUSED = "refused", pgettext_lazy("outcome of a task", "Refused")
