"""What the simulation knows of the tasks it moves, and which one moves next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from execution.enums import ENDED_STATUSES, TaskStatus
from execution.simulation.decisions import Action, create_action, next_action

MAX_OPEN: Final = 24
MAX_WAITING: Final = 8
# Some are left waiting, for the people who want to decide themselves.
KEEP_WAITING: Final = 4
SHARE_CREATED: Final = 0.3
NEW_TASK: Final = "new"
# Without a lease a person is at it.
UNDER_WAY: Final = (TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC)


@dataclass(slots=True)
class Board:
    """Open tasks and fresh failures of `agents`, by id.

    What is `resting` counts but does not move until the server has been looked at again.
    """

    agents: Sequence[str]
    rng: Random
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    resting: set[str] = field(default_factory=set)
    leases: dict[str, str] = field(default_factory=dict)
    come: set[str] = field(default_factory=set)

    def hold(self, task: dict[str, Any], lease_id: str) -> dict[str, Any]:
        """An agent has claimed the task; the task as it is known from now on."""
        self.leases[task["taskId"]] = lease_id
        self.update(task)
        return {**task, "leaseId": lease_id}

    def leases_of(self, agent: str) -> list[str] | None:
        """Those that the agent is at; None when it has only come, and takes up what it has."""
        if agent not in self.come:
            return None
        return [
            lease_id
            for task_id, lease_id in self.leases.items()
            if self.tasks.get(task_id, {}).get("agentId") == agent
        ]

    def keep_leases(self, agent: str, held: Mapping[str, str]) -> None:
        """The agent's leases are these, by task; what is not on the board it leaves lying."""
        self.come.add(agent)
        kept = {
            task_id: lease_id
            for task_id, lease_id in self.leases.items()
            if task_id in self.tasks and self.tasks[task_id]["agentId"] != agent
        }
        mine = {task_id: held[task_id] for task_id in held if task_id in self.tasks}
        self.leases = kept | mine

    def update(self, task: dict[str, Any]) -> None:
        """Keep what can still move."""
        if task["status"] == TaskStatus.COMPLETED or task["agentId"] not in self.agents:
            self.forget(task["taskId"])
        else:
            if task["status"] in ENDED_STATUSES:
                self.leases.pop(task["taskId"], None)
            self.tasks[task["taskId"]] = task
            self.resting.discard(task["taskId"])

    def rest(self, action: Action) -> None:
        """After a refusal: neither that task, nor another new one, until the next look."""
        if action.is_claim:
            self.resting.update(
                task["taskId"]
                for task in self.tasks.values()
                if task["agentId"] == action.by and task["status"] == TaskStatus.APPROVED
            )
        else:
            self.resting.add(action.task_id or NEW_TASK)
            self.leases.pop(action.task_id, None)

    def replace(self, agent: str, tasks: Iterable[dict[str, Any]]) -> None:
        """Take over what the server says of an agent's open tasks; its failures stay known."""
        held = dict(self.leases)
        for task in [task for task in self.tasks.values() if task["agentId"] == agent]:
            if task["status"] != TaskStatus.FAILED or task["taskId"] in self.resting:
                self.forget(task["taskId"])
        self.resting.discard(NEW_TASK)
        self.leases |= held
        for task in tasks:
            self.update(task)

    def forget(self, task_id: str) -> None:
        self.tasks.pop(task_id, None)
        self.resting.discard(task_id)
        self.leases.pop(task_id, None)

    def next_action(self) -> Action | None:
        """Something new while there is little to do, else the next step of any task."""
        waiting = [t for t in self.tasks.values() if t["status"] == TaskStatus.PENDING]
        if self._wants_more(len(waiting)):
            return create_action(self.agents, self.rng)
        spare = len(waiting) > KEEP_WAITING
        movable = [
            task
            for task in self.tasks.values()
            if task["taskId"] not in self.resting
            and (spare or task["status"] != TaskStatus.PENDING)
            and (task["status"] not in UNDER_WAY or task["taskId"] in self.leases)
        ]
        if not movable:
            return None
        task = self.rng.choice(movable)
        lease_id = self.leases.get(task["taskId"])
        action = next_action({**task, "leaseId": lease_id} if lease_id else task, self.rng)
        if action is None:
            self.forget(task["taskId"])
        return action

    def _wants_more(self, waiting: int) -> bool:
        open_tasks = sum(task["status"] != TaskStatus.FAILED for task in self.tasks.values())
        if open_tasks >= MAX_OPEN or waiting >= MAX_WAITING or NEW_TASK in self.resting:
            return False
        return waiting <= KEEP_WAITING or self.rng.random() < SHARE_CREATED
