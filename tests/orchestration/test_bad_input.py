"""Hostile and mistaken input to the activation: refused in the envelope, nothing changed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from accounts.roles import Role
from execution.models import IdempotencyKey
from tests.envelope import refused, refused_fields
from tests.factories import make_agent
from tests.orchestration.test_api import BASE, client_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PATH = f"{BASE}/activate"


@pytest.fixture(autouse=True)
def _unchanged(db: None) -> Iterator[None]:
    make_agent("alex", "amazon", is_active=False)
    labels = ("execution", "orchestration")
    models = {m for label in labels for m in apps.get_app_config(label).get_models()}
    models.discard(IdempotencyKey)

    def everything() -> dict[str, Any]:
        return {model._meta.label: list(model.objects.order_by("pk").values()) for model in models}

    before = everything()
    yield
    assert everything() == before


@pytest.fixture
def head() -> Client:
    return client_of(Role.HEAD)


def send(client: Client, body: Any, path: str = PATH, **options: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    options.setdefault("content_type", "application/json")
    return client.generic("POST", path, data, **options)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *(({"channels": value}, "channels") for value in ([], None, "amazon", {}, 1, True)),
        *(({"channels": [value]}, "channels[0]") for value in ("ebay", "", "AMAZON", "amazon ")),
        *(({"channels": [value]}, "channels[0]") for value in (None, 1, True, [], {}, "a" * 9000)),
        ({"channels": ["amazon", "amazon"]}, "channels"),
        ({"channels": ["amazon"] * 1000}, "channels"),
        *(({"dryRun": value}, "dryRun") for value in (None, 1, 0, "true", "", [], {})),
        *(({name: True}, name) for name in ("dryrun", "dry_run", "force", "channel", "__proto__")),
        *((value, "body") for value in ([], [{}], "x", 1, None, True)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_bodies_that_cannot_be_meant(head: Client, body: Any, field: str) -> None:
    assert field in refused_fields(send(head, body))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "parse_error"),
        (b"[" * 3000, "parse_error"),
        (b'{"dryRun": NaN}', "parse_error"),
        (b"\xff\xfe", "parse_error"),
        (b'{"dryRun": true, "dryRun": false}', "parse_error"),
    ],
)
def test_bytes_that_are_no_json(head: Client, body: bytes, code: str) -> None:
    refused(send(head, body), 400, code)


def test_parameters_are_refused(head: Client) -> None:
    assert refused_fields(send(head, {}, f"{PATH}?dryRun=true")) == {"dryRun"}


def test_other_forms_of_content(head: Client) -> None:
    refused(send(head, b"dryRun=true", content_type="text/plain"), 415, "unsupported_media_type")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_other_methods(head: Client, method: str) -> None:
    refused(head.generic(method, PATH), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["status", "metrics", "reports"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_what_is_read_is_not_written(head: Client, method: str, path: str) -> None:
    refused(head.generic(method, f"{BASE}/{path}"), 405, "method_not_allowed")
