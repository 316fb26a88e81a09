"""State, metrics and reports: one set of numbers, each equal to a recount of the log."""

import csv
import io
import re
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from rest_framework.exceptions import ValidationError

from accounts.callers import caller_for_agent
from accounts.roles import Role
from execution.changes import TaskChange
from execution.enums import ENDED_STATUSES, FailureReason, TaskStatus
from execution.exceptions import InvalidTransition
from execution.models import Agent, Task, TaskEvent
from execution.services import update_task
from nexo.shared import clock
from optimization import queries as facts
from optimization.optimizations import optimizations
from optimization.services import set_weights
from orchestration.overview import AgentState, metrics, overview
from orchestration.reports import markdown_text
from orchestration.services import activate
from tests.envelope import refused, refused_fields
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in
from tests.optimization.work import at_noon, completed, failed, week_of
from tests.orchestration.playbook import only
from tests.orchestration.test_api import BASE, client_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


# -- A recount, by other means -------------------------------------------------------------------


def recount() -> dict[str, Counter[str]]:
    """What the log says each agent did ever, event by event."""
    found: dict[str, Counter[str]] = {}
    for event in TaskEvent.objects.order_by("sequence"):
        counts = found.setdefault(event.agent_id or "", Counter())
        by_people = event.actor != "system:playbook"
        implicit = event.kind == "started" and event.from_status == "pending"
        counts["generated"] += event.kind == "created"
        counts["approved"] += (event.kind == "approved" and by_people) or implicit
        counts["completed"] += event.kind == "completed"
        if event.kind == "failed":
            counts["rejected"] += event.failure_reason == "rejected"
            counts["failed"] += event.failure_reason in ("error", "timeout")
    return found


NAMES = ("generated", "approved", "rejected", "completed", "failed")


def assert_equals_a_recount() -> None:
    found = overview(clock.now())
    truth = recount()
    for agent in found.agents:
        counts = truth.get(agent.slug, Counter())
        assert {name: getattr(agent.totals, name) for name in NAMES} == {
            name: counts[name] for name in NAMES
        }
        open_tasks = Task.objects.filter(agent=agent.slug).exclude(status__in=ENDED_STATUSES)
        assert agent.open == open_tasks.count()
    everything = sum(truth.values(), Counter())
    assert {name: getattr(found.totals, name) for name in NAMES} == {
        name: everything[name] for name in NAMES
    }
    assert found.metrics.open == Task.objects.exclude(status__in=ENDED_STATUSES).count()
    # Everything happened today: the window holds it all.
    assert {name: getattr(found.metrics, name) for name in NAMES} == {
        name: everything[name] for name in NAMES
    }
    # Channels add up to the whole.
    of_channels = [metrics(found.now, marketplace_id=slug) for slug in ("amazon", "shopee")]
    for name in (*NAMES, "late", "open"):
        whole = getattr(found.metrics, name)
        assert sum(getattr(one, name) for one in of_channels) == whole


STEPS = st.lists(
    st.tuples(
        st.integers(0, 5), st.sampled_from(TaskStatus), st.sampled_from([None, *FailureReason])
    ),
    max_size=30,
)


class Recounts(TestCase):
    @settings(max_examples=15, suppress_health_check=list(HealthCheck))
    @given(steps=STEPS)
    def test_status_equals_a_recount_whatever_happened(self, steps: Any) -> None:
        make_agent("alex", "amazon")
        make_agent("sunny", "shopee")
        only({"needs_approval": False}, {"key": "stock"}, {"marketplace_id": "shopee"})
        activate(None, caller=OPERATOR)
        make_task(agent_id="alex")
        make_task(agent_id="sunny", marketplace_id="shopee")
        make_task_in(TaskStatus.IN_PROGRESS, agent_id="alex")
        ids = list(Task.objects.order_by("pk").values_list("task_id", flat=True))
        for number, status, reason in steps:
            fields = {"failure_reason": reason} if reason else {}
            # What is not allowed changes nothing.
            with suppress(InvalidTransition, ValidationError):
                update_task(ids[number], TaskChange(status=status, **fields), caller=OPERATOR)
        assert_equals_a_recount()


# -- One set of numbers --------------------------------------------------------------------------


