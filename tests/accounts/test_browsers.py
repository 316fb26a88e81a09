"""Browsers are told by what they are, not by what they claim to be besides."""

import pytest

from accounts.browsers import browser_and_system

pytestmark = pytest.mark.unit
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS, ANDROID = "Windows NT 10.0; Win64; x64", "Linux; Android 10; K"
IPHONE, MAC = "iPhone; CPU iPhone OS 18_5 like Mac OS X", "Macintosh; Intel Mac OS X 10_15_7"


@pytest.mark.parametrize(
    ("user_agent", "told"),
    [
        (f"Mozilla/5.0 ({WINDOWS}) {WEBKIT} Chrome/140.0 Safari/537.36", ("Chrome", "Windows")),
        (f"Mozilla/5.0 ({WINDOWS}) {WEBKIT} Chrome/1 Safari/1 Edg/1", ("Edge", "Windows")),
        (f"Mozilla/5.0 ({MAC}) {WEBKIT} Chrome/1 Safari/1 OPR/1", ("Opera", "macOS")),
        (f"Mozilla/5.0 ({MAC}) {WEBKIT} Version/18.5 Safari/605", ("Safari", "macOS")),
        (f"Mozilla/5.0 ({IPHONE}) {WEBKIT} Version/18 Mobile/1 Safari/1", ("Safari", "iPhone")),
        (f"Mozilla/5.0 ({IPHONE}) {WEBKIT} CriOS/140 Mobile/1 Safari/1", ("Chrome", "iPhone")),
        (
            f"Mozilla/5.0 ({ANDROID}) {WEBKIT} SamsungBrowser/28.0 Chrome/1 Safari/1",
            ("Samsung Internet", "Android"),
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0", ("Firefox", "Linux")),
        ("curl/8.5.0", ("", "")),
        ("", ("", "")),
    ],
)
def test_the_first_that_fits_is_the_one(user_agent: str, told: tuple[str, str]) -> None:
    assert browser_and_system(user_agent) == told
