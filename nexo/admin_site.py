"""Django's own admin with the product's name; a permission decides who enters, not a flag."""

from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
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

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        answer = super().admin_view(view, cacheable)

        @wraps(answer)
        def answer_without_nul(
            request: HttpRequest, *arguments: Any, **values: Any
        ) -> HttpResponse:
            # Filters look for whatever is asked; PostgreSQL refuses to look for a NUL.
            if "%00" in request.META["QUERY_STRING"]:
                raise BadRequest
            return answer(request, *arguments, **values)

        return answer_without_nul

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One sign-in page, with its throttles, for everything."""
        if request.user.is_authenticated:
            raise refusal(ENTER_ADMIN)
        return redirect_to_login(request.GET.get("next", "/admin/"))

    def password_change(  # type: ignore[override]  # Django says more than it needs
        self, request: HttpRequest, extra_context: Any = None
    ) -> HttpResponse:
        """One page for it, with its limits; Django's own has none."""
        return redirect("password")