def test_an_agents_metrics_are_those_of_its_optimization() -> None:
    make_agent("marina", "amazon", "shopee")
    now = clock.now()
    list(week_of("marina", now))
    (one,) = optimizations(facts.agents(["marina"]), now).agents
    found = metrics(now, agent_id="marina")
    assert found.score is not None
    assert (found.score, found.approval_rate, found.completion_rate) == (
        *(one.score, one.approval_rate, one.completion_rate),
    )
    assert (found.execution_rate, found.error_rate) == (one.execution_rate, one.error_rate)
    # Nobody else did anything.
    assert metrics(now) == found
    assert metrics(now, agent_id="marina", marketplace_id="amazon") == found
    assert metrics(now, marketplace_id="shopee").generated == 0


def test_a_part_of_an_agents_work_is_scored_with_the_agents_own_weights() -> None:
    make_agent("marina", "amazon", "shopee")
    now = clock.now()
    for days_ago in (2, 1):
        at = at_noon(days_ago, now)
        for _task in range(4):
            failed("marina", at=at, reason=FailureReason.ERROR)
        completed("marina", at=at, minutes=120, marketplace_id="shopee")
        failed("marina", at=at, reason=FailureReason.REJECTED, marketplace_id="shopee")
    (one,) = optimizations(facts.agents(["marina"]), now).agents
    # All of it is completed to 20 %, steadily: 0.6, 0.4 and 0.1, divided by 1.1.
    assert [round(weight, 3) for weight in one.weights] == [0.545, 0.364, 0.091]
    found = metrics(now, agent_id="marina", marketplace_id="shopee")
    rates = (found.approval_rate, found.completion_rate, found.execution_rate)
    assert rates == (50, 100, 50)
    # (0.6 * 50 + 0.4 * 100 + 0.1 * 50) / 1.1 = 68.2
    assert found.score == 68
    # Of whoever worked there the weights are the marketplace's: 0.5, 0.3, 0.2.
    assert metrics(now, marketplace_id="shopee").score == 65

    set_weights("marina", (1.0, 0.0, 0.0), caller=OPERATOR)
    assert metrics(now, agent_id="marina", marketplace_id="shopee").score == 50


def test_metrics_of_the_window_leave_older_work_out_and_the_state_does_not() -> None:
    make_agent("alex", "amazon")
    now = clock.now()
    completed("alex", at=at_noon(31, now))
    completed("alex", at=at_noon(2, now))
    found = overview(now)
    assert (found.totals.completed, found.metrics.completed) == (2, 1)
    assert found.agents[0].totals.success_rate == 100


def test_late_tasks_are_counted() -> None:
    make_agent("alex", "amazon")
    state = make_task_in(TaskStatus.APPROVED, agent_id="alex", estimated_minutes=60)
    later = state.row["created_at"] + timedelta(minutes=121)
    assert metrics(later).late == metrics(later, agent_id="alex").late == 1
    assert metrics(later, marketplace_id="amazon").late == 1
    assert metrics(later, marketplace_id="kaway").late == 0
    assert metrics(later - timedelta(minutes=2)).late == 0


def test_last_activity_is_the_agents_own() -> None:
    make_agent("alex", "amazon")
    state = make_task(agent_id="alex")
    change(state, status=TaskStatus.APPROVED)
    assert agent_state().totals.last_activity is None
    change(state, status=TaskStatus.IN_PROGRESS)
    started = agent_state().totals.last_activity
    assert started == Task.objects.get().started_at
    change(state, status=TaskStatus.IN_PROGRESS, progress=55)
    assert agent_state().totals.last_activity == started
    change(state, status=TaskStatus.IN_PROGRESS, progress=60, caller=caller_for_agent("alex"))
    reported = agent_state().totals.last_activity
    assert reported == overview(clock.now()).totals.last_activity
    assert reported == Task.objects.get().updated_at != started
    change(state, status=TaskStatus.FAILED)
    assert agent_state().totals.last_activity == Task.objects.get().ended_at


def agent_state() -> AgentState:
    (agent,) = overview(clock.now()).agents
    return agent


def test_a_constant_number_of_queries(django_assert_max_num_queries: Any) -> None:
    counts = []
    for slugs in (("alex",), ("bia", "caio", "davi")):
        for slug in slugs:
            make_agent(slug, "amazon")
            completed(slug, at=at_noon(1, clock.now()))
        overview(clock.now())
        with django_assert_max_num_queries(16) as queries:
            overview(clock.now())
        counts.append(len(queries))
    assert counts[0] == counts[1]


# -- Answers -------------------------------------------------------------------------------------


def get(client: Client, path: str, **headers: str) -> Any:
    return client.get(f"{BASE}/{path}", headers=headers)


