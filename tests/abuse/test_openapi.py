"""Calls that Schemathesis makes up from the OpenAPI file, right ones and wrong ones."""

import json
from functools import cache
from typing import Any, Final

import hypothesis
import pytest
import requests
import schemathesis
from django.db import transaction
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response

from nexo.shared.throttling import CallerRateThrottle
from tests.abuse import traces
from tests.abuse.ground import JSON, Ground, openapi
from tests.abuse.tally import Extent, count
from tests.envelope import INSIDES, refused

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
METHODS: Final = {"get", "post", "put", "patch", "delete"}
OPERATIONS: Final = sorted(
    (path, method)
    for path, methods in openapi()["paths"].items()
    for method in METHODS & methods.keys()
)


@cache
def schema() -> Any:
    return schemathesis.openapi.from_dict(json.loads(json.dumps(openapi(), default=str)))


def send(ground: Ground, case: Case, *, real: bool) -> Any:
    """The call as it was made up, by who may make it; its ids are real ones or made up too."""
    path = case.operation.path if real else case.formatted_path
    named = {
        "task_id": next(iter(ground.tasks.values())),
        "agent_id": "alex",
        "job_id": ground.job_id,
    }
    for name, value in named.items():
        path = path.replace(f"{{{name}}}", value)
    is_agents = path.endswith(("/claim/", "/heartbeat/"))
    query = requests.models.PreparedRequest()
    query.prepare_url("http://testserver/", case.query or {})
    headers = {k: str(v) for k, v in (case.headers or {}).items() if k != "Authorization"}
    headers = {k: v for k, v in headers.items() if v.isprintable() and v.isascii()}
    body = b"" if isinstance(case.body, NotSet) else case.body
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    caller = ground.program("agent" if is_agents else "head")
    address = f"{path}?{str(query.url).partition('?')[2]}"
    return caller.generic(case.method, address, body, content_type=JSON, headers=headers)


def check(case: Case, answer: Any, before: dict[str, str]) -> None:
    assert answer.status_code < 500, answer.content[:500]
    text = answer.content.decode()
    if answer.status_code >= 400:
        assert refused(answer, answer.status_code, answer.json()["code"])
        assert traces.changed(before, traces.fingerprint()) == set()
        assert answer.status_code != 429
    else:
        check_documented(case, answer)
    assert not traces.leaks(text, is_refusal=False)


def sounds_like_us(case: Case) -> bool:
    """A refusal repeats names that are unknown; one of them may be what our insides sound like."""
    body = None if isinstance(case.body, NotSet) else case.body
    return bool(INSIDES.search(json.dumps([case.query, body], default=repr)))


def check_documented(case: Case, answer: Any) -> None:
    """What succeeds is as the file says."""
    request = requests.Request(case.method, "http://testserver/").prepare()
    headers = {name.lower(): [value] for name, value in answer.items()}
    # Of the answer as a client had it; `verify` is about TLS, of which there was none.
    told = Response(answer.status_code, headers, answer.content, request, 0.0, verify=False)
    try:
        case.operation.validate_response(told)
    except (Failure, FailureGroup) as failure:
        raise AssertionError(f"not as documented: {failure}") from failure


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"]
)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_made_up_calls(
    ground: Ground, extent: Extent, path: str, method: str, mode: GenerationMode
) -> None:
    operation = schema()[path][method.upper()]
    before = traces.fingerprint()

    @hypothesis.settings(
        max_examples=max(2, extent.examples // 4),
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode), st.booleans())
    def tried(case: Case, real: bool) -> None:
        hypothesis.assume(not sounds_like_us(case))
        count("OpenAPI: made up by Schemathesis")
        CallerRateThrottle.own.clear()
        with transaction.atomic():
            check(case, send(ground, case, real=real), before)
            transaction.set_rollback(True)

    try:
        tried()
    except hypothesis.errors.Unsatisfiable:
        pytest.skip("takes nothing that could be wrong")
