"""Sign in, sign out, change the password, choose a theme."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME, views
from django.contrib.auth.forms import AuthenticationForm
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts import second_factor, steps
from accounts.admin_audit import password_was_set
from accounts.forms import OwnPasswordForm, SignInForm, ThemeForm
from nexo.shared.errors import too_many_requests
from nexo.shared.throttling import RateThrottle, place_of

TOO_MANY_CHANGES = _("Too many attempts. Wait a few minutes and try again.")
A_YEAR_SECONDS = 365 * 24 * 3600


class LoginRate(RateThrottle):
    """Sign-in attempts per address, whatever account they try."""

    scope = "login"

    def get_rate(self) -> str:
        return settings.LOGIN_RATE

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"login:{place_of(request)}"


class OwnPasswordRate(RateThrottle):
    """Changes of one's own password, right or wrong: who finds a session open must not guess it.

    A count of its own: failures at the sign-in, which anybody can make, keep nobody from it.
    """

    rate = "20/hour"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"password:{request.user.pk}"


class LoginView(views.LoginView):
    template_name = "accounts/login.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        rate = LoginRate()
        if not rate.allow_request(request, self):
            return throttled(request, wait=rate.wait())
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if second_factor.device_of(user) is None and not second_factor.is_required(user):
            return super().form_valid(form)
        steps.begin(self.request, user, self.get_success_url())
        return redirect("sign-in-code")


def throttled(
    request: HttpRequest, credentials: Any = None, wait: float | None = None
) -> HttpResponse:
    """Too many attempts, from an address (above) or at an account (django-axes calls this)."""
    form = SignInForm(request)
    next_page = request.POST.get(REDIRECT_FIELD_NAME, "")
    context = {"form": form, "throttled": True, REDIRECT_FIELD_NAME: next_page}
    status = HTTPStatus.TOO_MANY_REQUESTS
    response = render(request, "accounts/login.html", context, status=status)
    response["Retry-After"] = str(round(wait or settings.AXES_COOLOFF_TIME.total_seconds()))
    return response


class LogoutView(views.LogoutView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().post(request, *args, **kwargs)
        messages.success(request, _("You have signed out."))
        return response


class PasswordChangeView(views.PasswordChangeView):
    form_class = OwnPasswordForm
    template_name = "accounts/password.html"
    success_url = reverse_lazy("password")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        rate = OwnPasswordRate()
        if not rate.allow_request(request, self):
            seconds = max(1, round(rate.wait() or 0))
            return too_many_requests(request, TOO_MANY_CHANGES, retry_after=seconds)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            password_was_set(self.request, form.user)
            response = super().form_valid(form)
        text = _("Your password was changed. Your other sign-ins have ended.")
        messages.success(self.request, text)
        return response


@require_POST
def set_theme(request: HttpRequest) -> HttpResponseBase:
    """Keep the theme in a cookie, so that the server draws the page in it at once."""
    next_page = request.POST.get("next", "")
    hosts = {request.get_host()}
    if not url_has_allowed_host_and_scheme(next_page, hosts, require_https=request.is_secure()):
        next_page = settings.LOGIN_REDIRECT_URL
    response = HttpResponseRedirect(next_page)
    form = ThemeForm(request.POST)
    if form.is_valid():
        response.set_cookie(
            "nexo_theme",
            form.cleaned_data["theme"],
            max_age=A_YEAR_SECONDS,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response
