"""What people and agents wrote that looks like markup is text on every page that shows it."""

import re
from collections.abc import Iterator
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from accounts import tokens
from accounts.callers import caller_for_user
from execution.enums import Priority, TaskStatus
from execution.models import Agent, Task, TaskLog, TaskTarget
from execution.saved_views import save_view
from nexo.shared import clock
from optimization.services import set_weights
from orchestration.bulk.services import start_job
from orchestration.services import activate
from tests.factories import change, make_agent, make_task, make_task_in, make_user
from tests.orchestration.bulk.orders import by_ids
from tests.orchestration.playbook import only
from tests.servers import PROJECT

MARK = "<b data-of="
WRITTEN = (
    *("agent", "title", "external", "error", "reason", "sync", "log", "result", "bulk", "view"),
    *("template", "weights", "token", "first", "last", "email"),
)
STARTS = ("/", "/marketplace/tasks/execution/summary", "/admin/", "/accounts/password/")
# Files, the API, whose answers are JSON, and what ends the session.
NOT_FOLLOWED = ("/static/", "/api/", "/accounts/logout", "/ws/")


def text(what: str) -> str:
    return f"{MARK}'{what}' onclick=\"alert(1)\">&</b></script>{{{{7*7}}}}"


def write_everything() -> User:
    """The superuser, who sees all of it."""
    names = {"first_name": text("first")[:150], "last_name": text("last")[:150]}
    boss = make_user(username="root", is_superuser=True, is_staff=True, **names)
    caller = caller_for_user(boss)
    make_agent()
    Agent.objects.filter(slug="alex").update(name=text("agent"))
    only({"title_pt": text("template"), "title_en": text("template")})
    activate(None, caller=caller)
    words = {"title": text("title"), "external_id": text("external"), "agent_id": "alex"}
    failed = make_task(**words, targets=["amazon", "shopee"])
    change(failed, status=TaskStatus.FAILED, error=text("error"), reason=text("reason"))
    task = Task.objects.get(task_id=failed.row["task_id"])
    TaskTarget.objects.filter(task=task).update(error=text("sync"), state="failed")
    Task.objects.filter(pk=task.pk).update(result={text("result"): text("result")})
    TaskLog.objects.create(task=task, level="error", message=text("log"), at=clock.now())
    for status in (TaskStatus.PENDING, TaskStatus.IN_PROGRESS, TaskStatus.COMPLETED):
        make_task_in(status, title=text("title"), agent_id="alex", priority=Priority.URGENT)
    cancelled = make_task(title=text("title"))
    start_job(by_ids("cancel", cancelled.row["task_id"], reason=text("bulk")), caller=caller)
    save_view(boss, name=text("view"), query="status=failed", is_shared=True)
    set_weights("alex", (0.5, 0.3, 0.2), caller=caller, reason=text("weights"))
    tokens.issue_token(name=text("token"), by="user:root", user=boss)
    User.objects.filter(pk=boss.pk).update(email=text("email"))
    return boss


def pages(client: Client) -> Iterator[tuple[str, str]]:
    """Every page that links lead to, once for each of its parameters by itself."""
    found = list(STARTS)
    seen = set()
    while found:
        address = found.pop()
        path, query = urlsplit(address)[2:4]
        names = [name for name, _value in parse_qsl(query)]
        place = path, *names
        if len(names) > 1 or place in seen or path.startswith(NOT_FOLLOWED):
            continue
        seen.add(place)
        answer = client.get(address, follow=True)
        if answer.streaming or not answer["Content-Type"].startswith("text/html"):
            continue
        page = answer.content.decode()
        yield address, page
        found += [unescape(link) for link in re.findall(r'href="(/[^/"][^"]*)"', page)]
        found += [f"{path}{unescape(link)}" for link in re.findall(r'href="(\?[^"]+)"', page)]


@pytest.mark.integration
@pytest.mark.one_database
@pytest.mark.django_db
def test_what_somebody_wrote_is_text_on_every_page_that_shows_it() -> None:
    client = Client(headers={"user-agent": text("browser")})
    client.force_login(write_everything(), settings.AUTHENTICATION_BACKENDS[-1])
    shown = set()
    for address, page in pages(client):
        assert MARK not in page, address
        assert "}}49" not in page and "</b></script>" not in page, address
        shown |= set(re.findall(r"b data-of=(?:&#x27;|&#39;|'|\\u0027)(\w+)", page))
    assert set(WRITTEN) <= shown


@pytest.mark.unit
def test_no_script_of_ours_makes_markup_of_text() -> None:
    makes = re.compile(
        r"(?:innerHTML|outerHTML)\s*\+?=[^=]|insertAdjacentHTML|document\.write|setHTMLUnsafe"
        r"|createContextualFragment|\beval\(|new Function\("
    )
    scripts = [
        script for script in (PROJECT / "static").rglob("*.js") if "vendor" not in script.parts
    ]
    assert len(scripts) > 10
    assert [str(script) for script in scripts if makes.search(script.read_text())] == []
