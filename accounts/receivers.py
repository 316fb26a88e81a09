"""Note sign-ins; forget cached people, sessions and tokens as soon as what they rest on changes."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.models import Session
from django.db.models.signals import m2m_changed, post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import access, backends, sessions, sign_ins, steps, tokens
from accounts.models import ApiToken


@receiver((post_save, post_delete), sender=User)
@receiver((post_save, post_delete), sender=Group)
@receiver(m2m_changed, sender=User.groups.through)
@receiver(m2m_changed, sender=User.user_permissions.through)
@receiver(m2m_changed, sender=Group.permissions.through)
def forget_people(**_: Any) -> None:
    backends.forget_people()
    access.forget_callers()
    tokens.forget_grants()


@receiver((post_save, post_delete), sender=ApiToken)
def forget_grants(**_: Any) -> None:
    tokens.forget_grants()


@receiver(post_delete, sender=Session)
def forget_sessions(**_: Any) -> None:
    sessions.forget_sessions()


@receiver((post_save, post_delete), sender=Session)
def forget_caller(instance: Session, **_: Any) -> None:
    access.forget_caller(instance.session_key)


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    # Django keeps what the session held before: somebody else's first step, in the same browser.
    steps.forget(request)
    sign_ins.note_sign_in(request, user)
