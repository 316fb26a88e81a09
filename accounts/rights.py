"""What many people may do, by a few statements whatever their number.

`User.get_all_permissions` takes two for each person, which beside a thousand open pages were
seconds.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Final

from django.contrib.auth.models import Group, Permission, User

from nexo.shared.reading import TableReader, among

_TYPE: Final = "JOIN django_content_type type ON type.id = auth_permission.content_type_id"
_PERMISSION: Final = f"JOIN auth_permission ON auth_permission.id = permission_id {_TYPE}"
_NAMES: Final = {"app_label": "type.app_label", "codename": "auth_permission.codename"}
_ALL: Final = TableReader[dict[str, Any]](Permission, (), join=_TYPE, joined=_NAMES)
_OF_GROUPS: Final = TableReader[dict[str, Any]](
    Group.permissions.through, ("group_id",), join=_PERMISSION, joined=_NAMES
)
_OF_PEOPLE: Final = TableReader[dict[str, Any]](
    User.user_permissions.through, ("user_id",), join=_PERMISSION, joined=_NAMES
)


def permissions_of(groups_of: Mapping[int, Collection[int]]) -> dict[int, frozenset[str]]:
    """What each user, active and no superuser, may do: by the groups given, or by themselves."""
    by_group = _by("group_id", _OF_GROUPS, {g for groups in groups_of.values() for g in groups})
    by_person = _by("user_id", _OF_PEOPLE, groups_of)
    return {
        user: frozenset(by_person[user]).union(*(by_group[group] for group in groups))
        for user, groups in groups_of.items()
    }


def all_permissions() -> frozenset[str]:
    """What a superuser may do."""
    return frozenset(_name(row) for row in _ALL.read())


def _by(
    column: str, reader: TableReader[dict[str, Any]], ids: Collection[int]
) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    if ids:
        for row in reader.read(f"WHERE {column} IN ({among(ids)})", sorted(ids)):
            found[row[column]].add(_name(row))
    return found


def _name(row: dict[str, Any]) -> str:
    return f"{row['app_label']}.{row['codename']}"
