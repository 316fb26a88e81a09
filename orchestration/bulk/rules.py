"""Who may order what, and which tasks an order cannot be carried out on.

Pure. The services of the execution core decide for each task; what is told before (the dry run) is
told by the same table.
"""

from datetime import timedelta
from typing import Final

from accounts.callers import Caller
from accounts.permissions import APPROVE_TASKS, OPERATE_TASKS, RUN_ORCHESTRATION
from execution.changes import RESYNC_STATUSES
from execution.commands import RULES, Command
from execution.enums import TaskStatus
from orchestration.bulk.enums import BulkAction

# Up to here the request itself does the work; above, a worker.
DIRECT_LIMIT: Final = 500
MAX_TASK_IDS: Final = 10_000
# A filter may match more; freezing them is one statement that others wait for.
MAX_TASKS: Final = 100_000
UNDO_WITHIN: Final = timedelta(minutes=10)

DECISIONS: Final = (BulkAction.APPROVE, BulkAction.REJECT)


def sources(action: BulkAction) -> tuple[TaskStatus, ...]:
    """The statuses that the action can be done in."""
    return RESYNC_STATUSES if action == BulkAction.SYNC else RULES[Command(action)].sources


def may_order(action: BulkAction, caller: Caller, *, decides_by_ids: bool) -> bool:
    """`decides_by_ids`: up to 500 tasks, each named, as the approvals inbox sends them."""
    if caller.agent_id is not None:
        return False
    if decides_by_ids and action in DECISIONS:
        return caller.may(APPROVE_TASKS)
    own = APPROVE_TASKS if action in DECISIONS else OPERATE_TASKS
    return caller.may(RUN_ORCHESTRATION) and caller.may(own)


def refusal(action: BulkAction, status: TaskStatus) -> str | None:
    """Why the action cannot be done in this status, as a code; None when it can."""
    return None if status in sources(action) else "invalid_transition"


def may_order_any(caller: Caller) -> bool:
    """Whether there is anything that the caller might order."""
    return any(may_order(action, caller, decides_by_ids=True) for action in BulkAction)
