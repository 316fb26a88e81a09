"""The roles people speak of; each but the plain user is a Django group."""

from django.db import models
from django.utils.translation import pgettext_lazy


class Role(models.TextChoices):
    ADMIN = "admin", pgettext_lazy("role", "Administrator")
    HEAD = "head", pgettext_lazy("role", "Head")
    QA = "qa", pgettext_lazy("role", "Quality")
    USER = "user", pgettext_lazy("role", "User")


GROUP_ROLES = (Role.ADMIN, Role.HEAD, Role.QA)
