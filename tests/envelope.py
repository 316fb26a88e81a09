"""The error envelope (CONTRACT 3), checked whole wherever a test meets it."""

import json
import re
from datetime import datetime
from typing import Any

KEYS = {"status", "timestamp", "error", "code", "details"}
# What only somebody who reads the program's insides would write.
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|object at 0x|<class|Exception\b|Error\(|recursion|rest_framework"
    r"|\bSELECT\b|\bINSERT\b|\bUPDATE\b.*\bSET\b|sqlite|psycopg|django|execution_|non_field",
    re.IGNORECASE,
)


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this refusal, in the envelope and without the program's insides."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == "application/json"
    body: dict[str, Any] = json.loads(response.content)
    assert (body["status"], body["code"]) == ("error", code), body
    assert set(body) == KEYS
    assert body["timestamp"].endswith("Z")
    assert datetime.fromisoformat(body["timestamp"]).tzinfo is not None
    assert isinstance(body["error"], str) and body["error"].strip()
    found = INSIDES.search(response.content.decode())
    assert not found, f"{found} in {body}"
    return body


def refused_fields(response: Any) -> set[str]:
    """The fields that a 400 names, each with messages for a person."""
    details = refused(response, 400, "validation_error")["details"]
    assert details
    for messages in details.values():
        assert messages and all(isinstance(text, str) and text.strip() for text in messages)
    return set(details)
