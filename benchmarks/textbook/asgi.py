"""Django's own handler for HTTP, Channels' own stack for sockets."""

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()

# isort: split
from benchmarks.textbook.consumers import TaskConsumer  # noqa: E402  # Django is set up by now

sockets = URLRouter([path("ws/tasks/", TaskConsumer.as_asgi())])
application = ProtocolTypeRouter(
    {"http": http, "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(sockets))}
)
