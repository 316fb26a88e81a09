"""The admin's forms as a browser sends them."""

import re

from django.test import Client


def as_shown(client: Client, url: str) -> dict[str, object]:
    """What a browser sends when nothing on the page is touched."""
    answer = client.get(url)
    form = answer.context["adminform"].form
    values = {name: form[name].value() for name in form.fields}
    sent = {
        name: value for name, value in values.items() if value is not None and value is not False
    }
    hidden: dict[str, list[str]] = {}
    inputs = re.findall(
        r'<input type="hidden" name="(initial-\w+)"([^>]*)>', answer.content.decode()
    )
    for name, rest in inputs:
        value = re.search(r'value="([^"]*)"', rest)
        hidden.setdefault(name, []).append(value[1] if value else "")
    return {**sent, **hidden}
