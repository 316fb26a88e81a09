"""Fill a new database with tasks and somebody signed in. Runs where Django is set up."""

import json
import sys
from io import StringIO

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from accounts.callers import Caller, caller_for_user
from execution import services
from execution.changes import TaskChange
from execution.enums import TaskStatus
from execution.services import NewTask

WORKED_ON = 64


def main(tasks: int) -> None:
    """Print the session of a head and the ids of tasks in progress, as JSON."""
    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_demo", tasks=tasks, stdout=StringIO(), stderr=StringIO())
    head = User.objects.get(username="head")
    client = Client()
    client.force_login(head)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    made = {"session": session, "task_ids": tasks_in_progress(caller_for_user(head))}
    sys.stdout.write(json.dumps(made))


def tasks_in_progress(caller: Caller) -> list[str]:
    task = NewTask("listing_optimization", "Otimizar título", "amazon", 60.0)
    made = services.create_tasks([task] * WORKED_ON, caller=caller)
    task_ids = [state.row["task_id"] for state in made]
    for task_id in task_ids:
        services.update_task(task_id, TaskChange(TaskStatus.IN_PROGRESS), caller=caller)
    return task_ids
