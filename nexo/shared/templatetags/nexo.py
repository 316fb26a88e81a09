"""Template helpers of the frame."""

from functools import cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
@cache
def icon_sprite() -> SafeString:
    """Every icon once, for `icon` to refer to; to make them anew was a third of a page's time."""
    return render_to_string("_icons.html")


@register.simple_tag
def icon(name: str) -> SafeString:
    """One icon of the page's sprite (templates/_icons.html)."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"not an icon's name: {name!r}")
    return mark_safe(  # noqa: S308  # the name was checked above
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">'
        f'<use href="#icon-{name}"></use></svg>'
    )


@register.simple_tag(takes_context=True)
def current(context: dict[str, Any], prefix: str, *, alone: bool = False, but: str = "") -> str:
    """For aria-current: `page` when the request's path lies under `prefix`, but not under `but`,
    or is it alone."""
    request = context.get("request")
    if request is None or (but and request.path.startswith(but)):
        return "false"
    is_here = request.path.rstrip("/") == prefix if alone else request.path.startswith(prefix)
    return "page" if is_here else "false"
