"""One socket by the book: in a group, told of each change."""

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

GROUP = "tasks"


class TaskConsumer(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        if not self.scope["user"].is_authenticated:
            await self.close()
            return
        await self.channel_layer.group_add(GROUP, self.channel_name)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(GROUP, self.channel_name)

    async def task_changed(self, event: dict[str, Any]) -> None:
        await self.send_json({"type": "changed", "task": event["task"]})
