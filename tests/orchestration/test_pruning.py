"""Finished jobs go after their days, with their items, and never what is still needed."""

from datetime import timedelta

import pytest
from django.conf import settings
from django_tasks_db.models import DBTaskResult

from execution.consistency import differences
from execution.models import TaskEvent
from nexo.shared import clock, pruning
from orchestration.bulk import rules
from orchestration.bulk.models import BulkItem, BulkJob, BulkSelection
from orchestration.bulk.orders import KEPT_FOR, preview
from orchestration.bulk.services import start_job, undo_job
from orchestration.pruning import background_jobs, bulk_jobs, bulk_selections
from tests.orchestration.bulk.orders import by_filter, by_ids, make_tasks, person
from tests.orchestration.jobs import note

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
OLD = timedelta(days=settings.JOBS_KEPT_DAYS, minutes=1)


def aged(job: BulkJob, age: timedelta = OLD) -> BulkJob:
    BulkJob.objects.filter(pk=job.pk).update(finished_at=clock.now() - age)
    return job


def test_old_jobs_go_with_their_items_and_leave_the_log() -> None:
    head = person()
    aged(start_job(by_ids("cancel", *make_tasks(3)), caller=head))
    recent = start_job(by_ids("cancel", *make_tasks(2)), caller=head)
    events = TaskEvent.objects.count()
    assert bulk_jobs(clock.now()) == 1
    assert list(BulkJob.objects.all()) == [recent]
    assert BulkItem.objects.count() == 2
    assert TaskEvent.objects.count() == events
    assert list(differences()) == []


def test_a_job_stays_as_long_as_what_undid_it() -> None:
    head = person()
    job = start_job(by_ids("cancel", *make_tasks(1)), caller=head)
    undo = undo_job(job.job_id, caller=head)
    aged(job)
    assert bulk_jobs(clock.now()) == 0
    assert BulkItem.objects.filter(job=job).exists()
    aged(undo)
    assert bulk_jobs(clock.now()) == 2
    assert not BulkItem.objects.exists()


def test_a_job_that_is_not_finished_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "DIRECT_LIMIT", 0)
    job = start_job(by_ids("cancel", *make_tasks(1)), caller=person())
    BulkJob.objects.filter(pk=job.pk).update(created_at=clock.now() - OLD)
    assert bulk_jobs(clock.now()) == 0


def test_what_previews_showed_goes_after_an_hour() -> None:
    head = person()
    make_tasks(2)
    fresh, old = (preview(by_filter("cancel"), caller=head).selection_id for _ in range(2))
    ages = {fresh: KEPT_FOR - timedelta(minutes=1), old: KEPT_FOR}
    now = clock.now()
    for selection_id, age in ages.items():
        BulkSelection.objects.filter(selection_id=selection_id).update(created_at=now - age)
    assert bulk_selections(now) == 1
    assert list(BulkSelection.objects.values_list("selection_id", flat=True)) == [fresh]


def test_results_of_background_jobs_go_too() -> None:
    for name in ("old", "recent", "waiting"):
        note.enqueue(name)
    old, recent, _waiting = DBTaskResult.objects.order_by("enqueued_at")
    DBTaskResult.objects.filter(pk=old.pk).update(
        status="SUCCESSFUL", finished_at=clock.now() - OLD
    )
    DBTaskResult.objects.filter(pk=recent.pk).update(status="FAILED", finished_at=clock.now())
    assert background_jobs(clock.now()) == 1
    assert DBTaskResult.objects.count() == 2


def test_the_command_does_all() -> None:
    registered = {prune for _name, prune in pruning.registered()}
    assert {bulk_jobs, bulk_selections, background_jobs} <= registered
