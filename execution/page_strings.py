"""Sentences that the scripts of the task pages say; {name} marks what they fill in."""

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from execution.texts import WORDS


def shared_strings() -> dict[str, str]:
    """For the list and for a task's page."""
    return {
        **{key: str(text) for key, text in WORDS.items()},
        "live.connecting": _("connecting"),
        "live.live": _("live"),
        "live.paused": _("paused"),
        "live.reconnecting": _("reconnecting"),
        "live.offline": _("offline"),
        "live.signedOut": _("signed out"),
        "live.stopped": _("not live"),
        "live.age": _("data from {age}"),
        "live.waiting.one": _("{count} change waiting"),
        "live.waiting.other": _("{count} changes waiting"),
        "pause": _("Pause"),
        "resume": _("Resume"),
        "announce.live": _("Live again."),
        "announce.lost": _("Connection lost. The page keeps trying every 5 seconds."),
        "announce.lostPaused": _("Connection lost. The page is paused and reads when you resume."),
        "announce.read": _("Updated."),
        "announce.paused": _("Paused. Changes wait until you resume."),
        "signedOut": _("Your session has ended. Sign in again to go on; nothing was lost."),
        "notAllowed": _("Your account may no longer see this page. Ask an administrator."),
        "noFeed": _("This server offers no live feed. The page reads every 5 seconds instead."),
        "signIn": _("Sign in again"),
        "action.sent": _("{action}: sent. The task changes here when it is confirmed."),
        "action.done": _("{action}: done."),
        "action.conflict": _(
            "The task changed while you were deciding, so nothing was done."
            " Look at it again and repeat if you still want to."
        ),
        "action.illegal": _(
            "The task can no longer do this: it is now {status}. Nothing was done."
        ),
        "action.forbidden": _("Your account may not do this. Ask an administrator."),
        "action.stale": _(
            "Somebody has signed in anew in this browser since this page was opened."
            " Nothing was done: reload it and repeat."
        ),
        "reload": _("Reload"),
        "action.gone": _("This task no longer exists. Refresh the list."),
        "action.network": _(
            "No answer from the server, so we do not know whether this was done."
            " Look at the task before you try again."
        ),
        "action.late": _("The server has not answered yet. We are still waiting for it."),
        "action.unavailable": _(
            "The service is busy or away. Check whether it was done before you try again."
        ),
        "action.broken": _(
            "Something went wrong on our side, so we do not know whether this was done."
            " Look at the task before you try again (request {request})."
        ),
        "action.refused": _("Not done: {error} (request {request})"),
        "again": _("Try again"),
        "read.broken": _(
            "Something went wrong on our side, so this could not be opened. Nothing was changed;"
            " try again (request {request})."
        ),
        "action.throttled": _("Too many requests. Wait a moment and try again; nothing was done."),
        "action.needsNote": _("Say why."),
        "readFailed": _(
            "The page could not be read. What you see may be old; nothing was lost."
            " We try again in 5 seconds."
        ),
        "mark.synced": _("Mark {channel} as synced"),
        "mark.unsynced": _("Mark {channel} as not synced"),
        "menu.resync": _("Sync again"),
        "menu.open": _("Open task"),
        "menu.copy": _("Copy id"),
    }


def list_strings() -> dict[str, str]:
    return {
        "row.late": _("no answer yet"),
        "row.left": _("left the filter"),
        "new.one": _("{count} new"),
        "new.other": _("{count} new ones"),
        "left.one": _("{count} no longer matches"),
        "left.other": _("{count} no longer match"),
        "shown": pgettext("how many tasks the list shows", "{shown} of {total}"),
        "share": _("{share}% of {total}"),
        "mean": _("mean of {total}"),
        "turned": _("A new day has begun; this list is still of the day before."),
        "moreFailed": _("The next tasks could not be read. Try again."),
        "announce.summary": _(
            "Pending: {pending}; in progress: {inProgress}; completed: {completed};"
            " failed: {failed}."
        ),
        "announce.new.one": _("{count} new task waits at the top."),
        "announce.new.other": _("{count} new tasks wait at the top."),
    }
