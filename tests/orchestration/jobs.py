"""A job for the worker under test."""

from django_tasks import task

from accounts import audit


@task()
def note(text: str) -> None:
    audit.record("note", actor="system:test", object_kind="job", object_id=text)
