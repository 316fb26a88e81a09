"""A person's own sign-ins: note them, list those that still open something, end them."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import access, audit
from accounts.access import Credential
from accounts.browsers import browser_and_system
from accounts.callers import actor_of_user
from accounts.guarded import SECOND_FACTOR_MARK
from accounts.models import BROWSER_LENGTH, SignIn
from nexo.shared import clock
from nexo.shared.origin import current_origin


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One sign-in as its person sees it."""

    pk: int
    at: datetime
    origin: str | None
    browser: str
    with_second_factor: bool
    is_present: bool


def note_sign_in(request: HttpRequest, user: User) -> None:
    """Called when Django has signed somebody in."""
    session = request.session
    if session.session_key is None:
        # Another's session was just emptied; a row is there when the answer leaves, too late.
        session.save()
    SignIn.objects.update_or_create(
        session_id=session.session_key,
        defaults={
            "user": user,
            "at": clock.now(),
            "origin": current_origin(),
            "browser": _printable(request.META.get("HTTP_USER_AGENT", "")),
            "with_second_factor": bool(session.get(SECOND_FACTOR_MARK)),
        },
    )


def note_second_factor(session_key: str | None) -> None:
    """It was shown after the sign-in: by enrolling."""
    SignIn.objects.filter(session_id=session_key).update(with_second_factor=True)


def live_sign_ins(user: User, *, present: str | None) -> list[SignInRow]:
    """Those whose session still opens something, the present one first, then the newest."""
    rows = SignIn.objects.filter(user=user, session__expire_date__gt=clock.now())
    credentials = {row: Credential(session_key=row.session_id) for row in rows}
    callers = access.current_callers(credentials.values())
    found = [
        _row(row, present=present) for row, credential in credentials.items() if callers[credential]
    ]
    return sorted(found, key=lambda row: not row.is_present)


def end_sign_in(user: User, number: int) -> bool:
    """End one of the person's own; whether there was one."""
    with transaction.atomic():
        row = SignIn.objects.filter(user=user, pk=number).first()
        if row is None:
            return False
        _end(user, [row])
    return True


def end_other_sign_ins(user: User, *, but: str | None) -> int:
    """End all of a person's but the session `but`; how many."""
    with transaction.atomic():
        rows = list(SignIn.objects.filter(user=user).exclude(session_id=but))
        _end(user, rows)
    return len(rows)


def end_all_sign_ins(user: User) -> None:
    """Without lines of their own in the audit: what ends them has one."""
    keys = SignIn.objects.filter(user=user).values_list("session_id", flat=True)
    Session.objects.filter(pk__in=list(keys)).delete()


def browser_text(user_agent: str) -> str:
    browser, system = browser_and_system(user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    # A program's own name comes first: curl/8.5.0.
    return browser or system or user_agent.split("/")[0][:40].strip() or _("Unknown browser")


def _end(user: User, rows: list[SignIn]) -> None:
    # With signals, so that this process forgets the sessions at once; the others do within 5 s.
    Session.objects.filter(pk__in=[row.session_id for row in rows]).delete()
    for row in rows:
        audit.record(
            "sign_in_ended",
            actor=actor_of_user(user),
            object_kind="user",
            object_id=user.get_username(),
            details={"old": {"address": row.origin, "browser": row.browser}, "new": None},
        )


def _row(row: SignIn, *, present: str | None) -> SignInRow:
    return SignInRow(
        pk=row.pk,
        at=row.at,
        origin=row.origin,
        browser=browser_text(row.browser),
        with_second_factor=row.with_second_factor,
        is_present=row.session_id == present,
    )


def _printable(user_agent: str) -> str:
    """What a client says of itself, without what a page or a terminal would act on."""
    kept = (char for char in user_agent if unicodedata.category(char)[0] not in "CZ" or char == " ")
    return "".join(kept)[:BROWSER_LENGTH].strip()
