"""A line of the audit as people read it, on the page and in the CSV alike."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from accounts.models import Scope
from accounts.permissions import LABELS
from accounts.roles import Role
from execution.enums import EventKind
from execution.texts import NO_NAMES, actor_text, event_text, exact_text
from nexo.shared.clock import BUSINESS_ZONE
from nexo.shared.spreadsheets import instant_text
from optimization.forms import plain
from optimization.representations import WEIGHT_KEYS
from orchestration import texts
from orchestration.audit import FAILURES, OF_AGENTS, ROLE, TASK, Line, Source
from orchestration.bulk.enums import BulkAction
from orchestration.bulk.texts import title_text

KINDS: Final = {
    TASK: pgettext_lazy("audited", "task"),
    "agent": pgettext_lazy("audited", "agent"),
    "weight": pgettext_lazy("audited", "weights"),
    "role": pgettext_lazy("audited", "role"),
    "token": pgettext_lazy("audited", "token"),
    "user": pgettext_lazy("audited", "person"),
    "plan": pgettext_lazy("audited", "plan"),
    "template": pgettext_lazy("audited", "template"),
    "bulk": pgettext_lazy("audited", "bulk action"),
    "view": pgettext_lazy("audited", "saved view"),
    "marketplace": pgettext_lazy("audited", "marketplace"),
    "specialty": pgettext_lazy("audited", "specialty"),
}
"""Kinds of what is audited, in the order of the filter; others are shown by their own name."""

DEEDS: Final = {
    "created": gettext_lazy("%(actor)s created: %(object)s"),
    "changed": gettext_lazy("%(actor)s changed: %(object)s"),
    "deleted": gettext_lazy("%(actor)s deleted: %(object)s"),
    "roles_changed": gettext_lazy("%(actor)s changed the roles of %(id)s"),
    "password_set": gettext_lazy("%(actor)s set another password for %(id)s"),
    "second_factor_enrolled": gettext_lazy("%(actor)s turned on the second factor of %(id)s"),
    "second_factor_removed": gettext_lazy("%(actor)s turned off the second factor of %(id)s"),
    "second_factor_reset": gettext_lazy("%(actor)s reset the second factor of %(id)s"),
    "second_factor_failed": gettext_lazy("A wrong code was given for %(id)s"),
    "recovery_codes_made": gettext_lazy("%(actor)s made new recovery codes for %(id)s"),
    "recovery_code_used": gettext_lazy("%(actor)s used a recovery code of %(id)s"),
    "sign_in_ended": gettext_lazy("%(actor)s ended a sign-in of %(id)s"),
    "issued": gettext_lazy("%(actor)s issued the token %(id)s"),
    "revoked": gettext_lazy("%(actor)s revoked the token %(id)s"),
    "weights_set": gettext_lazy("%(actor)s fixed the weights of %(id)s"),
    "weights_cleared": gettext_lazy("%(actor)s returned the weights of %(id)s to adaptive"),
    "paused": gettext_lazy("%(actor)s paused: %(object)s"),
    "resumed": gettext_lazy("%(actor)s resumed: %(object)s"),
    "activate": gettext_lazy("%(actor)s activated: %(object)s"),
    "shared": gettext_lazy("%(actor)s shared: %(object)s"),
    "unshared": gettext_lazy("%(actor)s stopped sharing: %(object)s"),
}
"""Sentences of what is no task's event; any other action is told by its own name."""

