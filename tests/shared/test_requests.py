"""A request is read as UTF-8, whatever charset it names."""

import gc
import json

import pytest
from django.core.exceptions import DisallowedHost
from django.test import Client, RequestFactory
from django.urls import Resolver404
from rest_framework.request import Request

from accounts import tokens
from accounts.roles import Role
from execution.models import Task
from nexo.shared.requests import NexoHandler, Utf8Request
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"
# Not charsets (of bytes into bytes, of text into text), never decodable, or simply others.
CHARSETS = ["hex", "zip", "base64", "rot13", "undefined", "idna", "utf-16", "utf-7", "nonsense"]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Client:
    """Django's test client makes requests by itself; here as the server's handler makes them."""
    monkeypatch.setattr("django.test.client.WSGIRequest", NexoHandler.request_class)
    _token, key = tokens.issue_token(name="robô", by="user:ana", user=make_user(Role.HEAD))
    return Client(headers={"authorization": f"Token {key}"})


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_does_not_change_what_bytes_mean(api: Client, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    found = api.get(f"{URL}?q=%C3%A9&status=%66ailed", headers={"Content-Type": kind})
    assert (found.status_code, found.json()["totalTasks"]) == (200, 0)
    new = {"taskType": "photo", "title": "Otimização", "channel": "amazon", "estimatedHours": 1}
    created = api.generic("POST", URL, json.dumps(new, ensure_ascii=False), kind)
    assert created.json()["task"]["title"] == "Otimização"
    refused = api.generic("POST", URL, '{"title": "ção"}'.encode("latin-1"), kind)
    assert (refused.status_code, refused.json()["code"]) == (400, "parse_error")
    assert Task.objects.count() == 1


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_form_is_read_as_utf_8_too(api: Client, charset: str) -> None:
    kind = f"application/x-www-form-urlencoded; charset={charset}"
    answer = api.generic("POST", "/accounts/login/", "username=josé&password=x".encode(), kind)
    assert answer.context["form"]["username"].value() == "josé"


def request_for(path: str, host: str = "localhost") -> Utf8Request:
    return Utf8Request({**RequestFactory().get(path).environ, "HTTP_HOST": host})


def test_a_path_leads_to_the_same_view_again_with_its_own_task() -> None:
    handler = NexoHandler()
    for path, name, task_id in (
        (URL, "task-execution", None),
        (f"{URL}/one", "task-execution-detail", "one"),
        (f"{URL}/two", "task-execution-detail", "two"),
        (URL, "task-execution", None),
    ):
        request = request_for(path)
        match = handler.resolve_request(request)
        assert request.resolver_match is match
        assert match.view_name == name
        assert match.kwargs.get("task_id") == task_id
    with pytest.raises(Resolver404):
        handler.resolve_request(request_for("/nothing"))


def test_a_host_that_is_not_served_is_refused_however_often_it_asks() -> None:
    for _ in range(2):
        assert request_for(URL, "127.0.0.1:8000").get_host() == "127.0.0.1:8000"
        with pytest.raises(DisallowedHost):
            request_for(URL, "evil.example").get_host()


def requests_in_memory() -> int:
    # By its type: to ask a weak reference for its class may be an error.
    return sum(type(one) is Request for one in gc.get_objects())


def test_a_calls_objects_end_with_the_call() -> None:
    """And do not wait for the garbage collector, which stands everything still."""
    _token, key = tokens.issue_token(name="robô", by="user:ana", user=make_user(Role.HEAD))
    headers = {"authorization": f"Token {key}"}
    handler = NexoHandler()
    gc.collect()
    gc.disable()
    try:
        before = requests_in_memory()
        answer = handler.get_response(
            Utf8Request(RequestFactory().get(URL, headers=headers).environ)
        )
        assert answer.status_code == 200
        del answer
        assert requests_in_memory() == before
    finally:
        gc.enable()
