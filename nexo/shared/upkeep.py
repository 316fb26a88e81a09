"""What Django does over and over and this site does not need."""

from django.conf import LazySettings
from django.core.signals import request_started
from django.db import close_old_connections, reset_queries


def spare() -> None:
    # Empties a list of queries that only DEBUG, which is never on, would fill.
    request_started.disconnect(reset_queries)
    # Looks at the thread's connection, as at the end of the request before; nobody had it since.
    request_started.disconnect(close_old_connections)
    # Looks at each setting whether it is a method to be passed on. Settings are read fifty times in
    # one call of the API, and none is.
    LazySettings.__getattribute__ = object.__getattribute__  # type: ignore[method-assign]  # on purpose
