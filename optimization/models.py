"""Facts projected from the event log, and the weights that somebody has pinned.

Facts name agents, marketplaces and task types by their ids alone: they are derived, and can be
thrown away and built again whatever became of the rows they were counted from.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import GreaterThan, LessThan
from django.utils.translation import gettext_lazy as _

from execution.models import Agent


class Facts(models.Model):
    """What happened on one business day; sums of minutes are over tasks that had been started.

    Counts are plain integers: what takes an undone failure back is inserted as -1 and added.
    """

    day = models.DateField()
    created = models.IntegerField(default=0)
    approved = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    completed = models.IntegerField(default=0)
    failed_error = models.IntegerField(default=0)
    failed_timeout = models.IntegerField(default=0)
    cancelled = models.IntegerField(default=0)
    timed = models.IntegerField(default=0)
    estimated_minutes = models.FloatField(default=0)
    executed_minutes = models.FloatField(default=0)

    class Meta:
        abstract = True


COUNTED = (
    *("created", "approved", "rejected", "completed", "failed_error", "failed_timeout"),
    *("cancelled", "timed", "estimated_minutes", "executed_minutes"),
)


class DailyFact(Facts):
    """By agent, marketplace and task type. An empty agent stands for tasks that had none."""

    agent_id = models.CharField(max_length=64, blank=True)
    marketplace_id = models.CharField(max_length=32)
    task_type = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day", "agent_id", "marketplace_id", "task_type"], name="daily_fact_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_id} {self.marketplace_id} {self.task_type}"


class AgentDay(Facts):
    """The same by agent alone: what scores are read from, a tenth of the rows or fewer."""

    agent_id = models.CharField(max_length=64, blank=True)
    worked_at = models.DateTimeField(
        null=True, help_text="When the agent last started, completed or failed a task that day."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["day", "agent_id"], name="agent_day_once")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.agent_id}"


class FactCursor(models.Model):
    """How far the event log has been counted: one row, locked by whoever counts on."""

    epoch = models.CharField(max_length=36, blank=True)
    sequence = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="fact_cursor_is_one_row")
        ]

    def __str__(self) -> str:
        return f"{self.epoch}:{self.sequence}"


class Weights(models.Model):
    """Three weights as they were sent; they are used divided by their sum."""

    approval_rate = models.FloatField(_("approval rate"))
    completion_rate = models.FloatField(_("completion rate"))
    execution_time = models.FloatField(_("execution time"))

    class Meta:
        abstract = True


TERMS = ("approval_rate", "completion_rate", "execution_time")


def _are_shares() -> Q:
    each = {f"{name}__gte": 0 for name in TERMS} | {f"{name}__lte": 1 for name in TERMS}
    total = F("approval_rate") + F("completion_rate") + F("execution_time")
    # A little wider than the rule, which is stated in weights.py and applied in services.py.
    return Q(**each) & Q(GreaterThan(total, 0.9499)) & Q(LessThan(total, 1.0501))


class PinnedWeights(Weights):
    """An agent's manual weights; without a row they are adaptive."""

    agent = models.OneToOneField(
        Agent,
        models.CASCADE,
        primary_key=True,
        related_name="pinned_weights",
        verbose_name=_("agent"),
    )

    class Meta:
        verbose_name = _("manual weights")
        verbose_name_plural = _("manual weights")
        constraints: ClassVar = [
            models.CheckConstraint(condition=_are_shares(), name="pinned_weights_are_shares")
        ]

    def __str__(self) -> str:
        return str(self.agent)


class WeightChange(models.Model):
    """One change of an agent's weights; rows are added and never changed. Null is adaptive."""

    agent = models.ForeignKey(
        Agent, models.CASCADE, related_name="weight_changes", verbose_name=_("agent")
    )
    at = models.DateTimeField(_("at"))
    actor = models.CharField(_("changed by"), max_length=200)
    old = models.JSONField(_("before"), null=True)
    new = models.JSONField(_("after"), null=True)
    adaptive = models.JSONField(_("adaptive then"))
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("change of weights")
        verbose_name_plural = _("changes of weights")
        indexes: ClassVar = [models.Index(fields=["agent", "-id"], name="weight_change_by_agent")]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.at:%Y-%m-%d %H:%M}"
