"""What an authenticator app does, and moving its clock on."""

import time

from django.contrib.auth.models import User
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts import second_factor


def code_of(key: str, *, later: int = 0) -> str:
    """What the app shows now, or some steps of 30 s later."""
    return f"{totp(bytes.fromhex(key), t0=-30 * later):06d}"


def wrong_code(key: str) -> str:
    """None of those that would be taken now."""
    near = {code_of(key, later=step) for step in range(-3, 4)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


def device(user: User) -> TOTPDevice:
    return TOTPDevice.objects.get(user=user)


def enrolled(user: User) -> list[str]:
    """Give the person a device as if long ago: no code has been shown lately; their codes."""
    key = second_factor.new_key()
    codes = second_factor.enrol(user, key, code_of(key))
    assert codes is not None
    forget_attempts(user)
    return codes


def forget_attempts(user: User) -> None:
    """As if the attempts before this were minutes ago."""
    TOTPDevice.objects.filter(user=user).update(
        last_t=int(time.time()) // 30 - 10, throttling_failure_count=0, drift=0
    )
