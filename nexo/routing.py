"""Every socket path of the site; one that leads nowhere is closed with 4404."""

from channels.routing import URLRouter
from django.urls import re_path

from execution.consumers import unknown_path
from execution.routing import websocket_urlpatterns

websocket_application = URLRouter([*websocket_urlpatterns, re_path(r"", unknown_path)])  # type: ignore[arg-type]  # ASGI applications
