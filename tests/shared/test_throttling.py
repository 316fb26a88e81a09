"""Each person and each token has a rate of its own."""

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts import tokens
from accounts.views import LoginRate
from nexo.shared.throttling import CallerRateThrottle, ProcessCache
from tests.envelope import refused
from tests.factories import make_user
from tests.redis_server import OwnRedis
from tests.servers import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
URL = "/api/marketplace/orchestration/task-execution"


@pytest.fixture(autouse=True)
def _three_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallerRateThrottle, "THROTTLE_RATES", {"caller": "3/min"})


def session(**fields: Any) -> Client:
    client = Client()
    client.force_login(make_user(**fields), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def program(**fields: Any) -> Client:
    _token, key = tokens.issue_token(name="robô", by="user:ana", **fields)
    return Client(headers={"authorization": f"Token {key}"})


def test_the_fourth_call_in_a_minute_is_told_when_to_come_again() -> None:
    client = session()
    for _call in range(3):
        assert client.get(URL).status_code == 200
    answer = client.get(URL)
    refused(answer, 429, "throttled")
    assert 1 <= int(answer["Retry-After"]) <= 60
    assert answer.json()["error"].startswith("Requisições demais. Tente de novo em ")


def test_a_process_keeps_no_address_whose_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ProcessCache()
    monkeypatch.setattr(ProcessCache, "MOST_KEYS", 3)
    for address, instant in (("a", 0.0), ("b", 30.0), ("c", 59.0), ("d", 61.0)):
        cache.set(address, [instant], 60)
    assert [cache.get(address, []) for address in "abcd"] == [[], [30.0], [59.0], [61.0]]


def test_a_process_keeps_so_many_addresses_however_many_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = ProcessCache()
    monkeypatch.setattr(ProcessCache, "MOST_KEYS", 3)
    for number in range(100):
        cache.set(f"address {number}", [1000.0 + number / 1000], 60)
        assert len(cache._lists) <= 3
    assert cache.get("address 99", []) == [1000.099]


def test_a_refused_write_changes_nothing_and_counts_with_the_reads() -> None:
    client = session(role="head")
    for _call in range(3):
        client.get(URL)
    new = {"taskType": "photo", "title": "Foto", "channel": "amazon", "estimatedHours": 1}
    refused(client.post(URL, new, content_type="application/json"), 429, "throttled")
    assert session().get(URL).json()["totalTasks"] == 0


def test_nobody_uses_up_anothers_rate() -> None:
    user = make_user()
    first = program(user=user)
    for _call in range(4):
        last = first.get(URL)
    assert last.status_code == 429
    others = [session(), program(user=user), program(agent_id="alex")]
    assert [other.get(URL).status_code for other in others] == [200, 200, 200]


def test_a_new_session_is_no_new_rate() -> None:
    user = make_user()
    clients = [Client() for _ in range(4)]
    for client in clients:
        client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    assert [client.get(URL).status_code for client in clients] == [200, 200, 200, 429]


@pytest.mark.usefixtures("redis_away")
def test_while_redis_is_away_each_process_counts_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = session()
    assert [client.get(URL).status_code for _call in range(4)] == [200, 200, 200, 429]
    # Asked once, and not again for a while.
    assert caplog.text.count("each process counts calls by itself: ") == 1


def test_rates_of_different_kinds_keep_their_counts_apart() -> None:
    assert CallerRateThrottle.own is not LoginRate.own


# -- What Redis keeps ----------------------------------------------------------------------------

ATTEMPTS = """
import json, sys
import django
django.setup()
from types import SimpleNamespace
from django.core.cache import cache
from accounts.views import LoginRate
request = SimpleNamespace(META={"REMOTE_ADDR": "192.0.2.1"})
redis = cache._cache.get_client()
key = cache.make_key(LoginRate().get_cache_key(request, None))
for planted in json.load(sys.stdin):
    redis.set(key, bytes.fromhex(planted))
    rates = [LoginRate() for _attempt in range(3)]
    allowed = [rate.allow_request(request, None) for rate in rates]
    print(json.dumps([allowed, 0 < rates[-1].wait() <= 60, redis.get(key).decode()]))
"""


class Deed:
    """What a pickle may do to whoever reads it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    redis = OwnRedis(tmp_path)
    redis.start()
    yield redis
    redis.kill()


def attempts_after(own_redis: OwnRedis, folder: Path, planted: list[bytes]) -> list[Any]:
    """Three attempts where two are allowed, after each of the values; of a process of its own, for
    these are the settings that run with a REDIS_URL."""
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS],
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "nexo.settings",
            "NEXO_DATA_DIR": str(folder),
            "REDIS_URL": f"unix://{own_redis.socket}",
            "LOGIN_RATE": "2/min",
        },
        cwd=PROJECT,
        input=json.dumps([value.hex() for value in planted]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_put_into_redis_is_never_run_and_fails_no_sign_in(
    own_redis: OwnRedis, tmp_path: Path
) -> None:
    deed = tmp_path / "deed"
    planted = [
        pickle.dumps(Deed(deed)),
        *(b"", b"\xff", b"1", b"null", b"true", b'"1.0"', b'{"0": 1.0}', b"[" * 100_000),
        *(b"[null]", b"[true]", b'["1.0"]', b"[[1.0]]", b"[1]", b"[NaN]", b"[1e999]"),
    ]
    for allowed, waits, kept in attempts_after(own_redis, tmp_path, planted):
        assert (allowed, waits) == ([True, True, False], True)
        assert len(json.loads(kept)) == 2
    assert not deed.exists()


def test_attempts_in_redis_are_counted_whichever_process_kept_them(
    own_redis: OwnRedis, tmp_path: Path
) -> None:
    others = json.dumps([time.time()]).encode()
    ((allowed, waits, _kept),) = attempts_after(own_redis, tmp_path, [others])
    assert (allowed, waits) == ([True, False, False], True)
