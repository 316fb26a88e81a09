"""Tables of the execution core. Only execution/services.py writes tasks, targets and events."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from execution.enums import (
    ENDED_STATUSES,
    EventKind,
    FailureReason,
    LogLevel,
    Priority,
    SyncState,
    TaskStatus,
)
from execution.lifecycle import PROGRESS_RANGE

SLUG_PATTERN = r"[A-Za-z0-9._-]{1,64}"
valid_slug = RegexValidator(
    rf"\A{SLUG_PATTERN}\Z",
    _("Use 1 to 64 letters, digits, dots, hyphens or underscores."),
    code="invalid_slug",
)


class Marketplace(models.Model):
    slug = models.CharField(_("id"), primary_key=True, max_length=32)
    name = models.CharField(_("name"), max_length=64)
    short_name = models.CharField(
        _("short name"), max_length=4, unique=True, help_text=_("Beside the sync marks of a task.")
    )
    position = models.PositiveSmallIntegerField(_("position"), unique=True)

    history = HistoricalRecords()

    class Meta:
        ordering: ClassVar = ["position"]
        verbose_name = _("marketplace")
        verbose_name_plural = _("marketplaces")

    def __str__(self) -> str:
        return self.name


class Specialty(models.Model):
    """A task type that some agents are especially good at."""

    task_type = models.CharField(
        _("task type"), primary_key=True, max_length=64, validators=[valid_slug]
    )

    history = HistoricalRecords()

    class Meta:
        ordering: ClassVar = ["task_type"]
        verbose_name = _("specialty")
        verbose_name_plural = _("specialties")

    def __str__(self) -> str:
        return self.task_type


class Agent(models.Model):
    slug = models.CharField(_("id"), primary_key=True, max_length=64, validators=[valid_slug])
    name = models.CharField(_("name"), max_length=100)
    home = models.ForeignKey(
        Marketplace,
        models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        verbose_name=_("home marketplace"),
    )
    marketplaces = models.ManyToManyField(
        Marketplace, related_name="agents", verbose_name=_("marketplaces")
    )
    specialties = models.ManyToManyField(
        Specialty, related_name="agents", blank=True, verbose_name=_("specialties")
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_paused = models.BooleanField(
        _("paused"), default=False, help_text=_("A paused agent is given no new task.")
    )
    capacity = models.PositiveIntegerField(
        _("capacity"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Open tasks at most; empty means no limit."),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    history = HistoricalRecords(m2m_fields=[marketplaces, specialties])

    class Meta:
        ordering: ClassVar = ["slug"]
        verbose_name = _("agent")
        verbose_name_plural = _("agents")

    def __str__(self) -> str:
        return self.name


def _progress_fits_status() -> Q:
    fits = Q()
    for status, (low, high) in PROGRESS_RANGE.items():
        fits |= Q(status=status.value, progress__gte=low, progress__lte=high)
    return fits


def _exactly_when(condition: Q, other: Q) -> Q:
    return (condition & other) | (~condition & ~other)


STARTED_STATUSES = (TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC, TaskStatus.COMPLETED)
APPROVED_STATUSES = (TaskStatus.APPROVED, *STARTED_STATUSES)


# The most urgent first; the same expression stands in the statement that claims.
CLAIM_RANK = Case(
    When(priority=Priority.URGENT.value, then=0),
    When(priority=Priority.HIGH.value, then=1),
    When(priority=Priority.NORMAL.value, then=2),
    default=3,
    output_field=models.SmallIntegerField(),
)


class Task(models.Model):
    task_id = models.CharField(_("task id"), max_length=64, unique=True)
    external_id = models.CharField(
        _("external id"), max_length=200, unique=True, null=True, blank=True
    )
    title = models.CharField(_("title"), max_length=200)
    task_type = models.CharField(_("task type"), max_length=64, validators=[valid_slug])
    marketplace = models.ForeignKey(
        Marketplace, models.PROTECT, related_name="tasks", db_index=False
    )
    agent = models.ForeignKey(
        Agent, models.PROTECT, related_name="tasks", null=True, blank=True, db_index=False
    )
    status = models.CharField(
        _("status"), max_length=20, choices=TaskStatus, default=TaskStatus.PENDING
    )
    progress = models.PositiveSmallIntegerField(_("progress"), default=0)
    priority = models.CharField(
        _("priority"), max_length=10, choices=Priority, default=Priority.NORMAL
    )
    estimated_minutes = models.FloatField(_("estimated minutes"))
    created_at = models.DateTimeField(_("created at"))
    approved_at = models.DateTimeField(_("approved at"), null=True, blank=True)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated at"))
    due_at = models.DateTimeField(_("due at"), help_text=_("Creation plus the estimate."))
    error = models.TextField(_("error"), null=True, blank=True)
    failure_reason = models.CharField(
        _("failure reason"), max_length=10, choices=FailureReason, null=True, blank=True
    )
    progress_at_failure = models.PositiveSmallIntegerField(null=True, blank=True)
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    version = models.PositiveIntegerField(_("version"), default=1)
    sequence = models.BigIntegerField(help_text="The event that changed the task last.")
    assignment = models.JSONField(
        null=True, blank=True, help_text="Which rule chose the agent, and what it saw."
    )
    result = models.JSONField(null=True, blank=True)
    # Title and ids without case and accents: LIKE ignores the case of ASCII only on SQLite.
    search_text = models.TextField()

    class Meta:
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        # Keyset order of every list: newest first. Each index serves one filter beside it.
        # PostgreSQL has more of them, for counts and search: migration 0010.
        indexes: ClassVar = [
            models.Index(F("created_at").desc(), F("id").desc(), name="task_newest"),
            models.Index(
                F("marketplace"), F("created_at").desc(), F("id").desc(), name="task_by_marketplace"
            ),
            models.Index(
                F("status"), F("created_at").desc(), F("id").desc(), name="task_by_status"
            ),
            models.Index(F("agent"), F("created_at").desc(), F("id").desc(), name="task_by_agent"),
            models.Index(
                F("task_type"), F("created_at").desc(), F("id").desc(), name="task_by_type"
            ),
            # The load of each agent, and the open tasks past their estimate.
            models.Index(
                fields=["agent", "status"],
                condition=Q(ended_at__isnull=True),
                name="task_open_by_agent",
            ),
            models.Index(
                fields=["due_at"], condition=Q(ended_at__isnull=True), name="task_open_by_due"
            ),
            # What an agent may claim, in the order in which it is given out.
            models.Index(
                F("agent"),
                CLAIM_RANK,
                F("id"),
                condition=Q(status="approved"),
                name="task_to_claim",
            ),
            # Imported ones, and few: for late tasks, which count from their approval.
            models.Index(
                fields=["approved_at"],
                condition=Q(ended_at__isnull=True, approved_at__lt=F("created_at")),
                name="task_open_approved_first",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=TaskStatus.values), name="task_status"),
            models.CheckConstraint(condition=_progress_fits_status(), name="task_progress"),
            models.CheckConstraint(
                condition=_exactly_when(
                    Q(status=TaskStatus.FAILED), Q(failure_reason__isnull=False)
                ),
                name="task_failure_reason",
            ),
            models.CheckConstraint(
                condition=_exactly_when(Q(status__in=ENDED_STATUSES), Q(ended_at__isnull=False)),
                name="task_ended_at",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=APPROVED_STATUSES) | Q(approved_at__isnull=False),
                name="task_approved_at",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=STARTED_STATUSES) | Q(started_at__isnull=False),
                name="task_started_at",
            ),
            models.CheckConstraint(
                condition=Q(estimated_minutes__gte=0), name="task_estimated_minutes"
            ),
            models.CheckConstraint(condition=Q(attempt__gte=1), name="task_attempt"),
        ]

    def __str__(self) -> str:
        return self.task_id


class TaskTarget(models.Model):
    """One marketplace that a task's result is to be published to, and how far that is."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="targets", db_index=False)
    marketplace = models.ForeignKey(Marketplace, models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=24, choices=SyncState, default=SyncState.PLANNED)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(null=True, blank=True)
    retryable = models.BooleanField(null=True, blank=True)
    synced_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["task", "marketplace"], name="target_once_per_task"),
            models.CheckConstraint(condition=Q(state__in=SyncState.values), name="target_state"),
            models.CheckConstraint(
                condition=_exactly_when(Q(state=SyncState.SYNCED), Q(synced_at__isnull=False)),
                name="target_synced_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.task_id}:{self.marketplace_id}"


class Lease(models.Model):
    """An agent's hold on a task while it works: one per task, gone when the work ends."""

    task = models.OneToOneField(Task, models.CASCADE, primary_key=True, related_name="lease")
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="leases", db_index=False)
    lease_id = models.CharField(max_length=64, unique=True)
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["agent", "expires_at"], name="lease_by_agent"),
            models.Index(fields=["expires_at"], name="lease_by_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id}: {self.lease_id}"


class Stream(models.Model):
    """The event counter: one row, locked by every write, so that numbers have no gap
    and are given in commit order; and the random id of this database."""

    epoch = models.CharField(max_length=36)
    sequence = models.BigIntegerField(default=0)
    pruned_through = models.BigIntegerField(
        default=0, db_default=0, help_text="Up to this event some are no longer kept."
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="stream_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.epoch}:{self.sequence}"


class TaskEvent(models.Model):
    """One change of one task. Append-only: timeline, audit trail and source of the live feed.

    Agent, estimate and execution time are those of the event's instant, so that facts can be
    counted from the log alone.
    """

    sequence = models.BigIntegerField(primary_key=True)
    task = models.ForeignKey(Task, models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(max_length=20, choices=EventKind)
    from_status = models.CharField(max_length=20, null=True)
    to_status = models.CharField(max_length=20)
    progress = models.PositiveSmallIntegerField()
    actor = models.CharField(max_length=200)
    reason = models.TextField(null=True)
    at = models.DateTimeField()
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+", null=True, db_index=False)
    attempt = models.PositiveIntegerField(default=1)
    failure_reason = models.CharField(max_length=10, null=True)
    estimated_minutes = models.FloatField()
    execution_minutes = models.FloatField(null=True)
    details = models.JSONField(null=True)
    origin = models.CharField(
        max_length=64, null=True, help_text="The address that asked for it, or what ran by itself."
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["task", "sequence"], name="event_by_task"),
            # Keyset orders of the audit: what was imported is older than its number.
            models.Index(fields=["at", "sequence"], name="event_by_time"),
            models.Index(fields=["actor", "at", "sequence"], name="event_by_actor"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(sequence__gte=1), name="event_sequence"),
            models.CheckConstraint(condition=Q(kind__in=EventKind.values), name="event_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"


class TaskCount(models.Model):
    """Roll-up of tasks per status and marketplace, kept in the transaction of each change."""

    status = models.CharField(max_length=20)
    marketplace = models.ForeignKey(Marketplace, models.PROTECT, related_name="+", db_index=False)
    count = models.BigIntegerField(default=0)
    progress_sum = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["status", "marketplace"], name="one_count_per_pair"),
            models.CheckConstraint(condition=Q(count__gte=0), name="count_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.status}/{self.marketplace_id}: {self.count}"


class TaskLog(models.Model):
    """A line that an agent wrote while working."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="logs", db_index=False)
    level = models.CharField(max_length=10, choices=LogLevel, default=LogLevel.INFO)
    message = models.TextField()
    at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["task", "id"], name="log_by_task")]

    def __str__(self) -> str:
        return self.message[:60]


class IdempotencyKey(models.Model):
    """The first answer to a keyed write, kept 24 h in the transaction of what it did."""

    caller = models.CharField(max_length=200)
    path = models.CharField(max_length=300)
    key = models.CharField(max_length=200)
    body_hash = models.CharField(max_length=64)
    claim = models.CharField(max_length=32, help_text="The request that may store the answer.")
    claimed_at = models.DateTimeField()
    answer_status = models.PositiveSmallIntegerField(null=True)
    answer_body = models.BinaryField(null=True)
    answer_language = models.CharField(max_length=10, null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["claimed_at"], name="idempotency_by_age")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["caller", "path", "key"], name="idempotency_once")
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"


class SavedView(models.Model):
    """Filters of the execution page under a name, kept for one person or shared with everyone."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="saved_views",
        db_index=False,
        verbose_name=_("owner"),
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(_("filters"), help_text=_("As the page's address has them."))
    is_shared = models.BooleanField(_("shared"), default=False)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        ordering: ClassVar = ["name", "id"]
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        indexes: ClassVar = [
            models.Index(fields=["name"], condition=Q(is_shared=True), name="view_shared_by_name")
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "name"], name="view_once_per_name")
        ]

    def __str__(self) -> str:
        return self.name
