"""The three groups and what each may do; editable in the admin afterwards."""

from django.apps.registry import Apps
from django.db import migrations

GRANTS = {
    "admin": (
        "operate_tasks",
        "approve_tasks",
        "view_optimization",
        "change_weights",
        "run_orchestration",
        "view_audit",
        "enter_admin",
        "manage_accounts",
    ),
    "head": (
        "operate_tasks",
        "approve_tasks",
        "view_optimization",
        "change_weights",
        "run_orchestration",
        "view_audit",
    ),
    "qa": ("approve_tasks", "view_optimization"),
}


def grant(apps: Apps, schema_editor: object) -> None:
    # Django makes permissions after all migrations have run; these are needed now.
    permission_model = apps.get_model("auth", "Permission")
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="accounts", model="capability"
    )
    names = dict(apps.get_model("accounts", "Capability")._meta.permissions)
    for group_name, codenames in GRANTS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=group_name)
        for codename in codenames:
            permission, _ = permission_model.objects.get_or_create(
                content_type=content_type, codename=codename, defaults={"name": names[codename]}
            )
            group.permissions.add(permission)


def remove(apps: Apps, schema_editor: object) -> None:
    apps.get_model("auth", "Group").objects.filter(name__in=GRANTS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tokens_and_capabilities"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(grant, remove)]
