"""A second factor at sign-in: a code of an authenticator app (TOTP), or a recovery code.

Somebody who has one gets no session until it is shown, so a session is proof enough and no request
asks again. Only where `SECOND_FACTOR=required` is a session looked at once more: whoever comes to
manage accounts without having shown one must sign in anew.
"""

import hashlib
import secrets
from base64 import b32encode
from typing import Any, Final

import segno
from django.conf import settings
from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from accounts import audit, sign_ins
from accounts.callers import actor_of_user
from accounts.guarded import SECOND_FACTOR_MARK, needs_second_factor
from accounts.models import RecoveryCode
from nexo.shared import clock

RECOVERY_CODES: Final = 10
# Nothing that reads like something else. 16 of 31 are 79 bits: there is nothing to guess, so that
# a plain digest gives nothing away.
LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP_LENGTH = 4, 4


# -- Who needs one -------------------------------------------------------------------------------


def is_offered() -> bool:
    return bool(settings.SECOND_FACTOR != "off")


def is_required(user: User) -> bool:
    """Whether this person gets no session without one."""
    return needs_second_factor(user.get_all_permissions(), is_superuser=user.is_superuser)


def device_of(user: User) -> TOTPDevice | None:
    device: TOTPDevice | None = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    return device


def person_of(request: HttpRequest) -> Any:
    """Who asks for a page; nobody, where their session lacks the second factor it needs."""
    user: Any = get_user(request)
    if (
        settings.SECOND_FACTOR == "required"
        and user.is_authenticated
        and not request.session.get(SECOND_FACTOR_MARK)
        and is_required(user)
    ):
        return AnonymousUser()
    return user


# -- Enrolling -----------------------------------------------------------------------------------


def new_key() -> str:
    """A secret for a device, in hexadecimal."""
    return str(default_key())


def address_of(user: User, key: str) -> str:
    """What the QR code says: the app's address for this secret (otpauth://)."""
    return str(TOTPDevice(user=user, key=key).config_url)


def secret_text(key: str) -> str:
    """The secret as apps take it by hand: base32 in groups of four."""
    text = _base32(key)
    return " ".join(text[place : place + 4] for place in range(0, len(text), 4))


def qr_svg(text: str, *, title: str) -> SafeString:
    """The code as an SVG element; without styles or scripts, so that the policy lets it through."""
    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(
        border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None, omitsize=True,
        title=title,
    )  # fmt: skip
    return mark_safe(svg)  # noqa: S308  # segno's own marks; it escapes the title


def enrol(user: User, key: str, code: str) -> list[str] | None:
    """Keep the device if `code` is its present one; the recovery codes, or None.

    Whoever has a device already gets no other: it has to be removed or reset first.
    """
    with transaction.atomic():
        # Two at once would both find none.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if device_of(user) is not None:
            return None
        device = TOTPDevice(user=user, key=key, name="app", confirmed=True)
        if not device.verify_token(code):
            # It has kept that it failed, and so itself.
            transaction.set_rollback(True)
            return None
        codes = _make_recovery_codes(user)
        _note("second_factor_enrolled", user, by=user)
    return codes


def new_recovery_codes(user: User) -> list[str]:
    """Codes in place of the old ones, which open nothing any more."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        codes = _make_recovery_codes(user)
        _note("recovery_codes_made", user, by=user)
    return codes


def recovery_codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


# -- Showing it ----------------------------------------------------------------------------------


def verify(user: User, code: str) -> bool:
    """Whether `code` is the device's present one or an unused recovery code; each counts once."""
    text = "".join(code.split()).replace("-", "").lower()
    with transaction.atomic():
        if _is_device_code(user, text):
            return True
        if _is_recovery_code(user, text):
            _note("recovery_code_used", user, by=user)
            return True
        _note("second_factor_failed", user, by=user)
    return False


def _is_device_code(user: User, text: str) -> bool:
    if not (text.isascii() and text.isdigit() and len(text) == 6):
        return False
    # Locked, so that of two who send the same code at once one is refused.
    devices = TOTPDevice.objects.select_for_update(no_key=True).filter(user=user, confirmed=True)
    device = devices.first()
    return device is not None and bool(device.verify_token(text))


def _is_recovery_code(user: User, text: str) -> bool:
    if len(text) != GROUPS * GROUP_LENGTH:
        return False
    unused = RecoveryCode.objects.filter(user=user, code_hash=_digest(text), used_at=None)
    return unused.update(used_at=clock.now()) == 1


# -- Taking it away ------------------------------------------------------------------------------


def remove(user: User) -> None:
    """One's own wish."""
    with transaction.atomic():
        if _delete(user):
            _note("second_factor_removed", user, by=user)


def reset(user: User, *, by: User | None = None, actor: str = "system:reset_second_factor") -> bool:
    """For somebody who has lost device and codes; all their sessions end. Whether there was one."""
    with transaction.atomic():
        had_one = _delete(user)
        if had_one:
            sign_ins.end_all_sign_ins(user)
            _note("second_factor_reset", user, by=by, actor=actor)
    return had_one


def _delete(user: User) -> bool:
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    RecoveryCode.objects.filter(user=user).delete()
    deleted, _models = TOTPDevice.objects.filter(user=user).delete()
    return deleted > 0


# -- Parts ---------------------------------------------------------------------------------------


def _make_recovery_codes(user: User) -> list[str]:
    RecoveryCode.objects.filter(user=user).delete()
    codes = [_recovery_code() for _number in range(RECOVERY_CODES)]
    RecoveryCode.objects.bulk_create(
        RecoveryCode(user=user, code_hash=_digest(code.replace("-", ""))) for code in codes
    )
    return codes


def _recovery_code() -> str:
    groups = (
        "".join(secrets.choice(LETTERS) for _letter in range(GROUP_LENGTH))
        for _group in range(GROUPS)
    )
    return "-".join(groups)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _base32(key: str) -> str:
    return b32encode(bytes.fromhex(key)).decode().rstrip("=")


def _note(action: str, user: User, *, by: User | None, actor: str = "") -> None:
    audit.record(
        action,
        actor=actor_of_user(by) if by else actor,
        object_kind="user",
        object_id=user.get_username(),
    )
