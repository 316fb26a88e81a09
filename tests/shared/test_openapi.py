"""The OpenAPI document is made once, by one thread at a time."""

import re
import threading
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

from nexo.shared import openapi, openapi_view
from tests.factories import make_user

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "_kept", {})
    monkeypatch.setattr(openapi_view, "_rendered", {})


def test_it_is_made_once_for_each_language_and_never_twice_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    making, overlaps, made = threading.Semaphore(1), [], []

    def slowly(self: Any, request: Any = None, public: bool = False) -> dict[str, Any]:
        if not making.acquire(blocking=False):
            overlaps.append(1)
        made.append(translation.get_language())
        threading.Event().wait(0.05)
        making.release()
        return {"language": translation.get_language()}

    monkeypatch.setattr(SchemaGenerator, "get_schema", slowly)

    def ask(language: str) -> None:
        with translation.override(language):
            document = openapi.KeptSchemaGenerator().get_schema(public=True)
            assert document == {"language": language}

    threads = [threading.Thread(target=ask, args=[code]) for code in ("en", "pt-br") * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == ["en", "pt-br"]
    assert overlaps == []


@pytest.mark.django_db
def test_the_page_reads_the_english_document_whatever_the_readers_language(
    client: Client,
) -> None:
    client.force_login(make_user("head"), settings.AUTHENTICATION_BACKENDS[-1])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "pt-br"
    script = client.get("/api/docs/?script=").content.decode()
    (address,) = set(re.findall(r"/api/schema[^\"']*", script))
    assert b"Aguardando" not in client.get(address).content


def test_what_else_is_asked_for_is_not_kept() -> None:
    for version in ("x", "y"):
        document = openapi.KeptSchemaGenerator(api_version=version).get_schema(public=True)
        assert version in document["info"]["version"]
    assert openapi._kept == {}


def test_a_kept_document_is_rendered_once_and_another_is_not_taken_for_it() -> None:
    document = openapi.KeptSchemaGenerator().get_schema(public=True)
    (renderer, *_others) = openapi_view.SchemaView.renderer_classes
    first = renderer().render(document)
    assert renderer().render(document) is first
    assert renderer().render({"openapi": "another"}) != first


def operations() -> list[dict[str, Any]]:
    document = openapi.KeptSchemaGenerator().get_schema(public=True)
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_what_takes_an_idempotency_key_declares_what_may_become_of_it() -> None:
    keyed = [
        operation
        for operation in operations()
        if "Idempotency-Key" in [one["name"] for one in operation.get("parameters", ())]
    ]
    assert {"recommendAgent", "previewWeights", "createTasks"} <= {
        operation["operationId"] for operation in keyed
    }
    for operation in keyed:
        assert {"409", "422"} <= set(operation["responses"]), operation["operationId"]


def test_no_call_is_described_by_what_its_code_says_of_itself() -> None:
    described = {
        one["operationId"]: one["description"] for one in operations() if "description" in one
    }
    assert list(described) == ["activate"]
    assert "template" in described["activate"]
