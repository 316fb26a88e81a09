"""People, an agent and their keys in the database of a server process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.servers import manage

_MAKE = """
import json
from datetime import timedelta
from django.contrib.auth.models import User
from django.test import Client
from accounts.tokens import issue_token, revoke_token
from nexo.shared import clock
from tests.factories import make_agent, make_user

agent = make_agent("alex", "amazon", "shopee")
sessions, tokens = {}, {}
for name, role in NAMES.items():
    person = make_user(role, username=name)
    client = Client()
    client.force_login(person)
    sessions[name] = client.cookies["sessionid"].value
    tokens[name] = issue_token(name=name, by="user:test", user=person)[1]
person = make_user(username="former")
_, tokens["expired"] = issue_token(
    name="expired", by="user:test", user=person, expires_at=clock.now() - timedelta(seconds=1)
)
revoked, tokens["revoked"] = issue_token(name="revoked", by="user:test", user=person)
revoke_token(revoked, by="user:test")
_, tokens["agent"] = issue_token(name="agent", by="user:test", agent_id=agent.pk)
print(json.dumps({"sessions": sessions, "tokens": tokens}))
"""


@dataclass(frozen=True, slots=True)
class People:
    """Session keys and token keys by name; the tokens also `expired`, `revoked` and `agent`."""

    sessions: Mapping[str, str] = field(repr=False)
    tokens: Mapping[str, str] = field(repr=False)


def make_people(environment: Mapping[str, str], **names: str | None) -> People:
    """Each name with a role, or None for a plain user."""
    printed = shell(environment, f"NAMES = {names!r}\n{_MAKE}")
    return People(**json.loads(printed.splitlines()[-1]))


def shell(environment: Mapping[str, str], code: str) -> str:
    return manage(environment, "shell", "--verbosity", "0", "--no-imports", "-c", code)