ACTIONS: Final = {
    **{kind.value: kind.label for kind in EventKind},
    **{reason.value: reason.label for reason in FAILURES},
    "created": pgettext_lazy("audited action", "created"),
    "changed": pgettext_lazy("audited action", "changed"),
    "deleted": pgettext_lazy("audited action", "deleted"),
    "roles_changed": pgettext_lazy("audited action", "roles changed"),
    "password_set": pgettext_lazy("audited action", "password set"),
    "second_factor_enrolled": pgettext_lazy("audited action", "second factor turned on"),
    "second_factor_removed": pgettext_lazy("audited action", "second factor turned off"),
    "second_factor_reset": pgettext_lazy("audited action", "second factor reset"),
    "second_factor_failed": pgettext_lazy("audited action", "wrong code"),
    "recovery_codes_made": pgettext_lazy("audited action", "recovery codes made"),
    "recovery_code_used": pgettext_lazy("audited action", "recovery code used"),
    "sign_in_ended": pgettext_lazy("audited action", "sign-in ended"),
    "issued": pgettext_lazy("audited action", "token issued"),
    "revoked": pgettext_lazy("audited action", "token revoked"),
    "weights_set": pgettext_lazy("audited action", "weights fixed"),
    "weights_cleared": pgettext_lazy("audited action", "weights adaptive again"),
    "paused": pgettext_lazy("audited action", "paused"),
    "resumed": pgettext_lazy("audited action", "resumed"),
    "activate": pgettext_lazy("audited action", "activated"),
    "shared": pgettext_lazy("audited action", "shared"),
    "unshared": pgettext_lazy("audited action", "no longer shared"),
    "bulk_approve": pgettext_lazy("audited action", "approved in bulk"),
    "bulk_reject": pgettext_lazy("audited action", "rejected in bulk"),
    "bulk_retry": pgettext_lazy("audited action", "tried again in bulk"),
    "bulk_cancel": pgettext_lazy("audited action", "cancelled in bulk"),
    "bulk_assign": pgettext_lazy("audited action", "assigned in bulk"),
    "bulk_sync": pgettext_lazy("audited action", "sent again in bulk"),
    "bulk_undo": pgettext_lazy("audited action", "bulk action undone"),
}
"""What the filter offers; it takes any other name too."""