@pytest.fixture
def worked() -> None:
    make_agent("alex", "amazon", is_paused=True)
    make_agent("marina", "amazon", is_active=False)
    now = clock.now()
    completed("alex", at=at_noon(1, now))
    failed("alex", at=at_noon(1, now), reason=FailureReason.ERROR)
    failed("alex", at=at_noon(1, now), reason=FailureReason.REJECTED)
    make_task(agent_id="marina")
    make_task(marketplace_id="kaway")


@pytest.mark.usefixtures("worked")
def test_status() -> None:
    answer = get(client_of(Role.QA), "status").json()
    last = answer["agents"][0].pop("lastActivity")
    assert last == answer["summary"].pop("lastActivity")
    assert answer.pop("timestamp")
    alex = {"generated": 3, "approved": 2, "rejected": 1, "completed": 1, "failed": 1}
    assert answer == {
        "status": "success",
        "agents": [
            {
                "agentId": "alex",
                "agentName": "Alex",
                "active": True,
                "paused": True,
                "open": 0,
                **alex,
                "successRate": 50.0,
                # 66.7 and 50, no time over its estimate: 0.5 × 66.7 + 0.3 × 50 + 0.2 × 100.
                "score": 68,
            },
            {
                "agentId": "marina",
                "agentName": "Marina",
                "active": False,
                "paused": False,
                "open": 1,
                "generated": 1,
                "approved": 0,
                "rejected": 0,
                "completed": 0,
                "failed": 0,
                "successRate": None,
                "lastActivity": None,
                "score": None,
            },
        ],
        "summary": {
            "agents": 2,
            "active": 1,
            "paused": 1,
            "open": 2,
            **alex,
            "generated": 5,
            "successRate": 50.0,
        },
        "health": "poor",
    }


@pytest.mark.usefixtures("worked")
def test_a_plain_user_sees_no_score() -> None:
    answer = get(client_of(None), "status")
    assert answer.status_code == 200
    assert "score" not in answer.content.decode()


def test_nothing_yet() -> None:
    user = client_of(None)
    answer = get(user, "status").json()
    assert (answer["agents"], answer["health"]) == ([], "unknown")
    metrics_of = get(client_of(Role.QA), "metrics").json()["metrics"]
    assert metrics_of["approvalRate"] is None
    assert (metrics_of["score"], metrics_of["generated"]) == (None, 0)


@pytest.mark.usefixtures("worked")
def test_metrics() -> None:
    qa = client_of(Role.QA)
    answer = get(qa, "metrics?agent=alex").json()
    assert answer["type"] == "agent"
    assert answer["metrics"] == {
        "approvalRate": 66.67,
        "completionRate": 50.0,
        "executionTime": 100.0,
        "errorRate": 50.0,
        "score": 68,
        "generated": 3,
        "approved": 2,
        "rejected": 1,
        "completed": 1,
        "failed": 1,
        "late": 0,
        "open": 0,
    }
    assert get(qa, "metrics").json()["type"] == "system"
    assert get(qa, "metrics?channel=kaway").json()["metrics"]["open"] == 1
    assert get(qa, "metrics?channel=kaway").json()["type"] == "channel"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(("channel=ebay", "channel"), ("channel=Amazon", "channel"), ("channel=", "channel")),
        *(("channel=amazon,shopee", "channel"), ("channel=amazon%00", "channel")),
        *(("agent=", "agent"), ("agent=a b", "agent"), ("agent=%00", "agent")),
        *(
            ("agent=" + "x" * 65, "agent"),
            ("agent=' OR 1=1", "agent"),
            ("agent=%E2%80%AE", "agent"),
        ),
        *(("agent=alex&agent=bia", "agent"), ("days=7", "days"), ("agentId=alex", "agentId")),
        ("agent__name=x", "agent__name"),
    ],
)
def test_metrics_that_cannot_be_asked_for(query: str, field: str) -> None:
    make_agent("alex", "amazon")
    assert field in refused_fields(get(client_of(Role.QA), f"metrics?{query}"))


def test_metrics_of_nobody() -> None:
    refused(get(client_of(Role.QA), "metrics?agent=nobody"), 404, "not_found")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        *(
            ("reports?type=all", "type"),
            ("reports?type=", "type"),
            ("reports?type=SUMMARY", "type"),
        ),
        *(("reports?type=summary%00", "type"), ("reports?typ=summary", "typ")),
        *(("reports?format=xml", "format"), ("reports?format=CSV", "format")),
        *(("reports?type=x&format=csv", "type"), ("reports?type=x&format=markdown", "type")),
        *(("status?agent=alex", "agent"), ("status?x=1", "x")),
    ],
)
def test_reports_that_cannot_be_asked_for(path: str, field: str) -> None:
    assert field in refused_fields(get(client_of(Role.QA), path))


