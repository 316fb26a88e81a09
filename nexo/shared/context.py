"""What every page's frame needs."""

from typing import Any

from django.http import HttpRequest

from nexo.shared.requests import current_request_id

THEMES = ("system", "light", "dark")


def frame(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("nexo_theme", "system")
    return {
        "request_id": current_request_id(),
        "theme": theme if theme in THEMES else "system",
    }
