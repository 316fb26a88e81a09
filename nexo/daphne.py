"""Daphne on uvloop's event loop, which is quicker than Python's own."""

import sys
from contextlib import suppress

from twisted.internet import asyncioreactor


def main() -> None:
    # It is not made for every platform.
    with suppress(ImportError):
        import uvloop

        # Daphne takes a reactor that is there already.
        asyncioreactor.install(uvloop.new_event_loop())
    from daphne.cli import CommandLineInterface

    CommandLineInterface().run(sys.argv[1:])


if __name__ == "__main__":
    main()
