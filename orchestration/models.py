"""The playbook, and the plans that activations made of it; bulk jobs have tables of their own."""

from decimal import Decimal
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from execution.enums import Priority
from execution.models import Marketplace, Task, valid_slug
from nexo.shared import clock
from orchestration.bulk.models import BulkItem as BulkItem
from orchestration.bulk.models import BulkJob as BulkJob
from orchestration.enums import PlanCause
from orchestration.schedule import LONGEST, BadRecurrence, check_recurrence


def valid_recurrence(expression: str) -> None:
    try:
        check_recurrence(expression)
    except BadRecurrence as error:
        raise ValidationError(
            _("Five fields of cron that come to pass: minute, hour, day, month, day of the week."),
            code="invalid_recurrence",
        ) from error


class TaskTemplate(models.Model):
    """A piece of work that a marketplace needs again and again."""

    marketplace = models.ForeignKey(
        Marketplace,
        models.PROTECT,
        related_name="templates",
        db_index=False,
        verbose_name=_("marketplace"),
    )
    key = models.CharField(
        _("key"),
        max_length=64,
        validators=[valid_slug],
        help_text=_("Names the template within its marketplace, such as price-review."),
    )
    task_type = models.CharField(_("task type"), max_length=64, validators=[valid_slug])
    title_pt = models.CharField(_("title in Portuguese"), max_length=200)
    title_en = models.CharField(_("title in English"), max_length=200)
    estimated_hours = models.DecimalField(
        _("estimated hours"),
        max_digits=6,
        decimal_places=2,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(1000)],
    )
    priority = models.CharField(
        _("priority"), max_length=10, choices=Priority, default=Priority.NORMAL
    )
    targets = models.ManyToManyField(
        Marketplace,
        related_name="+",
        blank=True,
        verbose_name=_("targets"),
        help_text=_("Where the result is published; none chosen: its own marketplace."),
    )
    needs_approval = models.BooleanField(
        _("needs approval"),
        default=True,
        help_text=_("If not, the playbook approves the task as it is made."),
    )
    recurrence = models.CharField(
        _("recurrence"),
        max_length=LONGEST,
        blank=True,
        validators=[valid_recurrence],
        help_text=_(
            "When it is activated by itself, in cron's five fields and São Paulo time: "
            "“0 6 * * *” is every day at 6:00, “0 8 * * mon-fri” on weekdays at 8:00, "
            "“30 7 1 * *” on the first of each month. Empty: only when somebody activates."
        ),
    )
    recurs_since = models.DateTimeField(default=clock.now, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    history = HistoricalRecords(m2m_fields=[targets])

    class Meta:
        ordering: ClassVar = ["marketplace__position", "position", "key"]
        verbose_name = _("task template")
        verbose_name_plural = _("task templates")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["marketplace", "key"],
                name="template_key_once",
                violation_error_message=_("This marketplace has a template with this key already."),
            ),
            models.CheckConstraint(
                condition=Q(estimated_hours__gt=0, estimated_hours__lte=1000),
                name="template_estimated_hours",
            ),
            models.CheckConstraint(
                condition=Q(priority__in=Priority.values), name="template_priority"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """How programs and reports name it."""
        return f"{self.marketplace_id}/{self.key}"

    @property
    def title(self) -> str:
        """In the reader's language, where the template is shown itself; tasks have one title."""
        return self.title_en if (get_language() or "").startswith("en") else self.title_pt


class Plan(models.Model):
    """One activation and what came of it; rows are added and never changed."""

    plan_id = models.CharField(_("plan id"), max_length=64, unique=True)
    created_at = models.DateTimeField(_("created at"))
    actor = models.CharField(_("activated by"), max_length=200)
    cause = models.CharField(_("cause"), max_length=10, choices=PlanCause)
    channels = models.JSONField(_("marketplaces"))
    skipped = models.JSONField(_("skipped"), help_text="[{template, reason}]")
    due_at = models.DateTimeField(_("due at"), null=True)
    missed = models.PositiveIntegerField(
        _("missed"), default=0, help_text=_("Due times that had passed without an activation.")
    )

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(cause__in=PlanCause.values), name="plan_cause"),
            models.CheckConstraint(
                condition=Q(cause=PlanCause.SCHEDULE, due_at__isnull=False)
                | Q(cause=PlanCause.MANUAL, due_at__isnull=True),
                name="plan_due_at",
            ),
        ]

    def __str__(self) -> str:
        return self.plan_id


class PlanTask(models.Model):
    """Which task was made of which template."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="plan_tasks")
    template = models.ForeignKey(
        TaskTemplate, models.SET_NULL, related_name="plan_tasks", null=True
    )
    task = models.OneToOneField(Task, models.CASCADE, related_name="plan_task")

    def __str__(self) -> str:
        return f"{self.plan_id}: {self.task_id}"


class DueRun(models.Model):
    """A due time that was served: once, whoever runs the scheduler."""

    template = models.ForeignKey(
        TaskTemplate, models.CASCADE, related_name="due_runs", db_index=False
    )
    due_at = models.DateTimeField()
    plan = models.ForeignKey(Plan, models.CASCADE, related_name="due_runs")
    missed = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["template", "due_at"], name="due_time_once")
        ]

    def __str__(self) -> str:
        return f"{self.template_id} {self.due_at:%Y-%m-%d %H:%M}"
