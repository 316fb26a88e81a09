"""The admin site under the product's own name."""

from django.contrib.admin.apps import AdminConfig


class NexoAdminConfig(AdminConfig):
    default_site = "nexo.admin_site.NexoAdminSite"