def test_a_refused_document_is_an_envelope() -> None:
    refused(get(client_of(None), "reports?format=csv"), 403, "permission_denied")
    refused(get(Client(), "reports?format=markdown"), 401, "not_authenticated")
    refused(get(client_of(None), "reports", accept="text/csv"), 403, "permission_denied")


@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/turtle"])
def test_the_format_in_the_address_is_what_was_asked_for(accept: str) -> None:
    for name, kind in (("csv", "text/csv"), ("json", "application/json")):
        answer = get(client_of(Role.QA), f"reports?format={name}", accept=accept)
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith(kind)


# -- Reports -------------------------------------------------------------------------------------


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text), delimiter=";"))


@pytest.mark.usefixtures("worked")
def test_a_report_has_the_numbers_of_status_and_metrics() -> None:
    qa = client_of(Role.QA)
    status, window = get(qa, "status").json(), get(qa, "metrics").json()["metrics"]
    found = get(qa, "reports?type=summary").json()["report"]
    lines = {row["measure"]: row for row in found["rows"]}
    for name in ("generated", "approved", "rejected", "completed", "failed"):
        assert lines[name]["allTime"] == status["summary"][name]
        assert lines[name]["last30Days"] == window[name]
    for name in ("late", "approvalRate", "completionRate", "executionTime", "errorRate", "score"):
        assert lines[name]["last30Days"] == window[name]
    assert lines["open"]["allTime"] == window["open"] == status["summary"]["open"]
    assert found["health"] == status["health"]
    detailed = get(qa, "reports?type=detailed").json()["report"]["rows"]
    for row, agent in zip(detailed, status["agents"], strict=True):
        assert agent.items() <= row.items()


@pytest.mark.usefixtures("worked")
@pytest.mark.parametrize("type_", ["summary", "detailed", "performance", "bottlenecks"])
def test_the_three_forms_say_the_same(type_: str) -> None:
    qa = client_of(Role.QA)
    found = get(qa, f"reports?type={type_}").json()["report"]
    labels = [column["label"] for column in found["columns"]]
    document = get(qa, f"reports?type={type_}&format=csv")
    assert document["Content-Type"] == "text/csv; charset=utf-8"
    name = f"nexo-{type_}-{found['to']}"
    assert document["Content-Disposition"] == f'attachment; filename="{name}.csv"'
    as_json = get(qa, f"reports?type={type_}&format=json")
    assert as_json["Content-Disposition"] == f'attachment; filename="{name}.json"'
    assert "Content-Disposition" not in get(qa, f"reports?type={type_}")
    header, *rows = rows_of(document.content.decode("utf-8-sig"))
    assert header == labels
    assert [row[0] for row in rows] == [row[found["columns"][0]["key"]] for row in found["rows"]]
    text = get(qa, f"reports?type={type_}", accept="text/markdown")
    assert text["Content-Type"] == "text/markdown; charset=utf-8"
    lines = text.content.decode().splitlines()
    table = [line for line in lines if line.startswith("|")]
    # With the head, and the line under it.
    assert len(table) == (len(rows) + 2 if rows else 0)
    assert get(qa, f"reports?type={type_}", accept="text/csv").content == document.content


@pytest.mark.usefixtures("worked")
def test_bottlenecks_name_agent_value_threshold_and_what_to_do() -> None:
    rows = get(client_of(Role.QA), "reports?type=bottlenecks").json()["report"]["rows"]
    assert [(row["agentId"], row["measure"], row["value"], row["threshold"]) for row in rows] == [
        ("alex", "approvalRate", 66.67, 70),
        ("alex", "completionRate", 50.0, 70),
        ("alex", "errorRate", 50.0, 10),
    ]
    assert [(row["part"], row["whole"], row["lowData"]) for row in rows] == [
        *((2, 3, True), (1, 2, True), (1, 2, True)),
    ]
    text = get(client_of(Role.QA, **{"accept-language": "en"}), "reports?type=bottlenecks")
    assert "Read why its tasks were rejected" in text.content.decode()
    portuguese = get(client_of(Role.QA), "reports?type=bottlenecks").content.decode()
    assert "Leia por que" in portuguese


