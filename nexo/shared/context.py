"""What every page's frame needs."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from nexo.shared.requests import current_request_id
from nexo.shared.strings import frame_strings

THEMES = ("system", "light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    return {
        "request_id": current_request_id(),
        "theme": theme_of(request),
        "strings": frame_strings(),
        "offers_second_factor": settings.SECOND_FACTOR != "off",
    }


def theme_of(request: HttpRequest) -> str:
    theme = request.COOKIES.get("nexo_theme", "system")
    return theme if theme in THEMES else "system"
