"""`websockets.broadcast` and nothing else: whatever one socket says, all the others are sent.

python -m benchmarks.limits.raw_websockets FD STAMPS
"""

import asyncio
import socket
import sys
from http import HTTPStatus
from pathlib import Path

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

from benchmarks.stamps import COMMITTED, PUBLISHED, Stamps

SPEAKER_PATH = "/speak"


class Audience:
    def __init__(self, stamps: Stamps) -> None:
        self._stamps = stamps
        self._listeners: set[ServerConnection] = set()

    async def join(self, connection: ServerConnection) -> None:
        if connection.request is not None and connection.request.path == SPEAKER_PATH:
            await self._repeat(connection)
            return
        self._listeners.add(connection)
        try:
            await connection.wait_closed()
        finally:
            self._listeners.discard(connection)

    async def _repeat(self, speaker: ServerConnection) -> None:
        async for message in speaker:
            self._stamps.leave(COMMITTED)
            self._stamps.leave(PUBLISHED)
            broadcast(self._listeners, message)


def answer_probes(connection: ServerConnection, request: Request) -> Response | None:
    if request.path == "/readyz":
        return connection.respond(HTTPStatus.OK, "ready\n")
    return None


async def main(listener: socket.socket, stamps: Stamps) -> None:
    async with serve(
        Audience(stamps).join,
        sock=listener,
        compression=None,
        ping_interval=None,
        process_request=answer_probes,
    ) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(socket.socket(fileno=int(sys.argv[1])), Stamps(Path(sys.argv[2]))))
