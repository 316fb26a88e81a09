"""Sentences that the inbox's script says; {name} marks what it fills in."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext


def inbox_strings() -> dict[str, str]:
    return {
        "new.one": _("{count} new"),
        "new.other": _("{count} new ones"),
        "left.one": _("Hide {count} that is decided"),
        "left.other": _("Hide {count} that are decided"),
        "chosen.one": pgettext("one task", "{count} selected"),
        "chosen.other": pgettext("several tasks", "{count} selected"),
        "reject.many.one": ngettext("Reject {count} task", "Reject {count} tasks", 1),
        "reject.many.other": ngettext("Reject {count} task", "Reject {count} tasks", 2),
        "reject.effect": _("The tasks will not be carried out. They can be tried again later."),
        "waiting.now": _("just arrived"),
        "waiting.minutes": _("waits {count} min"),
        "waiting.hours": _("waits {count} h"),
        "waiting.days": _("waits {count} days"),
        "edit.news": _("Changed meanwhile: {value}"),
        "fate.approved": _("{actor} approved"),
        "fate.rejected": _("{actor} rejected"),
        "fate.cancelled": _("{actor} cancelled"),
        "fate.started": _("{actor} approved and started the work"),
        "fate.failed": _("{actor} ended it"),
        "fate.gone": _("no longer pending"),
        "you": _("you"),
        "agent": _("agent {name}"),
        "system": _("the system"),
        "done.approve": _("Approved: {title}"),
        "done.reject": _("Rejected: {title}"),
        "done.approve.many": _("Approved: {count}"),
        "done.reject.many": _("Rejected: {count}"),
        "refused.many.one": _("{count} was not done; its row says why."),
        "refused.many.other": _("{count} were not done; their rows say why."),
        "refused.one": _("{title}: {sentence}"),
        "retry": _("Try again"),
        "retried": _("Waits again: {title}"),
        "chooseFirst": _("Select at least one task: tick its box."),
        "moreFailed": _("The next tasks could not be read. Try again."),
        "announce.more.one": _("{count} more task in the list."),
        "announce.more.other": _("{count} more tasks in the list."),
        "announce.new.one": _("{count} new task waits for approval."),
        "announce.new.other": _("{count} new tasks wait for approval."),
    }
