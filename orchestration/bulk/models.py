"""A bulk job and the tasks it was frozen with; rows alone say what is left to do."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orchestration.bulk.enums import UNDOABLE, BulkAction, JobState, Outcome


class BulkJob(models.Model):
    """One order over many tasks.

    `worker` and `lease_until` are who carries it out, and until when nobody else may; `wake_at` is
    when somebody should look whether it is still being carried out.
    """

    job_id = models.CharField(_("job id"), max_length=64, unique=True)
    action = models.CharField(_("action"), max_length=10, choices=BulkAction)
    reason = models.TextField(_("reason"), blank=True)
    agent_id = models.CharField(_("agent"), max_length=64, blank=True)
    selection = models.JSONField(
        _("selection"), help_text="{filter: {…}}, or {taskIds: how many were named}"
    )
    actor = models.CharField(_("ordered by"), max_length=200)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        help_text="Whose permissions are asked again whenever it goes on.",
    )
    origin = models.CharField(max_length=64, null=True)
    created_at = models.DateTimeField(_("created at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)
    state = models.CharField(_("state"), max_length=10, choices=JobState)
    total = models.PositiveIntegerField(_("tasks"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)
    refusals = models.JSONField(_("refused"), default=dict, help_text="{code: how many}")
    undo_of = models.OneToOneField(
        "self", models.PROTECT, related_name="undone_by", null=True, verbose_name=_("undo of")
    )
    worker = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("bulk job")
        verbose_name_plural = _("bulk jobs")
        indexes: ClassVar = [
            models.Index(
                fields=["wake_at"], condition=~Q(state=JobState.DONE), name="bulk_to_wake"
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(action__in=BulkAction.values), name="bulk_action"),
            models.CheckConstraint(condition=Q(state__in=JobState.values), name="bulk_state"),
            models.CheckConstraint(
                condition=Q(state=JobState.DONE, finished_at__isnull=False)
                | (~Q(state=JobState.DONE) & Q(finished_at__isnull=True)),
                name="bulk_finished_at",
            ),
            models.CheckConstraint(
                condition=Q(action=BulkAction.UNDO, undo_of__isnull=False)
                | (~Q(action=BulkAction.UNDO) & Q(undo_of__isnull=True)),
                name="bulk_undo_of",
            ),
        ]

    def __str__(self) -> str:
        return self.job_id

    @property
    def refused(self) -> int:
        return sum(self.refusals.values())

    @property
    def is_done(self) -> bool:
        return self.state == JobState.DONE

    @property
    def can_be_undone(self) -> bool:
        """Unless that has happened already, or too much time has passed."""
        return self.is_done and self.action in UNDOABLE and self.done > 0


class BulkItem(models.Model):
    """One task of a job. Its id is kept, not its row: a job may name tasks that do not exist."""

    job = models.ForeignKey(BulkJob, models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    task_id = models.CharField(max_length=64)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.PENDING)
    code = models.CharField(max_length=40, blank=True)
    sequence = models.BigIntegerField(null=True, help_text="The event that it made.")
    undoes = models.BigIntegerField(null=True, help_text="The event that it is to take back.")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["job", "position"],
                condition=Q(outcome=Outcome.PENDING),
                name="bulk_item_pending",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "position"], name="bulk_item_position"),
            models.UniqueConstraint(fields=["job", "task_id"], name="bulk_item_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="bulk_item_outcome"
            ),
            models.CheckConstraint(
                condition=(Q(outcome=Outcome.REFUSED) & ~Q(code=""))
                | (~Q(outcome=Outcome.REFUSED) & Q(code="")),
                name="bulk_item_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id}: {self.outcome}"


class BulkSelection(models.Model):
    """What matched a filter when somebody looked, kept for a while so that the order that follows
    is about exactly these tasks."""

    selection_id = models.CharField(max_length=64, unique=True)
    actor = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    filters = models.JSONField(help_text="As they were given.")
    task_ids = models.JSONField(help_text="In the list's order.")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["created_at"], name="bulk_selection_by_age"),
            models.Index(fields=["actor", "id"], name="bulk_selection_by_actor"),
        ]

    def __str__(self) -> str:
        return self.selection_id
