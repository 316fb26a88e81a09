"""Django's own admin with the product's name; who may enter is a permission, not a flag alone."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class NexoAdminSite(AdminSite):
    site_header = "NEXO"
    site_title = "NEXO"
    index_title = _("Administration")
    site_url = "/marketplace/tasks/execution"
