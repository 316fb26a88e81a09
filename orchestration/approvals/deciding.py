"""Carry out decisions: each task in a transaction of its own, each with its outcome."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import InterfaceError, OperationalError
from rest_framework.exceptions import APIException

from accounts.callers import Caller
from execution import queries, services
from execution.commands import Command
from nexo.shared.errors import unavailable

DONE: Final = "done"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task: `code` is `done` or that of the refusal, which `sentence` tells."""

    task_id: str
    title: str
    code: str
    sentence: str = ""

    @property
    def is_done(self) -> bool:
        return self.code == DONE

    def as_json(self) -> dict[str, Any]:
        values = asdict(self)
        return {"taskId": values.pop("task_id"), **values}


def decide(
    chosen: Sequence[tuple[str, int]], command: Command, *, caller: Caller, reason: str | None
) -> list[Outcome]:
    """Give the command to each of the chosen (task id, version), in their order."""
    titles = queries.titles_of([task_id for task_id, _version in chosen])
    outcomes: list[Outcome] = []
    for task_id, version in chosen:
        title = titles.get(task_id, task_id)
        options = {"caller": caller, "reason": reason, "version": version}
        try:
            outcomes.append(_outcome(task_id, title, command, **options))
        except (OperationalError, InterfaceError) as error:
            # What was decided before stays decided, so the answer cannot be that nothing was.
            if not outcomes:
                raise
            rest = chosen[len(outcomes) :]
            away = unavailable(error)
            outcomes += [refused(one, titles.get(one, one), away) for one, _version in rest]
            break
    return outcomes


def _outcome(task_id: str, title: str, command: Command, **options: Any) -> Outcome:
    try:
        services.command_task(task_id, command, **options)
    except APIException as error:
        if error.status_code >= 500:
            raise
        return refused(task_id, title, error)
    return Outcome(task_id, title, DONE)


def refused(task_id: str, title: str, error: APIException) -> Outcome:
    return Outcome(task_id, title, str(error.get_codes()), str(error.detail))
