"""The page of one's own sign-ins."""

from http import HTTPStatus
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from accounts import sign_ins


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def own_sign_ins(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _end(request)
    return _page(request)


def _page(request: HttpRequest, problem: str = "") -> HttpResponse:
    user = cast("User", request.user)
    rows = sign_ins.live_sign_ins(user, present=request.session.session_key)
    context = {
        "sign_ins": rows,
        "others": sum(not row.is_present for row in rows),
        "problem": problem,
    }
    status = HTTPStatus.BAD_REQUEST if problem else HTTPStatus.OK
    return render(request, "accounts/sign_ins.html", context, status=status)


def _end(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    what, number = request.POST.get("do", ""), request.POST.get("sign_in", "")
    if what == "end_others":
        count = sign_ins.end_other_sign_ins(user, but=request.session.session_key)
        said = ngettext("%(count)d sign-in was ended.", "%(count)d sign-ins were ended.", count)
        messages.success(request, said % {"count": count})
        return redirect("sign-ins")
    # Longer than any row's number is no number of a row.
    if what != "end" or not (number.isascii() and number.isdigit() and len(number) <= 18):
        return _page(request, _("Nothing was changed: the form was not complete."))
    if sign_ins.end_sign_in(user, int(number)):
        messages.success(request, _("The sign-in was ended."))
    else:
        messages.info(request, _("That sign-in had ended already."))
    return redirect("sign-ins")
