"""The same Idempotency-Key and body twice: done once, answered twice alike.

A key is claimed before the work in a row of its own, so that a second request sees it in flight.
The answer is stored in the transaction of the work: after a kill there is either both or neither,
and a claim without an answer that has grown old may be taken over.
"""

import hashlib
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from execution.exceptions import IdempotencyInFlight, IdempotencyMismatch
from execution.models import IdempotencyKey
from nexo.shared import clock
from nexo.shared.errors import error_response
from nexo.shared.exceptions import validation_error
from nexo.shared.renderers import dump_json

KEPT = timedelta(hours=24)
# Longer than any request runs: lock waits end after 5 s.
ABANDONED = timedelta(seconds=60)
_PRINTABLE = re.compile(r"[\x21-\x7e]{1,200}")


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """Who asked for what under which key; `method`, `query` and `body` are what must be the same
    when it comes again."""

    caller: str
    path: str
    key: str
    method: str
    query: str
    body: bytes

    def __post_init__(self) -> None:
        if not _PRINTABLE.fullmatch(self.key):
            message = _("Use 1 to 200 printable ASCII characters without spaces.")
            raise validation_error("Idempotency-Key", message)

    @property
    def body_hash(self) -> str:
        head = f"{self.method} {self.query}\n".encode()
        return hashlib.sha256(head + self.body).hexdigest()


def run_once(request: KeyedRequest, work: Callable[[], Response]) -> Response:
    """Answer from the kept answer, or do the work and keep its answer.

    Raises
    ------
    IdempotencyInFlight, IdempotencyMismatch; whatever `work` raises
    """
    claim = uuid.uuid4().hex
    kept = _claim(request, claim, clock.now())
    if kept is not None:
        return _replay(kept)
    mine = IdempotencyKey.objects.filter(
        caller=request.caller, path=request.path, key=request.key, claim=claim
    )
    try:
        with transaction.atomic():
            response = work()
            _keep(mine, response)
    except APIException as error:
        if error.status_code >= 500:
            mine.delete()
            raise
        response = error_response(error)
        _keep(mine, response)
    except BaseException:
        mine.delete()
        raise
    return response


def _claim(request: KeyedRequest, claim: str, now: datetime) -> IdempotencyKey | None:
    """Claim the key for this request; the kept row when its answer is already there."""
    identity = {"caller": request.caller, "path": request.path, "key": request.key}
    IdempotencyKey.objects.filter(**identity, claimed_at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            IdempotencyKey.objects.create(
                **identity, body_hash=request.body_hash, claim=claim, claimed_at=now
            )
        return None
    except IntegrityError:
        kept = IdempotencyKey.objects.filter(**identity).first()
    if kept is None:
        # Its request ended in a 5xx between our insert and our read.
        raise IdempotencyInFlight
    if kept.body_hash != request.body_hash:
        raise IdempotencyMismatch
    if kept.answer_status is not None:
        return kept
    taken_over = IdempotencyKey.objects.filter(
        pk=kept.pk, claim=kept.claim, answer_status=None, claimed_at__lt=now - ABANDONED
    ).update(claim=claim, claimed_at=now)
    if not taken_over:
        raise IdempotencyInFlight
    return None


def _keep(mine: QuerySet[IdempotencyKey], response: Response) -> None:
    kept = mine.update(
        answer_status=response.status_code,
        answer_body=dump_json(response.data),
        answer_language=translation.get_language(),
    )
    if not kept:
        # Another request took the key over; this one's work is rolled back with this error.
        raise IdempotencyInFlight


def _replay(kept: IdempotencyKey) -> Response:
    """The answer as it was, in the language that it was given in."""
    headers = {"Idempotent-Replayed": "true"}
    if kept.answer_language:
        headers["Content-Language"] = kept.answer_language
    body = bytes(kept.answer_body or b"")
    return Response(body, status=kept.answer_status, headers=headers)
