"""The bell against servers that are made up here."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from nexo_agent.bell import Bell
from tests.nexo_agent.workers import eventually

pytestmark = pytest.mark.unit


@contextmanager
def answering(answer: Callable[[], bytes]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that answers everybody the same; its address, and what it was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    caller, _ = listening.accept()
                except OSError:
                    return
                with caller:
                    asked.append(caller.recv(65536))
                    caller.sendall(answer())

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", asked
        listening.shutdown(socket.SHUT_RDWR)


def test_the_token_goes_to_no_server_that_a_redirect_names() -> None:
    with answering(lambda: b"HTTP/1.1 403 No\r\n\r\n") as (elsewhere, stolen):
        redirect = f"HTTP/1.1 302 Found\r\nLocation: ws://{elsewhere}/\r\n\r\n".encode()
        with answering(lambda: redirect) as (here, asked):
            bell = Bell(f"http://{here}", "alex", "secret")
            # The second time tells that the first has ended.
            eventually(lambda: len(asked) > 1)
            bell.close()
    assert b"token.secret" in asked[0]
    assert stolen == []


@pytest.mark.parametrize(
    "odd", ["[]", "5", "null", "no JSON", "[" * 100_000], ids=lambda odd: odd[:9]
)
def test_a_message_that_means_nothing_is_a_lost_bell_which_is_rung_for_again(odd: str) -> None:
    said = [odd, '{"type": "work", "open": 1}']

    def speak(connection: ServerConnection) -> None:
        connection.send(said.pop(0) if said else odd)
        time.sleep(1)

    with serve(speak, "127.0.0.1", 0, select_subprotocol=lambda *_: "nexo.v1") as server:  # type: ignore[arg-type,return-value]  # a plain name
        threading.Thread(target=server.serve_forever, daemon=True).start()
        bell = Bell(f"http://127.0.0.1:{server.socket.getsockname()[1]}", "alex", "secret")
        assert eventually(bell._rung.is_set)
        bell.close()
        server.shutdown()
