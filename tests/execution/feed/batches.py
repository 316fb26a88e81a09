"""Batches of changes as the tailer makes them, without a database."""

from collections.abc import Sequence

from execution.feed.frames import Batch


def batch(previous: int, sequence: int, *, tasks: int = 1, padding: int = 0) -> Batch:
    """The events previous + 1 … sequence, in turn about so many tasks."""
    events = [
        {"sequence": number, "taskId": f"task-{number % tasks}"}
        for number in range(previous + 1, sequence + 1)
    ]
    newest = {event["taskId"]: event["sequence"] for event in events}
    return Batch(
        previous=previous,
        sequence=sequence,
        events=events,
        tasks={
            str(task_id): {"taskId": task_id, "sequence": number, "title": "x" * padding}
            for task_id, number in newest.items()
        },
        summary={"all": {"total": sequence}},
    )


def batches(sizes: Sequence[int], *, tasks: int = 1) -> list[Batch]:
    made: list[Batch] = []
    for size in sizes:
        previous = made[-1].sequence if made else 0
        made.append(batch(previous, previous + size, tasks=tasks))
    return made
