"""API tokens, sign-ins, recovery codes, the audit, and the permissions that roles are made of."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.permissions import LABELS

BROWSER_LENGTH = 300


class Capability(models.Model):
    """Holds the program's permissions, which belong to no table of their own."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions: ClassVar = [(name, str(label)) for name, label in LABELS]

    def __str__(self) -> str:
        return "capability"


class Scope(models.TextChoices):
    READ = "read", _("Read")
    WRITE = "write", _("Read and write")


class ApiToken(models.Model):
    """A program's key: kept as a digest, so that nobody who reads the table can use it."""

    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("begins with"), max_length=12, editable=False)
    key_hash = models.CharField(max_length=64, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="api_tokens",
        null=True,
        blank=True,
        verbose_name=_("person"),
    )
    agent_id = models.CharField(_("agent"), max_length=64, null=True, blank=True, db_index=True)
    scope = models.CharField(_("scope"), max_length=10, choices=Scope, default=Scope.WRITE)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    created_by = models.CharField(_("created by"), max_length=200, editable=False)
    expires_at = models.DateTimeField(_("expires at"))
    last_used_at = models.DateTimeField(_("last used at"), null=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, editable=False)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, agent_id__isnull=True)
                | Q(user__isnull=True, agent_id__isnull=False),
                name="token_has_one_owner",
            ),
            models.CheckConstraint(condition=Q(scope__in=Scope.values), name="token_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignIn(models.Model):
    """Where, when and with what browser a session began; it ends with the session's own row."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="sign_ins", verbose_name=_("person")
    )
    session = models.OneToOneField("sessions.Session", models.CASCADE, related_name="sign_in")
    at = models.DateTimeField(_("at"))
    origin = models.CharField(_("from where"), max_length=64, null=True)
    browser = models.CharField(_("browser"), max_length=BROWSER_LENGTH, blank=True)
    with_second_factor = models.BooleanField(_("with a second factor"), default=False)

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        verbose_name = _("sign-in")
        verbose_name_plural = _("sign-ins")
        indexes: ClassVar = [models.Index(fields=["user", "-at"], name="sign_ins_of_a_person")]

    def __str__(self) -> str:
        return f"{self.user} {self.at}"


class RecoveryCode(models.Model):
    """Opens the second step once, without the device; kept as a digest."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="recovery_codes"
    )
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "code_hash"], name="recovery_code_is_one"),
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class AuditEntry(models.Model):
    """Who did what to an agent, a weight, a role, a token and whatever else is no task.

    Append-only. What happens to tasks is in the event log, which the audit reads beside this.
    """

    at = models.DateTimeField(_("at"))
    actor = models.CharField(_("who"), max_length=200)
    origin = models.CharField(_("from where"), max_length=64, null=True)
    action = models.CharField(_("what"), max_length=40)
    object_kind = models.CharField(_("kind"), max_length=40)
    object_id = models.CharField(_("id"), max_length=200)
    reason = models.TextField(_("reason"), blank=True)
    details = models.JSONField(_("details"), null=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        indexes: ClassVar = [
            models.Index(fields=["object_kind", "object_id", "-id"], name="audit_by_object"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["-at", "-id"], name="audit_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_kind} {self.object_id}"
