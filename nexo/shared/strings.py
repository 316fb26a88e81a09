"""Sentences that the frame's scripts say; a page adds its own to them."""

from django.utils.translation import gettext as _


def frame_strings() -> dict[str, str]:
    return {
        "close": _("Close"),
        "copied": _("Copied: {text}"),
        "notCopied": _("Your browser did not let us copy. The text is: {text}"),
        "unreachable": _(
            "No answer from the server, so this could not be opened. Nothing was changed."
            " Try again when the connection is back."
        ),
        "ago.seconds": _("{count} s ago"),
        "ago.minutes": _("{count} min ago"),
        "ago.hours": _("{count} h ago"),
    }
