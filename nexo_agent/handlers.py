"""What does the work: a Python function, or a command that gets the task on its standard input."""

import importlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final

from nexo_agent.calls import Held, Json

FLUSH_SECONDS: Final = 0.3
MOST_LINES_AT_ONCE: Final = 100
KILL_AFTER_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.1
LAST_WORDS: Final = 20
TOKEN_VARIABLE: Final = "NEXO_TOKEN"  # noqa: S105  # its name


class Failed(Exception):
    """The work failed; the words are for the task. `key` is one of words.py."""

    def __init__(self, key: str, words: str = "", **values: Any) -> None:
        super().__init__(words)
        self.key = key
        self.words = words
        self.values = values


class Job:
    """One task under way, as a handler sees it.

    A long Python handler looks at `must_stop` now and then: the lease was lost, the time is over
    or the worker is being stopped.
    """

    def __init__(self, held: Held, log: Callable[..., None], report: Any) -> None:
        self.held = held
        self.task: Json = held.task
        self.agent = report
        self._log = log
        self._must_stop = threading.Event()

    @property
    def must_stop(self) -> bool:
        return self._must_stop.is_set()

    def stop(self) -> None:
        self._must_stop.set()

    def wait(self, seconds: float) -> bool:
        """Sleep; whether the work must stop."""
        return self._must_stop.wait(seconds)

    def log(self, *lines: str, level: str = "info") -> None:
        self._log(*lines, level=level)

    def progress(self, percent: int) -> None:
        self.agent.progress(self.held, percent)


# A result to keep with the task, or nothing; raising is failing.
Handler = Callable[[Job], Json | None]


def python_handler(name: str) -> Handler:
    """The function `module:function`, looked for in the working directory too.

    Raises
    ------
    ValueError: there is none
    """
    module, _colon, function = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"There is no {name}: {error}") from error
    if not callable(found):
        raise ValueError(f"{name} is no function.")
    handler: Handler = found
    return handler


def command_handler(command: Sequence[str]) -> Handler:
    """Run the command for each task; it never sees the token."""
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}

    def handle(job: Job) -> Json | None:
        return _Run(command, environment, job).result()

    return handle


class _Run:
    """One run of a command: its lines become log lines, its last JSON object the result."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], job: Job) -> None:
        self._job = job
        self._lines: queue.Queue[tuple[str, str]] = queue.Queue(10_000)
        self._result: tuple[str, Json] | None = None
        self._last_words: list[str] = []
        # A session of its own, so that what it started ends with it.
        self._process = subprocess.Popen(  # noqa: S603  # the command is what this is for
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )

    def result(self) -> Json | None:
        """
        Raises
        ------
        Failed: it ended with another exit code than 0
        """
        process = self._process
        threads = [
            threading.Thread(target=self._feed, daemon=True),
            threading.Thread(target=self._read, args=(process.stdout, "info"), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, "warning"), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            self._watch()
        finally:
            self._end()
        self._drain(threads)
        if process.returncode:
            words = "\n".join(self._last_words[-LAST_WORDS:])
            raise Failed("exit", words, code=process.returncode)
        return self._result[1] if self._result else None

    def _watch(self) -> None:
        flushed_at = time.monotonic()
        while self._process.poll() is None and not self._job.must_stop:
            self._job.wait(LOOK_SECONDS / 2)
            if time.monotonic() - flushed_at >= FLUSH_SECONDS:
                flushed_at = time.monotonic()
                self._flush()

    def _end(self) -> None:
        """Ask it to end, then make it; what it started too."""
        if self._process.poll() is None:
            _signal(self._process, 15)
            try:
                self._process.wait(KILL_AFTER_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(self._process, 9)
                self._process.wait()

    def _drain(self, threads: Sequence[threading.Thread]) -> None:
        """Take what it said last; whoever it left behind may keep its output open for good."""
        until = time.monotonic() + KILL_AFTER_SECONDS
        while any(thread.is_alive() for thread in threads) and time.monotonic() < until:
            self._flush()
            threads[-1].join(LOOK_SECONDS / 10)
        self._flush()

    def _feed(self) -> None:
        assert self._process.stdin is not None
        try:
            with self._process.stdin as stdin:
                stdin.write(json.dumps(self._job.task).encode() + b"\n")
        except OSError:
            pass  # it does not care for its task

    def _read(self, stream: IO[bytes], level: str) -> None:
        with stream:
            for raw in stream:
                self._take(raw.decode(errors="replace").rstrip("\r\n"), level)

    def _take(self, line: str, level: str) -> None:
        if not line.strip():
            return
        if level == "info" and (value := _json_object(line)) is not None:
            # The last one is the result; those before it were only lines.
            line, self._result = (self._result or ("", {}))[0], (line, value)
            if not line:
                return
        elif level == "warning":
            self._last_words = [*self._last_words[-LAST_WORDS:], line]
        self._lines.put((level, line))

    def _flush(self) -> None:
        for level, lines in _grouped(self._lines):
            self._job.log(*lines, level=level)


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        process.send_signal(number)


def _grouped(lines: "queue.Queue[tuple[str, str]]") -> Iterator[tuple[str, list[str]]]:
    """What waits, in order, as runs of one level."""
    run: list[str] = []
    level = ""
    while True:
        try:
            next_level, line = lines.get_nowait()
        except queue.Empty:
            break
        if run and (next_level != level or len(run) >= MOST_LINES_AT_ONCE):
            yield level, run
            run = []
        level = next_level
        run.append(line)
    if run:
        yield level, run


def _json_object(line: str) -> Json | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