FIELDS: Final = {
    "username": gettext_lazy("username"),
    "first_name": gettext_lazy("first name"),
    "last_name": gettext_lazy("last name"),
    "email": gettext_lazy("email"),
    "is_active": gettext_lazy("active"),
    "active": gettext_lazy("active"),
    "is_superuser": gettext_lazy("superuser"),
    "groups": gettext_lazy("roles"),
    "name": gettext_lazy("name"),
    "permissions": gettext_lazy("rights"),
    "home_id": gettext_lazy("home marketplace"),
    "is_paused": gettext_lazy("paused"),
    "capacity": gettext_lazy("capacity"),
    "marketplaces": gettext_lazy("marketplaces"),
    "specialties": gettext_lazy("specialties"),
    "short_name": gettext_lazy("short name"),
    "approvalRate": gettext_lazy("approval rate"),
    "completionRate": gettext_lazy("completion rate"),
    "executionTime": gettext_lazy("execution time"),
    "title": gettext_lazy("title"),
    "estimated_minutes": gettext_lazy("estimate in minutes"),
    "agent_id": gettext_lazy("agent"),
    "priority": gettext_lazy("priority"),
    "targets": gettext_lazy("targets"),
    "owner": gettext_lazy("owner"),
    "filters": gettext_lazy("filters"),
    "address": gettext_lazy("address"),
    "browser": gettext_lazy("browser"),
    "scope": gettext_lazy("scope"),
    "expires_at": gettext_lazy("expires at"),
}
ORIGINS: Final = {
    "command": gettext_lazy("command line"),
    "worker": gettext_lazy("background work"),
    "scheduler": gettext_lazy("schedule"),
}
RIGHTS: Final = dict(LABELS)
NOTHING: Final = "—"
BULK: Final = "bulk"
PLAN: Final = "plan"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line in words; `actor`, `action`, `kind` and `origin` are also as they are kept.

    `what` leaves out who, which has a place of its own; `title` is empty where the id is the name.
    """

    at: datetime
    actor: str
    actor_text: str
    what: str
    change: str
    action: str
    kind: str
    kind_text: str
    object_id: str
    title: str
    why: str
    origin: str
    origin_text: str
    details: Mapping[str, Any] | None


def audit_row(line: Line, names: Mapping[str, str] = NO_NAMES) -> AuditRow:
    """`names` are those of agents, by id."""
    is_event = line.place.source == Source.EVENT
    return _event_row(line.row, names) if is_event else _entry_row(line.row, names)


def _event_row(event: Mapping[str, Any], names: Mapping[str, str]) -> AuditRow:
    # The reason has a column of its own.
    details = dict(event["details"] or {})
    why = event["reason"] or details.get("error") or ""
    bare = {name: value for name, value in details.items() if name != "error"}
    # A hold's id is its agent's own, and no part of what was done.
    details.pop("lease", None)
    reason = event["failure_reason"]
    actor = actor_text(event["actor"], names)
    sentence = event_text({**event, "reason": None, "details": bare}, names)
    return AuditRow(
        at=event["at"],
        actor=event["actor"],
        actor_text=actor,
        what=_without_actor(sentence, actor),
        change=_edits_text(details.get("edits")),
        action=reason if reason in FAILURES else event["kind"],
        kind=TASK,
        kind_text=kind_text(TASK),
        object_id=event["task__task_id"],
        title=event["task__title"],
        why=str(why),
        origin=event["origin"] or "",
        origin_text=origin_text(event["origin"]),
        details=details or None,
    )


def _entry_row(entry: Mapping[str, Any], names: Mapping[str, str]) -> AuditRow:
    kind, object_id = entry["object_kind"], entry["object_id"]
    actor = actor_text(entry["actor"], names)
    title = _title(entry, names)
    return AuditRow(
        at=entry["at"],
        actor=entry["actor"],
        actor_text=actor,
        what=_without_actor(_sentence(entry, actor, title), actor),
        change=_plan_text(entry["details"]) if kind == PLAN else change_text(entry["details"]),
        action=entry["action"],
        kind=kind,
        kind_text=kind_text(kind),
        object_id=object_id,
        title=title,
        why=entry["reason"],
        origin=entry["origin"] or "",
        origin_text=origin_text(entry["origin"]),
        details=entry["details"],
    )


def _sentence(entry: Mapping[str, Any], actor: str, title: str) -> str:
    kind, object_id, action = entry["object_kind"], entry["object_id"], entry["action"]
    if kind == BULK and title:
        return _("Bulk action: %(title)s") % {"title": title}
    if kind == PLAN and action == "activate":
        return _("%(actor)s activated the playbook") % {"actor": actor}
    name = title or object_id
    values = {"actor": actor, "id": name, "object": f"{kind_text(kind)} {name}"}
    sentence = DEEDS.get(action)
    if sentence is None:
        values["action"] = action.replace("_", " ")
        sentence = gettext_lazy("%(actor)s: %(action)s, %(object)s")
    return str(sentence % values)


def _without_actor(sentence: str, actor: str) -> str:
    """`Rejected the task` of `qa rejected the task`: who did it stands beside it."""
    if not actor or not sentence.startswith((f"{actor} ", f"{actor}: ")):
        return sentence
    rest = sentence[len(actor) :].lstrip(": ")
    return rest[:1].upper() + rest[1:]


def _title(entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """What people call the object, where that is not its id."""
    kind, details = entry["object_kind"], entry["details"]
    if kind == ROLE and entry["object_id"] in Role.values:
        return str(Role(entry["object_id"]).label)
    if kind in OF_AGENTS:
        return names.get(entry["object_id"], "")
    action = entry["action"].removeprefix("bulk_")
    if kind != BULK or action not in BulkAction.values or not isinstance(details, Mapping):
        return ""
    total = details.get("total")
    return title_text(action, total) if isinstance(total, int) else ""


def _plan_text(details: Any) -> str:
    """What an activation made; of a scheduled one also when it was due, and what was missed."""
    known = details if isinstance(details, Mapping) else {}
    made, skipped, due = known.get("tasks"), known.get("skipped"), known.get("dueAt")
    if not isinstance(made, int) or not isinstance(skipped, int):
        return ""
    parts = [texts.plan_outcome(made, skipped)]
    if isinstance(due, str):
        missed = known.get("missed")
        parts.append(
            texts.due_text(datetime.fromisoformat(due), missed if isinstance(missed, int) else 0)
        )
    return "; ".join(parts)


def kind_text(kind: str) -> str:
    return str(KINDS.get(kind, kind))


def origin_text(origin: str | None) -> str:
    return str(ORIGINS.get(origin, origin)) if origin else NOTHING


# -- Old and new -----------------------------------------------------------------------------------


def _edits_text(edits: Any) -> str:
    """What an edit of a task changed: `{field: [old, new]}`."""
    if not isinstance(edits, Mapping):
        return ""
    pairs = {name: pair for name, pair in edits.items() if isinstance(pair, list | tuple)}
    old = {name: pair[0] for name, pair in pairs.items() if len(pair) == 2}
    new = {name: pairs[name][1] for name in old}
    return change_text({"old": old, "new": new})


def change_text(details: Any) -> str:
    """`capacity: — → 3; marketplaces: + shein`; what was made or deleted is told without `old`."""
    if not isinstance(details, Mapping):
        return ""
    old, new = details.get("old"), details.get("new")
    old = old if isinstance(old, Mapping) else {}
    new = new if isinstance(new, Mapping) else {}
    told = [(name, _difference(name, old, new)) for name in {**old, **new}]
    return "; ".join(f"{_field(name)}: {text}" for name, text in told if text)


def _field(name: str) -> str:
    return str(FIELDS.get(name, name))


def _difference(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    was, now = old.get(name), new.get(name)
    if isinstance(was, list) or isinstance(now, list):
        return _members(name, was or [], now or [])
    if name in old and name in new:
        return f"{_value(name, was)} → {_value(name, now)}"
    value = was if name in old else now
    return "" if value in (None, "", False) else _value(name, value)


def _members(name: str, old: Sequence[Any], new: Sequence[Any]) -> str:
    came = [f"+ {_value(name, one)}" for one in new if one not in old]
    went = [f"− {_value(name, one)}" for one in old if one not in new]
    return ", ".join([*came, *went])


def _value(name: str, value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return pgettext("value", "yes") if value else pgettext("value", "no")
    # Kept as shares of 1, told in percent as wherever people see them.
    if name in WEIGHT_KEYS and isinstance(value, int | float):
        return f"{number_format(plain(value * 100))}%"
    if isinstance(value, float):
        return str(number_format(value))
    if name == "groups" and value in Role.values:
        return str(Role(value).label)
    if name == "permissions" and value in RIGHTS:
        return _(RIGHTS[value])
    if name == "owner":
        return actor_text(str(value))
    if name == "scope" and value in Scope.values:
        return str(Scope(value).label)
    if name == "expires_at":
        return exact_text(datetime.fromisoformat(str(value)))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


# -- CSV -------------------------------------------------------------------------------------------


def csv_header() -> list[str]:
    return [
        *(_("When, São Paulo time"), _("Who"), _("What"), pgettext("audit", "Change")),
        *(_("Kind"), _("Title"), _("Id"), _("Why"), _("From where")),
        # What programs look for.
        *("at", "actor", "action", "objectKind", "origin", "details"),
    ]


def csv_row(row: AuditRow) -> list[str]:
    """The texts of the page, and after them what programs look for."""
    details = json.dumps(row.details, ensure_ascii=False) if row.details else ""
    at = row.at.astimezone(BUSINESS_ZONE).isoformat(timespec="milliseconds")
    origin = row.origin_text if row.origin else ""
    return [
        *(instant_text(row.at), row.actor_text, row.what, row.change),
        *(row.kind_text, row.title, row.object_id, row.why, origin),
        *(at, row.actor, row.action, row.kind, row.origin, details),
    ]