def test_whom_one_task_made_a_bottleneck_comes_after_those_whom_many_did() -> None:
    for slug, tasks in (("alex", 1), ("marina", 5), ("sunny", 5)):
        make_agent(slug, "amazon")
        for _task in range(tasks):
            failed(slug, at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
    failed("marina", at=at_noon(2, clock.now()), reason=FailureReason.ERROR)
    completed("sunny", at=at_noon(2, clock.now()))
    found = overview(clock.now())
    # Alex and Marina have 63 points, Sunny has more.
    assert list(dict.fromkeys(one.agent_id for one in found.bottlenecks)) == [
        *("marina", "sunny", "alex"),
    ]


def test_inactive_agents_are_no_bottleneck() -> None:
    for slug in ("alex", "marina"):
        make_agent(slug, "amazon")
        failed(slug, at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
    Agent.objects.filter(slug="marina").update(is_active=False)
    found = overview(clock.now())
    assert {one.agent_id for one in found.bottlenecks} == {"alex"}
    rows = get(client_of(Role.QA), "reports?type=bottlenecks").json()["report"]["rows"]
    assert {row["agentId"] for row in rows} == {"alex"}


@pytest.mark.usefixtures("worked")
def test_a_csv_is_in_the_readers_language_and_opens_in_their_spreadsheet() -> None:
    qa = client_of(Role.QA)
    text = get(qa, "reports?type=performance&format=csv").content.decode("utf-8-sig")
    header, row = rows_of(text)
    assert dict(zip(header, row, strict=True)) | {"Agente": "alex"} == {
        "Agente": "alex",
        "Nome": "Alex",
        "Pontuação (30 dias)": "68",
        "Previsão": "68",
        "Previsão fica": "perto da pontuação",
        "Ação": "Reduzir workload",
        "Taxa de aprovação (30 dias)": "66,67%",
        "Taxa de conclusão (30 dias)": "50%",
        "Tempo de execução (30 dias)": "100%",
        "Taxa de erro (30 dias)": "50%",
        "Tarefas encerradas (30 dias)": "3",
        "Dados insuficientes": "sim",
    }
    english = client_of(Role.QA, **{"accept-language": "en"})
    text = get(english, "reports?type=bottlenecks&format=csv").content.decode("utf-8-sig")
    assert text.splitlines()[1].startswith("alex,Alex,Approval rate,66.67%,2,3,yes,at least 70%")


@pytest.mark.usefixtures("worked")
def test_a_column_says_what_time_it_is_of_and_how_few_tasks() -> None:
    completed("alex", at=at_noon(40, clock.now()))
    text = get(client_of(Role.QA), "reports?type=detailed&format=csv").content.decode("utf-8-sig")
    header, alex, _marina = rows_of(text)
    told = dict(zip(header, alex, strict=True))
    assert told["Concluídas (desde o início)"] == "2"
    assert told["Taxa de sucesso (desde o início)"] == "66,67%"
    assert told["Taxa de conclusão (30 dias)"] == "50%"
    assert told["Tarefas encerradas (30 dias)"] == "3"
    assert told["Dados insuficientes"] == "sim"


@pytest.mark.parametrize(
    ("language", "dates"),
    [
        (
            "pt-br",
            r"\d\d/\d\d/\d{4} a \d\d/\d\d/\d{4}\n.*\d{4} \d\d:\d\d:\d\d, horário de São Paulo",
        ),
        ("en", r"\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d\n.*\d\d:\d\d:\d\d, São Paulo time"),
    ],
)
def test_a_documents_dates_can_be_read_one_way_only(language: str, dates: str) -> None:
    qa = client_of(Role.QA, **{"accept-language": language})
    text = get(qa, "reports?type=summary&format=markdown").content.decode()
    assert re.search(dates, text)


def test_no_bottleneck() -> None:
    make_agent("alex", "amazon")
    qa = client_of(Role.QA)
    assert get(qa, "reports?type=bottlenecks").json()["report"]["rows"] == []
    text = get(qa, "reports?type=bottlenecks&format=markdown").content.decode()
    assert "Nada a relatar." in text


def test_no_cell_is_a_formula() -> None:
    make_agent("alex", "amazon")
    for name in ("=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", 'a,"b"\nc'):
        Agent.objects.filter(slug="alex").update(name=name)
        text = get(client_of(Role.QA), "reports?type=detailed&format=csv").content.decode(
            "utf-8-sig"
        )
        (_header, row) = rows_of(text)
        assert row[1] == (name if name.startswith("a") else f"'{name}")


@pytest.mark.unit
def test_no_word_of_a_report_is_markup() -> None:
    assert markdown_text("a | b\n<script> [x](y) `z`") == (r"a \| b \<script\> \[x\](y) \`z\`")
