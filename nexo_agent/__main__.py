"""python -m nexo_agent --url http://127.0.0.1:8000 --agent alex -- COMMAND [ARGUMENT ...]

Works on the agent's tasks until it is stopped. Its token is read from the environment variable
NEXO_TOKEN. Per task the command gets the task as JSON on its standard input; the lines it prints
become log lines, the last JSON object among them the result, another exit code than 0 a failure.
"""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from nexo_agent.bell import Bell
from nexo_agent.client import NexoAgent
from nexo_agent.errors import NexoError
from nexo_agent.handlers import TOKEN_VARIABLE, Handler, command_handler, python_handler
from nexo_agent.words import LANGUAGES
from nexo_agent.worker import FOREVER, GRACE_SECONDS, Options, Worker


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("It must be 1 or more.")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < FOREVER:
        raise argparse.ArgumentTypeError("It must be a number over 0.")
    return number


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise argparse.ArgumentTypeError("It must look like http://127.0.0.1:8000.")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nexo_agent",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--url", type=_url, required=True, help="where NEXO is served")
    parser.add_argument("--agent", required=True, help="the agent's id")
    parser.add_argument("--concurrency", type=_count, default=1, help="tasks at once (1)")
    parser.add_argument("--limit", type=_count, help="end after so many tasks")
    parser.add_argument("--types", default="", help="task types to take, separated by commas")
    parser.add_argument("--timeout", type=_seconds, help="seconds that one task may take")
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=GRACE_SECONDS,
        help="seconds for what is under way when it is stopped (10)",
    )
    parser.add_argument("--language", choices=LANGUAGES, default="pt-br", help="of its notes")
    parser.add_argument("--handler", help="module:function that does the work, not a command")
    parser.add_argument("--verbose", action="store_true", help="say more")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="after --")
    return parser


def _handler(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> Handler:
    if bool(arguments.handler) == bool(arguments.command):
        parser.error("Give a command after --, or --handler module:function.")
    if not arguments.handler:
        return command_handler(arguments.command)
    try:
        return python_handler(arguments.handler)
    except ValueError as error:
        parser.error(str(error))


def main(argv: Sequence[str] | None = None) -> int:
    parser = _parser()
    arguments = parser.parse_args(argv)
    handler = _handler(parser, arguments)
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not token:
        parser.error(f"The agent's token is missing: put it into the variable {TOKEN_VARIABLE}.")
    logging.basicConfig(format="%(asctime)s %(message)s", stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("nexo_agent").setLevel(logging.DEBUG if arguments.verbose else logging.INFO)
    options = Options(
        concurrency=arguments.concurrency,
        limit=arguments.limit,
        task_types=[name for name in arguments.types.split(",") if name],
        timeout=arguments.timeout,
        grace=arguments.grace,
        language=arguments.language,
    )
    bell = Bell(arguments.url, arguments.agent, token)
    waits: list[Worker] = []
    client = NexoAgent(
        arguments.url,
        arguments.agent,
        token,
        sleep=lambda seconds: waits[0].pause(seconds),
    )
    worker = Worker(client, bell, handler, options)
    waits.append(worker)
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread: the one that is interrupted may hold the very lock that stopping takes.
        signal.signal(number, lambda *_: threading.Thread(target=worker.stop).start())
    try:
        worker.run()
    except NexoError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a command speaks
        return 1
    finally:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
