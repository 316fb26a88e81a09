"""Fill a new database with tasks and somebody signed in; prints what a client needs, as JSON.

python -m benchmarks.prepare TASKS
"""

import json
import os
import sys
from io import StringIO

import django
from django.conf import settings
from django.core.management import call_command

WORKED_ON = 64


def prepare(tasks: int) -> dict[str, object]:
    # These need Django to be set up.
    from django.contrib.auth.models import User
    from django.test import Client

    from accounts.callers import caller_for_user
    from execution import services
    from execution.changes import TaskChange
    from execution.enums import TaskStatus
    from execution.services import NewTask

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed_demo", tasks=tasks, stdout=StringIO(), stderr=StringIO())
    head = User.objects.get(username="head")
    client = Client()
    client.force_login(head)
    caller = caller_for_user(head)
    worked_on = services.create_tasks(
        [NewTask("listing_optimization", "Otimizar título", "amazon", 60.0)] * WORKED_ON,
        caller=caller,
    )
    task_ids = [state.row["task_id"] for state in worked_on]
    for task_id in task_ids:
        services.update_task(task_id, TaskChange(TaskStatus.IN_PROGRESS), caller=caller)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {"session": session, "task_ids": task_ids}


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexo.settings")
    django.setup()
    sys.stdout.write(json.dumps(prepare(int(sys.argv[1]))))
