"""The vocabulary of activation and of the overview."""

from django.db import models
from django.utils.translation import pgettext_lazy


class PlanCause(models.TextChoices):
    MANUAL = "manual", pgettext_lazy("cause of a plan", "by hand")
    SCHEDULE = "schedule", pgettext_lazy("cause of a plan", "on schedule")


class PlanStatus(models.TextChoices):
    EXECUTING = "executing", pgettext_lazy("plan status", "Executing")
    COMPLETED = "completed", pgettext_lazy("plan status", "Completed")


class SkipReason(models.TextChoices):
    """Why an activation made no task of a template."""

    OPEN_TASK = "open_task", pgettext_lazy("reason to skip", "Its last task is still open")


class UnassignedReason(models.TextChoices):
    """Why a task of an activation has no agent."""

    NO_CANDIDATE = "no_candidate", pgettext_lazy("reason without agent", "No agent has room for it")


class Health(models.TextChoices):
    EXCELLENT = "excellent", pgettext_lazy("system health", "Excellent")
    GOOD = "good", pgettext_lazy("system health", "Good")
    FAIR = "fair", pgettext_lazy("system health", "Fair")
    POOR = "poor", pgettext_lazy("system health", "Poor")
    UNKNOWN = "unknown", pgettext_lazy("system health", "Not enough data")
