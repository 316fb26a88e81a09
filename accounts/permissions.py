"""The permissions the program asks for by name. Groups hold them; code asks for no group."""

from typing import Final

from django.utils.translation import gettext_noop

LABELS: Final = (
    ("operate_tasks", gettext_noop("Can create and update tasks")),
    ("approve_tasks", gettext_noop("Can approve and reject tasks")),
    ("view_optimization", gettext_noop("Can see optimization, metrics and reports")),
    ("change_weights", gettext_noop("Can change weights")),
    ("run_orchestration", gettext_noop("Can activate NEXO, pause agents and act in bulk")),
    ("view_audit", gettext_noop("Can read the audit")),
    ("enter_admin", gettext_noop("Can enter the administration")),
    ("manage_accounts", gettext_noop("Can manage users, roles and tokens")),
)

OPERATE_TASKS: Final = "accounts.operate_tasks"
APPROVE_TASKS: Final = "accounts.approve_tasks"
VIEW_OPTIMIZATION: Final = "accounts.view_optimization"
CHANGE_WEIGHTS: Final = "accounts.change_weights"
RUN_ORCHESTRATION: Final = "accounts.run_orchestration"
VIEW_AUDIT: Final = "accounts.view_audit"
ENTER_ADMIN: Final = "accounts.enter_admin"
MANAGE_ACCOUNTS: Final = "accounts.manage_accounts"
