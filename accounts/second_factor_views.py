"""The second step of signing in, enrolling for it, and the page that manages one's own."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import second_factor, sign_ins, steps
from accounts.forms import CodeForm, EnrolForm, EnrolOwnForm, SignInCodeForm
from accounts.guarded import SECOND_FACTOR_MARK
from accounts.steps import ENROLLING
from accounts.views import LoginRate, throttled

form_page = require_http_methods(["GET", "HEAD", "POST"])


# -- Signing in ----------------------------------------------------------------------------------


@form_page
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Ask somebody whose password was right for the code."""
    who = steps.pending(request)
    if who is None:
        return redirect("login")
    if second_factor.device_of(who.user) is None:
        # Reset in between, or never had one.
        return redirect("sign-in-enrol")
    if request.method != "POST":
        return render(request, "accounts/code.html", {"form": SignInCodeForm()})
    if refused := _too_many(request, who.user):
        return refused
    form = SignInCodeForm(request.POST)
    if form.is_valid() and second_factor.verify(who.user, form.cleaned_data["code"]):
        steps.complete(request, who)
        return redirect(who.next_page)
    return _again(request, "accounts/code.html", form, who.user)


@form_page
def sign_in_enrol(request: HttpRequest) -> HttpResponse:
    """Somebody who needs a second factor and has none gets one before they are signed in."""
    who = steps.pending(request)
    if who is None or second_factor.device_of(who.user) is not None:
        return redirect("login" if who is None else "sign-in-code")
    return _enrol(
        request,
        who.user,
        EnrolForm(request.POST or None),
        next_page=who.next_page,
        finish=lambda: steps.complete(request, who),
    )


# -- One's own -----------------------------------------------------------------------------------


@login_required
@form_page
def own_second_factor(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    device = second_factor.device_of(user)
    if device is not None:
        return _manage(request, user, device)
    if not second_factor.is_offered():
        raise Http404

    def finish() -> None:
        request.session.pop(ENROLLING)
        request.session[SECOND_FACTOR_MARK] = True
        request.session.cycle_key()
        sign_ins.note_second_factor(request.session.session_key)
        # They were given for the password alone.
        sign_ins.end_other_sign_ins(user, but=request.session.session_key)

    form = EnrolOwnForm(request.POST or None, user=user)
    return _enrol(request, user, form, next_page=reverse("second-factor"), finish=finish)


def _manage(request: HttpRequest, user: User, device: Any) -> HttpResponse:
    context = {
        "device": device,
        "left": second_factor.recovery_codes_left(user),
        "most": second_factor.RECOVERY_CODES,
        "is_required": second_factor.is_required(user),
        "form": CodeForm(),
    }
    if request.method != "POST":
        return render(request, "accounts/second_factor.html", context)
    if refused := _too_many(request, user):
        return refused
    what = request.POST.get("do", "")
    if what not in {"codes", "remove"}:
        context["problem"] = _("Nothing was changed: the form was not complete.")
        return render(
            request, "accounts/second_factor.html", context, status=HTTPStatus.BAD_REQUEST
        )
    if what == "remove" and second_factor.is_required(user):
        raise PermissionDenied
    form = CodeForm(request.POST)
    if not (form.is_valid() and second_factor.verify(user, form.cleaned_data["code"])):
        return _again(request, "accounts/second_factor.html", form, user, context)
    if what == "codes":
        return _show_codes(request, second_factor.new_recovery_codes(user), request.path)
    second_factor.remove(user)
    request.session.pop(SECOND_FACTOR_MARK, None)
    messages.success(request, _("You sign in without a second factor from now on."))
    return redirect("second-factor" if second_factor.is_offered() else "password")


# -- Parts ---------------------------------------------------------------------------------------


def _enrol(
    request: HttpRequest,
    user: User,
    form: EnrolForm,
    *,
    next_page: str,
    finish: Callable[[], None],
) -> HttpResponse:
    """Show the secret, and take it for the person's own when they show a code made from it."""
    session = request.session
    kept = session.get(ENROLLING)
    if kept is None or kept[0] != user.pk:
        # Whoever was here before in this browser knows theirs.
        session[ENROLLING] = kept = [user.pk, second_factor.new_key()]
    key: str = kept[1]
    if request.method == "POST":
        if refused := _too_many(request, user):
            return refused
        if form.is_valid():
            codes = second_factor.enrol(user, key, form.cleaned_data["code"])
            if codes is not None:
                finish()
                return _show_codes(request, codes, next_page, is_new=True)
            form.add_error("code", _wrong())
        elif "password" in form.errors:
            steps.count_failure(request, user)
        _focus_fault(form)
    address = second_factor.address_of(user, key)
    context = {
        "form": form,
        "qr": second_factor.qr_svg(address, title=_("QR code for the authenticator app")),
        "secret": second_factor.secret_text(key),
        "address": address,
        "is_required": second_factor.is_required(user),
        "is_own": request.user.is_authenticated,
    }
    return render(request, "accounts/enrol.html", context)


def _show_codes(
    request: HttpRequest, codes: list[str], next_page: str, *, is_new: bool = False
) -> HttpResponse:
    """The codes are in this one answer and nowhere else: no message, session or log has them.

    `is_new`: the second factor has just been turned on.
    """
    context = {"codes": codes, "next_page": next_page, "is_new": is_new}
    return render(request, "accounts/recovery_codes.html", context)


def _too_many(request: HttpRequest, user: User) -> HttpResponse | None:
    """As at the first step: per address, and per account over both steps."""
    rate = LoginRate()
    if not rate.allow_request(request, None):
        return throttled(request, wait=rate.wait())
    if steps.is_locked(request, user):
        steps.forget(request)
        return throttled(request)
    return None


def _again(
    request: HttpRequest,
    template: str,
    form: CodeForm,
    user: User,
    context: dict[str, Any] | None = None,
) -> HttpResponse:
    if form.is_valid():
        steps.count_failure(request, user)
        form.add_error("code", _wrong())
    _focus_fault(form)
    return render(request, template, {**(context or {}), "form": form})


def _focus_fault(form: Form) -> None:
    """The page opens at the first field that is wrong."""
    for name in form.fields:
        if name in form.errors:
            form.fields[name].widget.attrs["autofocus"] = True
            break


def _wrong() -> str:
    return _("The code is wrong, was used before, or came too soon after a wrong one.")
