"""The documents point at what exists, and name every command there is."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import find_commands
from django.utils import translation
from rest_framework.exceptions import ValidationError

from execution.idempotency import KeyedRequest
from nexo.shared.exceptions import ApiError
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
DOCUMENTS = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")]
OWN_APPS = ("accounts", "execution", "optimization", "orchestration")


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix()
)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_where_things_are_entered_is_where_they_are() -> None:
    text = (PROJECT / "docs/howto/change.md").read_text()
    files = set(re.findall(r"`([\w/.]+\.(?:py|js|html|md|po))`", text))
    # One that an item names without its folder is of the app that the item is about.
    folders = ("", "optimization", "orchestration", "execution/migrations", "tests/optimization")
    assert len(files) > 30
    assert [f for f in files if not any((PROJECT / at / f).exists() for at in folders)] == []


def test_every_command_is_documented() -> None:
    own = {
        command
        for app in OWN_APPS
        for command in find_commands(str(Path(apps.get_app_config(app).path) / "management"))
    }
    text = (PROJECT / "docs/reference/commands.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)", text, re.MULTILINE))
    assert documented - {"make"} == own


def test_the_layers_name_every_app() -> None:
    text = (PROJECT / "docs/explanation/architecture.md").read_text()
    layers = text.partition("## Layers")[2].partition("```\n")[2].partition("```")[0]
    assert {*OWN_APPS} == set(re.findall(r"\w+(?=  ←)", layers)) - {"shared"}


def test_the_rule_of_idempotency_keys_is_the_one_that_they_are_held_to() -> None:
    with translation.override("en"), pytest.raises(ValidationError) as refused:
        KeyedRequest("user:ana", "/", "with space", method="POST", query="", body=b"")
    (message,) = refused.value.get_full_details()["Idempotency-Key"]
    rule = message["message"].removeprefix("Use ").rstrip(".")
    text = (PROJECT / "docs/reference/api.md").read_text()
    assert f"`Idempotency-Key: <{rule}>`" in text


def test_every_make_target_is_documented() -> None:
    targets = set(
        re.findall(r"^([a-z0-9-]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    )
    text = (PROJECT / "docs/reference/commands.md").read_text()
    assert targets == set(re.findall(r"`make ([a-z0-9-]+)`", text)) | {"help"}


def test_every_threat_names_tests_that_exist() -> None:
    text = (PROJECT / "docs/security.md").read_text()
    rows = re.findall(r"^\| (?!Surface|-)(.+) \|$", text, re.MULTILINE)
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`tests/[^`]+::[^`]+`$", row)] == []
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", text)
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (PROJECT / path).exists()
        or not re.search(
            rf"^\s*(?:async )?def {name}\(", (PROJECT / path).read_text(), re.MULTILINE
        )
    ]
    assert missing == []


def test_every_code_of_an_error_is_in_the_table_or_among_a_bulk_jobs_refusals() -> None:
    import_module("nexo.api_urls")  # and with it everything that a call may raise
    text = (PROJECT / "docs/reference/api.md").read_text()
    table = text.partition("| Status | Codes |")[2].partition("\n\n")[0]
    (refusals,) = re.findall(r"^- Codes of refusals: .*$", text, re.MULTILINE)
    known = set(re.findall(r"`(\w+)`", table + refusals))
    codes = {kind.default_code for kind in _kinds(ApiError) if not kind.__subclasses__()}
    assert codes - known == set()


def _kinds(kind: type[ApiError]) -> list[type[ApiError]]:
    return [each for child in kind.__subclasses__() for each in (child, *_kinds(child))]
