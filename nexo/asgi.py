"""One ASGI application: probes, static files, HTTP in threads, and the live feed's sockets."""

import gc
import os

gc.disable()  # until all is loaded: it looks for garbage where there is none, a fifth of the time
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")

import django

django.setup(set_prefix=False)  # what follows needs that

from channels.routing import ProtocolTypeRouter
from django.conf import settings

from execution.feed.runtime import current_feed
from nexo.health import AsgiApplication, Health, Message, Receive, Send
from nexo.routing import websocket_application
from nexo.shared.requests import NexoHandler
from nexo.shared.static import with_static_files
from nexo.shared.threads import ThreadedWSGI, has_left

_threads = ThreadedWSGI(NexoHandler(), threads=settings.HTTP_THREADS)


def with_feed(inner: AsgiApplication) -> AsgiApplication:
    """A process that only writes must ring the others too: it has a feed from its first request."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and has_left(send):
            return
        current_feed()
        await inner(scope, receive, send)

    return application


application = with_feed(
    Health(
        ProtocolTypeRouter(
            {
                "http": with_static_files(_threads),
                "lifespan": _threads,
                "websocket": websocket_application,
            }
        )
    )
)

# What is loaded by now lives as long as the process: with 2,000 sockets, a full collection that
# walks it all took 170 ms.
gc.collect()
gc.freeze()
# A call makes a few thousand objects; by default the young are looked through at every seventh
# hundred, which cost a call 5 %.
gc.set_threshold(10_000, 20, 20)
gc.enable()
