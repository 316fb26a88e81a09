"""Threads of one process take turns at writing to SQLite.

It lets one connection write at a time and has the others sleep, a little longer each time, up to a
tenth of a second, whether or not it has become free meanwhile. Here they wait for one another, are
woken when it is their turn, and whoever has the turn is the only one of them to ask SQLite.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import OperationalError


class TurnNotCome(OperationalError):
    """Others wrote for too long; the transaction has not begun."""


Step = Callable[[Any], None]

# By the database's file.
_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def take_turns(connection: Any, *, begin: Step, commit: Step) -> None:
    """Have a new connection to SQLite wait before its transactions, which begin and end so."""
    connection._start_transaction_under_autocommit = partial(_begin, connection, begin)
    connection._commit = partial(_commit, connection, commit)
    connection._rollback = partial(_end, connection, type(connection)._rollback)
    connection._close = partial(_end, connection, type(connection)._close)


def _begin(connection: Any, begin: Step) -> None:
    turn = _turns[connection.settings_dict["NAME"]]
    if not turn.acquire(timeout=settings.LOCK_TIMEOUT_SECONDS):
        raise TurnNotCome("database is locked")
    connection.turn = turn
    try:
        begin(connection)
    except BaseException:
        _let_go(connection)
        raise


def _commit(connection: Any, commit: Step) -> None:
    # Where that fails the transaction goes on, and Django rolls it back.
    commit(connection)
    _let_go(connection)


def _end(connection: Any, end: Step) -> None:
    try:
        end(connection)
    finally:
        _let_go(connection)


def _let_go(connection: Any) -> None:
    turn = vars(connection).pop("turn", None)
    if turn is not None:
        turn.release()
