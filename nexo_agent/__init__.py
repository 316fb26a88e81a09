"""Work for NEXO: a typed client for an agent, and a worker around it (`python -m nexo_agent`).

Needs httpx; with `websockets` a waiting worker is rung for, without it asks now and then. Nothing
here knows the server's own code: copy the folder wherever the agent lives.
"""

from nexo_agent.calls import Held
from nexo_agent.client import AsyncNexoAgent, NexoAgent
from nexo_agent.errors import Away, LeaseLost, Moved, NexoError, Refused, TokenRefused

__all__ = [
    "AsyncNexoAgent",
    "Away",
    "Held",
    "LeaseLost",
    "Moved",
    "NexoAgent",
    "NexoError",
    "Refused",
    "TokenRefused",
]
