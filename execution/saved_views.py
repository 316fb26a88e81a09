"""Keep filters under a name, share them, and let go of them: only their owner does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.callers import caller_for_user
from execution.exceptions import ViewNotFound
from execution.models import SavedView
from nexo.shared import clock
from nexo.shared.exceptions import validation_error

MOST_PER_PERSON = 50


def save_view(owner: User, *, name: str, query: str, is_shared: bool = False) -> SavedView:
    """Keep a query that was read and written again by `page_filters`.

    Raises
    ------
    ValidationError: a name taken, no filter at all, or one view too many
    """
    if not query:
        raise validation_error("query", _("Set a filter first: there is nothing to save yet."))
    with _unique_name(), transaction.atomic():
        # Locked, so that two requests at once do not both find room.
        User.objects.select_for_update(no_key=True).get(pk=owner.pk)
        if SavedView.objects.filter(owner=owner).count() >= MOST_PER_PERSON:
            message = _("You can keep {count} views. Delete one first.")
            raise validation_error("name", message.format(count=MOST_PER_PERSON))
        view = SavedView.objects.create(
            owner=owner, name=name, query=query, is_shared=is_shared, created_at=clock.now()
        )
        if is_shared:
            _note("shared", view, {"new": {"filters": query}}, by=owner)
    return view


def rename_view(view_id: int, *, by: User, name: str) -> SavedView:
    """
    Raises
    ------
    ViewNotFound, ValidationError
    """
    with _unique_name(), transaction.atomic():
        view = _own_view(view_id, by)
        view.name = name
        view.save(update_fields=["name"])
    return view


def share_view(view_id: int, *, by: User, is_shared: bool) -> SavedView:
    """
    Raises
    ------
    ViewNotFound
    """
    with transaction.atomic():
        view = _own_view(view_id, by)
        if view.is_shared != is_shared:
            view.is_shared = is_shared
            view.save(update_fields=["is_shared"])
            action = "shared" if is_shared else "unshared"
            _note(action, view, {"new": {"filters": view.query}}, by=by)
    return view


def delete_view(view_id: int, *, by: User) -> SavedView:
    """
    Raises
    ------
    ViewNotFound
    """
    with transaction.atomic():
        view = _own_view(view_id, by)
        remove_view(view, by=by)
    return view


def remove_view(view: SavedView, *, by: User) -> None:
    """Delete a view, whoever owns it: for those who may."""
    with transaction.atomic():
        old = {"owner": view.owner.get_username(), "filters": view.query}
        _note("deleted", view, {"old": old}, by=by)
        view.delete()


def _own_view(view_id: int, owner: User) -> SavedView:
    view = SavedView.objects.select_for_update(no_key=True).filter(pk=view_id, owner=owner).first()
    if view is None:
        raise ViewNotFound
    return view


@contextmanager
def _unique_name() -> Iterator[None]:
    """Tell of the constraint as of the field that broke it."""
    try:
        yield
    except IntegrityError as error:
        message = _("You already have a view of this name.")
        raise validation_error("name", message) from error


def _note(action: str, view: SavedView, details: Mapping[str, Any], *, by: User) -> None:
    audit.record(
        action,
        actor=caller_for_user(by).actor,
        object_kind="view",
        object_id=view.name,
        details=details,
    )
