"""The two probes: quick, honest, and never hanging with what they ask."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from execution.models import Stream
from nexo import health
from nexo.health import DatabaseProbe, Health

BEHIND = "the application behind"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": BEHIND.encode()})


async def ask(
    path: str,
    *,
    method: str = "GET",
    checks: dict[str, Callable[[], Awaitable[None]]] | None = None,
    application: Health | None = None,
) -> httpx.Response:
    application = application or Health(behind)
    if checks is not None:
        application.checks = checks
    transport = httpx.ASGITransport(application)
    # A name that no setting allows: probes ask by whatever address they know.
    async with httpx.AsyncClient(transport=transport, base_url="http://10.0.0.7") as client:
        return await client.request(method, path)


async def fine() -> None:
    return None


async def away() -> None:
    raise ConnectionRefusedError("nobody there")


@pytest.mark.unit
async def test_healthz_answers_without_asking_anything() -> None:
    answer = await ask("/healthz", checks={"database": away})
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.unit
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_head_has_the_answer_without_its_body(path: str) -> None:
    answer = await ask(path, method="HEAD", checks={"database": fine})
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.unit
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_probes_refuse_other_methods(path: str) -> None:
    answer = await ask(path, method="POST")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.unit
@pytest.mark.parametrize("path", ["/", "/healthz/x", "/readyz2"])
async def test_other_paths_reach_the_application(path: str) -> None:
    answer = await ask(path)
    assert (answer.status_code, answer.text) == (418, BEHIND)


@pytest.mark.unit
async def test_readyz_names_what_is_away() -> None:
    answer = await ask("/readyz", checks={"database": away, "channelLayer": fine})
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable",
        "checks": {"database": False, "channelLayer": True},
    }


@pytest.mark.unit
async def test_readyz_gives_up_on_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "ANSWER_WITHIN_SECONDS", 0.05)
    answer = await ask("/readyz", checks={"database": asyncio.Event().wait})  # type: ignore[dict-item]  # never answers
    assert answer.status_code == 503


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
async def test_readyz_asks_the_database_and_the_channel_layer() -> None:
    answer = await ask("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "checks": {"database": True, "channelLayer": True}}


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
async def test_readyz_refuses_a_database_without_the_product() -> None:
    await Stream.objects.all().adelete()
    assert (await ask("/readyz")).status_code == 503


@pytest.fixture
def migrations(db: None) -> Iterator[MigrationRecorder]:
    """What the database says was applied; afterwards it says so again."""
    recorder = MigrationRecorder(connection)
    applied = set(recorder.applied_migrations())
    yield recorder
    changed = set(recorder.applied_migrations())
    for app, name in changed - applied:
        recorder.record_unapplied(app, name)
    for app, name in applied - changed:
        recorder.record_applied(app, name)


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
async def test_readyz_refuses_a_database_of_the_version_before_until_it_is_migrated(
    migrations: MigrationRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    application = Health(behind)
    applied = await sync_to_async(migrations.applied_migrations)()
    last = max(name for app, name in applied if app == "execution")
    await sync_to_async(migrations.record_unapplied)("execution", last)
    answer = await ask("/readyz", application=application)
    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, False)
    assert "run `manage.py migrate`" in caplog.text
    await sync_to_async(migrations.record_applied)("execution", last)
    assert (await ask("/readyz", application=application)).status_code == 200


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
async def test_readyz_takes_a_database_of_the_next_version(migrations: MigrationRecorder) -> None:
    for app, name in (("execution", "9999_of_tomorrow"), ("another", "0001_app_of_tomorrow")):
        await sync_to_async(migrations.record_applied)(app, name)
    assert (await ask("/readyz")).status_code == 200


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
async def test_a_process_asks_for_migrations_until_all_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    application = Health(behind)
    assert (await ask("/readyz", application=application)).status_code == 200
    monkeypatch.setattr(health, "is_migrated", lambda: pytest.fail("asked again"))
    assert (await ask("/readyz", application=application)).status_code == 200


@pytest.mark.unit
async def test_a_hanging_database_is_asked_by_one_thread_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    answered = threading.Event()

    def hang() -> None:
        asked.append(threading.current_thread())
        answered.wait(10)
        raise OperationalError("gone")

    monkeypatch.setattr(health, "stream_position", hang)
    probe = DatabaseProbe()
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await probe.ask()
    assert len(asked) == 1
    assert asked[0].daemon

    answered.set()
    with pytest.raises(OperationalError):
        await probe.ask()
    monkeypatch.setattr(health, "stream_position", lambda: None)
    monkeypatch.setattr(health, "is_migrated", lambda: True)
    await probe.ask()  # asked anew, and well again
