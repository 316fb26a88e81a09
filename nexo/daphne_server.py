"""Daphne's server, which leaves thousands of open sockets alone while nothing happens to them.

Daphne asks every connection each second whether its application has ended and every two seconds how
old it is, and pings every socket: beside 2,000 of them that was most of what an idle process did.

And it reads, keeps and hands on whatever body anybody sends before it asks the application.
"""

from functools import partial
from typing import Any

import daphne.cli
import daphne.http_protocol
import daphne.server
from twisted.internet import reactor as _reactor

from nexo.shared import bodies

reactor: Any = _reactor  # typed by what it does not promise
TIMEOUTS_EVERY_SECONDS = 10
# The feed pings its sockets itself, and the system gives up those that acknowledge nothing.
NO_PINGS = ["--ping-interval", "86400"]


class Request(daphne.http_protocol.WebRequest):
    """A request of whose body no more is kept than shows that it is too long.

    Twisted keeps it all on the disk and Daphne hands it on in memory. Twisted's own reading of
    forms stays off: Django reads them in a thread, and on the event loop four megabytes of them
    held up every socket for a second.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, parsePOSTFormSubmission=False, **options)
        self._arrived_bytes = 0

    def handleContentChunk(self, data: bytes) -> None:
        self._arrived_bytes += len(data)
        room = max(0, bodies.LARGEST_BYTES + 1 - self.content.tell())
        super().handleContentChunk(data[:room])
        if self._arrived_bytes > bodies.DROPPED_BYTES and self.channel is not None:
            self.channel.forceAbortClient()


class HTTPFactory(daphne.server.HTTPFactory):
    def buildProtocol(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        protocol.requestFactory = Request
        return protocol


class Server(daphne.server.Server):
    connections: dict[Any, dict[str, Any]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._changed: set[Any] = set()

    def create_application(self, protocol: Any, scope: Any) -> Any:
        queue = super().create_application(protocol, scope)
        if queue is not None:
            application = self.connections[protocol]["application_instance"]
            application.add_done_callback(partial(self._note, protocol))
        return queue

    def protocol_disconnected(self, protocol: Any) -> None:
        super().protocol_disconnected(protocol)
        self._note(protocol)

    def _note(self, protocol: Any, _application: Any = None) -> None:
        self._changed.add(protocol)

    def application_checker(self) -> None:
        """Show Daphne's own check only those whose application or connection has ended."""
        everything, changed = self.connections, self._changed
        self.connections = {one: everything[one] for one in changed if one in everything}
        super().application_checker()
        for one in changed.difference(self.connections):
            everything.pop(one, None)
        # Its application may still be running.
        self._changed = {one for one, kept in self.connections.items() if "disconnected" in kept}
        self.connections = everything

    def timeout_checker(self) -> None:
        for protocol in tuple(self.connections):
            protocol.check_timeouts()
        reactor.callLater(TIMEOUTS_EVERY_SECONDS, self.timeout_checker)


class CommandLine(daphne.cli.CommandLineInterface):
    server_class = Server

    def run(self, args: list[str]) -> None:
        # Its server makes the factory by this name, and offers no other way.
        daphne.server.HTTPFactory = HTTPFactory
        super().run([*NO_PINGS, *args])
