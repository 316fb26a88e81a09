"""Template helpers of the optimization page."""

from django import template
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from execution.texts import actor_text
from optimization import texts
from optimization.models import WeightChange
from optimization.representations import shares_of

register = template.Library()
register.filter("decimal", texts.decimal)


@register.filter
def action_name(action: texts.Action) -> str:
    return str(texts.ACTIONS[action])


@register.filter
def weight_change_text(change: WeightChange) -> str:
    """One change as a sentence: who changed what to what, as they gave it."""
    actor = actor_text(change.actor)
    if change.new is None:
        return _("%(actor)s returned to adaptive") % {"actor": actor}
    shares = get_text_list(
        [
            f"{str(name).lower()} {texts.percent(share)}"
            for name, share in zip(texts.TERM_NAMES, shares_of(change.new), strict=True)
        ],
        _("and"),
    )
    return _("%(actor)s set %(shares)s") % {"actor": actor, "shares": shares}
