"""Django's own admin with the product's name; a permission decides who enters, not a flag."""

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.gate import refusal
from accounts.permissions import ENTER_ADMIN


class NexoAdminSite(AdminSite):
    site_header = "NEXO"
    site_title = "NEXO"
    index_title = _("Administration")
    site_url = "/marketplace/tasks/execution"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.has_perm(ENTER_ADMIN)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One sign-in page, with its throttles, for everything."""
        if request.user.is_authenticated:
            raise refusal(ENTER_ADMIN)
        return redirect_to_login(request.GET.get("next", "/admin/"))
