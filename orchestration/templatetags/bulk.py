"""What the list of tasks needs to offer bulk actions, and a job's page to tell of them."""

from typing import Any

from django import template

from orchestration.bulk import texts

register = template.Library()
register.simple_tag(texts.actions, name="bulk_actions")
register.simple_tag(texts.strings, name="bulk_strings")
register.filter("refusal_text", texts.refusal_text)


@register.simple_tag
def bulk_title(action: str, count: int) -> Any:
    return texts.title_text(action, count)
