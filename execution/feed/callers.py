"""Who stands behind the open sockets, and whether they still may listen."""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from accounts import access
from accounts.access import Credential
from accounts.callers import Caller
from execution.feed.connection import Connection

RECHECK_SECONDS: Final = 5.0
CLOSE_UNAUTHENTICATED: Final = 4401


class Crowd:
    """How many sockets of every kind each caller has open here.

    All sessions of a person count together, each token by itself: whoever runs many programs gives
    each its own.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    def let_in(self, credential: Credential, caller: Caller) -> bool:
        name = credential.token_hash or caller.actor
        if self._open[name] >= self._most:
            return False
        self._open[name] += 1
        return True

    def let_out(self, credential: Credential, caller: Caller) -> None:
        name = credential.token_hash or caller.actor
        self._open[name] -= 1
        if not self._open[name]:
            del self._open[name]


class Callers:
    """The sockets by whom they were opened: of thousands, many are often one session's."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[Credential, Caller], set[Connection]] = {}

    def add(self, socket: Connection) -> None:
        self._sockets.setdefault((socket.credential, socket.caller), set()).add(socket)

    def remove(self, socket: Connection) -> None:
        opener = socket.credential, socket.caller
        sockets = self._sockets[opener]
        sockets.discard(socket)
        if not sockets:
            del self._sockets[opener]

    async def check_again(self, read: Callable[..., Awaitable[Any]]) -> None:
        """Close the sockets whose session, token, account or role has ended."""
        credentials = {credential for credential, _caller in self._sockets}
        if not credentials:
            return
        callers = await read(access.current_callers, credentials)
        for (credential, before), sockets in tuple(self._sockets.items()):
            if credential not in callers:
                continue  # they came meanwhile
            if not access.still_holds(before, callers[credential]):
                for socket in tuple(sockets):
                    socket.end(CLOSE_UNAUTHENTICATED)
