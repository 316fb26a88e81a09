"""The page of a bulk job as the server draws it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.callers import caller_for_user
from accounts.roles import Role
from execution.models import Task
from nexo.shared import clock
from orchestration.bulk.models import BulkJob
from orchestration.bulk.services import start_job
from tests.factories import make_agent, make_user
from tests.orchestration.bulk.orders import by_filter, by_ids, make_tasks, person, statuses
from tests.test_bad_input import BAD_IDS

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def client_of(user: Any) -> Client:
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    return client


@pytest.fixture
def head() -> Client:
    make_agent("alex")
    return client_of(make_user(Role.HEAD))


def page_of(client: Client, job: BulkJob, query: str = "") -> str:
    answer = client.get(f"/marketplace/tasks/bulk/{job.job_id}{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_tells_what_came_of_it(head: Client) -> None:
    job = start_job(by_ids("cancel", *make_tasks(2), "task-x"), caller=person(username="ana"))
    html = page_of(head, job)
    for part in ("Cancelar 3 tarefas", "2 de 3 feitas", "não existe", "task-x", "ana", "teste"):
        assert part in html
    assert "Desfazer" in html


def test_the_filter_leads_back_to_the_list(head: Client) -> None:
    make_tasks(1)
    job = start_job(by_filter("cancel", status="pending", channel="amazon"), caller=person())
    assert "/marketplace/tasks/execution?status=pending&amp;channel=amazon" in page_of(head, job)
    job = start_job(by_filter("cancel", createdAfter="2026-01-01"), caller=person())
    assert "2026-01-01" in page_of(head, job)
    assert "Todas as tarefas" in page_of(head, start_job(by_filter("retry"), caller=person()))


def test_text_from_outside_stays_text(head: Client) -> None:
    bad = "<script>alert(1)</script>"
    order = by_ids("cancel", bad, reason=bad)
    job = start_job(order, caller=person())
    html = page_of(head, job)
    assert bad not in html
    assert html.count("&lt;script&gt;") >= 2


def test_undo_by_the_form_once_and_in_time(head: Client) -> None:
    ids = make_tasks(2)
    job = start_job(by_ids("cancel", *ids), caller=person())
    address = f"/marketplace/tasks/bulk/{job.job_id}"
    answer = head.post(address, follow=True)
    assert "Desfazer a mudança em 2 tarefas" in answer.content.decode()
    assert set(statuses().values()) == {"pending"}
    answer = head.post(address, follow=True)
    assert "Esta ação já foi desfeita." in answer.content.decode()
    assert BulkJob.objects.count() == 2

    late = start_job(by_ids("cancel", *ids), caller=person())
    BulkJob.objects.filter(pk=late.pk).update(finished_at=clock.now() - timedelta(minutes=11))
    html = page_of(head, late)
    assert ">Desfazer<" not in html
    answer = head.post(f"/marketplace/tasks/bulk/{late.job_id}", follow=True)
    assert "até dez minutos" in answer.content.decode()


def test_an_undo_is_told_as_far_as_it_is(head: Client) -> None:
    job = start_job(by_ids("cancel", *make_tasks(2)), caller=person())
    head.post(f"/marketplace/tasks/bulk/{job.job_id}")
    undo = BulkJob.objects.filter(undo_of=job)
    undo.update(state="running", finished_at=None, done=1)
    html = page_of(head, job)
    assert "Sendo desfeita: 1 de 2" in html
    assert "data-running" in html
    undo.update(state="done", finished_at=clock.now(), refusals={"moved_on": 1})
    html = page_of(head, job)
    assert "Desfeita: 1 de 2. 1 não pôde ser desfeita." in html
    assert "data-running" not in html


def test_selection_and_refused_tasks_are_told_in_words(head: Client) -> None:
    ids = make_tasks(2)
    start_job(by_ids("cancel", ids[0]), caller=person())
    order = by_filter("cancel", status="pending,failed", channel="amazon", agent="alex")
    html = page_of(head, start_job(order, caller=person()))
    assert "Status: Aguardando, Falha · Marketplace: Amazon · Agente: Alex" in html
    title = Task.objects.get(task_id=ids[0]).title
    assert f'<a href="/marketplace/tasks/{ids[0]}">{title}</a>' in html
    assert "<li><strong>1 tarefa</strong>: o status não permite</li>" in html


def test_the_tasks_done_are_named_with_what_was_done_to_them(head: Client) -> None:
    make_agent("marina")
    ids = make_tasks(2, title="Foto <nova>")
    cancel = start_job(by_ids("cancel", *ids, "task-x"), caller=person())
    retry = start_job(by_ids("retry", ids[0]), caller=person())
    assign = by_ids("assign", ids[0], agent_id="marina")
    assigned, again = (start_job(assign, caller=person()) for _ in range(2))
    link = (
        '<a href="/marketplace/tasks/{0}">Foto &lt;nova&gt;</a> <span class="id-copy">'
        '<span class="id soft">{0}</span></span>'
    )
    html = bare(page_of(head, cancel))
    # What was done stays true of a task that has moved on since.
    for task_id in ids:
        text = "Aguardando → Falha"
        assert f'<li>{link.format(task_id)} <span class="soft">{text}</span></li>' in html
    for job, text in (
        (retry, "Falha → Aguardando"),
        (assigned, "Feita"),
        (again, "já estava assim"),
    ):
        line = f'{link.format(ids[0])} <span class="soft">{text}</span>'
        assert line in bare(page_of(head, job))


def test_every_id_can_be_copied(head: Client) -> None:
    ids = make_tasks(2)
    html = page_of(head, start_job(by_ids("cancel", *ids, "<x>"), caller=person()))
    for task_id in (*ids, "&lt;x&gt;"):
        assert f'data-copy="{task_id}" aria-label="Copiar id"' in html


def bare(html: str) -> str:
    """Without the buttons beside the ids."""
    return re.sub(r"<button[^>]* data-copy=.*?</button>", "", html)


def test_the_tasks_done_are_paged_beside_those_refused(head: Client) -> None:
    ids = make_tasks(120)
    refused = [f"task-{n:03}" for n in range(120)]
    job = start_job(by_ids("cancel", *ids, *refused), caller=person())
    first = page_of(head, job)
    assert ">120</span></h2>" in first
    assert ids[49] in first and ids[50] not in first
    done = first.split('href="?done=')[1].split('"')[0]
    second = page_of(head, job, f"?done={done}")
    assert ids[50] in second and ids[99] in second and ids[49] not in second
    assert "task-099" in second and "task-100" not in second
    # The next of one list leaves the other where it is.
    rest = second.split('href="?')[2].split('"')[0].replace("&amp;", "&")
    third = page_of(head, job, f"?{rest}")
    assert ids[50] in third and ids[49] not in third
    assert "task-100" in third and "task-099" not in third


def test_refused_tasks_are_paged(head: Client) -> None:
    job = start_job(by_ids("cancel", *(f"task-{n:03}" for n in range(120))), caller=person())
    first = page_of(head, job)
    assert "task-099" in first and "task-100" not in first
    cursor = first.split("?cursor=")[1].split('"')[0]
    second = page_of(head, job, f"?cursor={cursor}")
    assert "task-100" in second and "task-099" not in second
    for bad in ("x", "", "A" * 9000, "%00"):
        assert "task-000" in page_of(head, job, f"?cursor={bad}")


def test_quality_sees_its_own_jobs_and_undoes_its_rejections() -> None:
    qa = make_user(Role.QA)
    job = start_job(by_ids("reject", *make_tasks(1)), caller=caller_for_user(qa))
    assert ">Desfazer<" in page_of(client_of(qa), job)
    stranger = client_of(make_user(Role.QA))
    for method in (stranger.get, stranger.post):
        assert method(f"/marketplace/tasks/bulk/{job.job_id}").status_code == 404


@pytest.mark.parametrize("job", BAD_IDS, ids=lambda text: text[:20])
def test_an_id_of_no_job_is_not_found(head: Client, job: str) -> None:
    for method in (head.get, head.post):
        assert method(f"/marketplace/tasks/bulk/{job}").status_code == 404


def test_the_page_asks_the_same_whatever_it_shows(
    head: Client, django_assert_num_queries: Any
) -> None:
    refused = [
        start_job(by_ids("cancel", *(f"task-{n}" for n in range(count))), caller=person())
        for count in (1, 50)
    ]
    done = [start_job(by_ids("cancel", *make_tasks(count)), caller=person()) for count in (1, 60)]
    page_of(head, refused[0])
    for job in refused:
        with django_assert_num_queries(6):
            page_of(head, job)
    for job in done:
        # What was done is read from the log at once.
        with django_assert_num_queries(7):
            page_of(head, job)


@pytest.mark.parametrize("role", [None, Role.QA, Role.HEAD])
def test_the_list_offers_it_to_those_who_may(role: Role | None) -> None:
    make_tasks(1)
    html = client_of(make_user(role)).get("/marketplace/tasks/execution").content.decode()
    for part in ("data-pick", "bulk-bar", "orchestration/js/bulk.js"):
        assert (part in html) == (role == Role.HEAD)
