"""What is kept under a key, and what leaves the key free for another try."""

import pytest
from rest_framework.exceptions import APIException, NotFound
from rest_framework.response import Response

from execution.idempotency import KeyedRequest, run_once
from execution.models import IdempotencyKey

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
REQUEST = KeyedRequest("user:ana", "/x", "k1", method="POST", query="", body=b"{}")


class Unavailable(APIException):
    status_code = 503


def raises(error: Exception) -> Response:
    raise error


@pytest.mark.parametrize("error", [Unavailable(), ValueError()])
def test_a_failure_of_ours_is_not_kept(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_once(REQUEST, lambda: raises(error))
    assert not IdempotencyKey.objects.exists()
    assert run_once(REQUEST, lambda: Response({"done": True})).data == {"done": True}


def test_a_refusal_is_kept() -> None:
    assert run_once(REQUEST, lambda: raises(NotFound())).status_code == 404
    assert run_once(REQUEST, lambda: Response({"done": True})).status_code == 404
