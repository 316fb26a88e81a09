"""Daphne on uvloop's event loop, which is quicker than Python's own, and quiet beside sockets."""

import sys
from contextlib import suppress

from twisted.internet import asyncioreactor


def main() -> None:
    # It is not made for every platform.
    with suppress(ImportError):
        import uvloop

        # Daphne takes a reactor that is there already.
        asyncioreactor.install(uvloop.new_event_loop())
    from nexo.daphne_server import CommandLine

    CommandLine().run(sys.argv[1:])


if __name__ == "__main__":
    main()
