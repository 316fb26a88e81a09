"""The calls about optimization, as the reference documents them."""

from datetime import timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.roles import Role
from execution.enums import FailureReason, TaskStatus
from execution.models import Agent, Specialty, Task
from nexo.shared import clock
from optimization.models import PinnedWeights, WeightChange
from tests.factories import make_agent, make_task, make_task_in, make_user
from tests.optimization.work import at_noon, completed, failed, moved, week_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
BASE = "/api/marketplace/orchestration/optimization"
WEIGHTS = f"{BASE}/weights"
SENT = {"approvalRate": 0.55, "completionRate": 0.35, "executionTime": 0.10}


def client_of(role: Role | None) -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user(role))
    return client


@pytest.fixture
def head() -> APIClient:
    return client_of(Role.HEAD)


def optimization(client: APIClient, agent_id: str = "marina") -> dict[str, Any]:
    answer = client.get(BASE)
    assert answer.status_code == 200
    return next(one for one in answer.json()["optimizations"] if one["agentId"] == agent_id)


class TestList:
    def test_an_agent_with_three_days_of_work(self, head: APIClient) -> None:
        make_agent("marina", "mercadolivre", "amazon")
        list(week_of("marina", clock.now()))
        found = optimization(head)
        # Approval: 13 of 16 decisions (4 + 4 + 5 approved, 3 rejected): 81.25
        # Completion: 12 ÷ 13; error 1 ÷ 13. Execution: 60 ÷ 80 = 75.
        # Days: approval 80, 80, 83.3; completion 100, 100, 80 (variance 88.9); all steady.
        # 0.5·81.25 + 0.3·92.31 + 0.2·75 = 83.32
        # Daily: 40 + 30 + 15 = 85, 85, 41.67 + 24 + 15 = 80.67; slope −2.17 at day 30: 77.06…
        assert found.pop("lastOptimization").endswith("Z")
        history = found.pop("history")
        assert history == [None] * 26 + [85, 85, 81, None]
        assert found == {
            "agentId": "marina",
            "agentName": "Marina",
            "channels": ["amazon", "mercadolivre"],
            "baseScore": 83,
            "scoreBand": "excellent",
            "adaptiveWeights": {
                "approvalRate": pytest.approx(0.5),
                "completionRate": pytest.approx(0.3),
                "executionTime": pytest.approx(0.2),
            },
            "weightsSource": "adaptive",
            # Mean 83.56 at day 27; three days on: 83.56 − 2.17 × 3 = 77.06
            "predictedPerformance": 77,
            # ± 3.078 · 1.769 · √(1 + 1/3 + 9/2) = 13.15
            "predictionInterval": [64, 90],
            "trend": "down",
            "recommendedAction": "maintain",
            "historyDays": 3,
            "terms": {
                "approvalRate": {"rate": 81.25, "approved": 13, "rejected": 3},
                "completionRate": {"rate": 92.31, "completed": 12, "failed": 1, "late": 0},
                "executionTime": {
                    "rate": 75.0,
                    "estimatedMinutes": 720.0,
                    "executionMinutes": 960.0,
                },
                "errorRate": {"rate": 7.69, "failed": 1, "ended": 13},
            },
            "lowData": False,
        }

    def test_an_agent_without_work_has_no_band_and_is_maintained(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        found = optimization(head)
        assert (found["baseScore"], found["scoreBand"]) == (0, None)
        assert (found["predictedPerformance"], found["predictionInterval"]) == (0, None)
        assert (found["recommendedAction"], found["trend"]) == ("maintain", "stable")
        assert found["history"] == [None] * 30
        assert found["lowData"] is True
        assert found["terms"]["approvalRate"] == {"rate": None, "approved": 0, "rejected": 0}
        assert head.get(BASE).json()["summary"] == {
            "agentsNeedingRetraining": 0,
            "agentsReadyToScale": 0,
            "averagePredictedPerformance": 0,
        }

    def test_the_summary_is_over_agents_with_a_scored_day(self, head: APIClient) -> None:
        for slug in ("alex", "marina", "idle"):
            make_agent(slug, "amazon")
        now = clock.now()
        completed("alex", at=at_noon(1, now))
        failed("marina", at=at_noon(1, now), reason=FailureReason.REJECTED)
        # alex 100, marina 0; one scored day each: the forecast is the score.
        assert head.get(BASE).json()["summary"] == {
            "agentsNeedingRetraining": 1,
            "agentsReadyToScale": 1,
            "averagePredictedPerformance": 50,
        }

    def test_who_stands_at_fifty_needs_no_retraining(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        noon = at_noon(1, clock.now())
        completed("marina", at=noon, minutes=120)
        failed("marina", at=noon, reason=FailureReason.ERROR)
        for _task in range(2):
            failed("marina", at=noon, reason=FailureReason.REJECTED)
        found = optimization(head)
        assert (found["baseScore"], found["recommendedAction"]) == (50, "maintain")
        assert head.get(BASE).json()["summary"]["agentsNeedingRetraining"] == 0

    def test_facts_leave_after_thirty_days(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        now = clock.now()
        completed("marina", at=at_noon(30, now))
        assert optimization(head)["historyDays"] == 0
        completed("marina", at=at_noon(29, now))
        assert optimization(head)["history"][0] == 100

    def test_late_open_work_counts_until_it_ends(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        now = clock.now()
        task = make_task_in(TaskStatus.IN_PROGRESS, agent_id="marina").row["task_id"]
        # Approved with an estimate of 60 min: late from two hours on.
        moved(task, now - timedelta(minutes=121))
        assert optimization(head)["terms"]["completionRate"]["late"] == 1
        moved(task, now - timedelta(minutes=119))
        assert optimization(head)["terms"]["completionRate"]["late"] == 0
        moved(task, now - timedelta(days=2))
        Task.objects.filter(task_id=task).update(approved_at=None, status="pending", progress=0)
        assert optimization(head)["terms"]["completionRate"]["late"] == 0

    def test_an_answer_is_never_older_than_its_request(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        for done in range(1, 4):
            make_task_in(TaskStatus.COMPLETED, agent_id="marina")
            assert optimization(head)["terms"]["completionRate"]["completed"] == done

    def test_pages_walk_every_agent_once_under_one_summary(self, head: APIClient) -> None:
        for number in range(5):
            make_agent(f"agent{number}", "amazon")
        seen, cursor = [], ""
        while cursor is not None:
            query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            body = head.get(BASE, query).json()
            seen += [one["agentId"] for one in body["optimizations"]]
            cursor = body["nextCursor"]
        assert seen == [f"agent{number}" for number in range(5)]

    def test_inactive_agents_are_not_listed(self, head: APIClient) -> None:
        make_agent("marina", "amazon", is_active=False)
        assert head.get(BASE).json()["optimizations"] == []

    @pytest.mark.parametrize("agents", [1, 6, 60])
    @pytest.mark.usefixtures("who_asks_is_kept")
    def test_as_many_queries_for_one_agent_as_for_sixty(
        self, head: APIClient, agents: int, django_assert_num_queries: Any
    ) -> None:
        for number in range(agents):
            make_agent(f"agent{number:02}", "amazon", "shein")
            make_task(agent_id=f"agent{number:02}")
        head.get(BASE)
        # Position and cursor, agents with weights, their marketplaces, days, late tasks
        with django_assert_num_queries(5):
            head.get(BASE)


class TestRecommend:
    def ask(self, client: APIClient, **body: Any) -> Any:
        return client.post(
            f"{BASE}/recommend",
            {"taskType": "photo", "channel": "amazon", **body},
            format="json",
            headers={"accept-language": "pt-br"},
        )

    def test_the_documented_answer(self, head: APIClient) -> None:
        for slug in ("alex", "marina", "sunny", "tren"):
            make_agent(slug, "amazon")
        Agent.objects.get(pk="sunny").specialties.add(Specialty.objects.create(task_type="photo"))
        now = clock.now()
        for _task in range(5):
            completed("alex", at=at_noon(1, now), minutes=60)
            completed("marina", at=at_noon(1, now), minutes=120)
        completed("sunny", at=at_noon(1, now))
        failed("sunny", at=at_noon(1, now), reason=FailureReason.ERROR)
        # alex 100; marina 0.5·100 + 0.3·100 + 0.2·50 = 90;
        # sunny 50 + 0.3·50 + 20 = 85, +10 specialist, −20 for an error rate of 50; tren 0
        body = self.ask(head).json()
        assert body.pop("timestamp")
        assert body == {
            "status": "success",
            "recommendation": {
                "taskType": "photo",
                "channel": "amazon",
                "recommendedAgentId": "alex",
                "alternativeAgents": [
                    {"agentId": "marina", "score": 90, "reason": "Desempenho geral"},
                    {"agentId": "sunny", "score": 75, "reason": "Especialista em photo"},
                ],
                "confidence": 100,
                "confidenceBand": "high",
                "expectedSuccessRate": 95,
                "lowData": True,
                "explanation": [
                    {
                        "agentId": "alex",
                        "base": 100,
                        "adjustments": [],
                        "final": 100,
                        "sampleSize": 5,
                    },
                    {
                        "agentId": "marina",
                        "base": 90,
                        "adjustments": [],
                        "final": 90,
                        "sampleSize": 5,
                    },
                    {
                        "agentId": "sunny",
                        "base": 85,
                        "adjustments": [
                            {"reason": "Especialista em photo", "points": 10},
                            {"reason": "Taxa de erro acima de 10%", "points": -20},
                        ],
                        "final": 75,
                        "sampleSize": 2,
                    },
                ],
            },
        }

    def test_nobody_to_recommend(self, head: APIClient) -> None:
        found = self.ask(head).json()["recommendation"]
        assert (found["recommendedAgentId"], found["confidence"]) == (None, 0)
        assert (found["alternativeAgents"], found["explanation"]) == ([], [])

    @pytest.mark.parametrize(
        "state", [{"is_active": False}, {"is_paused": True}, {"capacity": 1}], ids=str
    )
    def test_who_cannot_take_it_is_not_recommended(
        self, head: APIClient, state: dict[str, Any]
    ) -> None:
        make_agent("alex", "amazon", **state)
        make_task(agent_id="alex")
        make_agent("marina", "shein")
        assert self.ask(head).json()["recommendation"]["recommendedAgentId"] is None

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"channel": "ebay"}, "channel"),
            ({"channel": 1}, "channel"),
            ({"taskType": "a b"}, "taskType"),
            ({"taskType": None}, "taskType"),
            ({"extra": 1}, "extra"),
        ],
    )
    def test_bad_bodies(self, head: APIClient, body: dict[str, Any], field: str) -> None:
        answer = self.ask(head, **body)
        assert answer.status_code == 400
        assert list(answer.json()["details"]) == [field]


class TestAssignment:
    def test_a_task_without_an_agent_gets_the_recommended_one_and_keeps_why(
        self, head: APIClient
    ) -> None:
        make_agent("alex", "amazon")
        make_agent("marina", "amazon")
        completed("marina", at=at_noon(1, clock.now()))
        task = make_task()
        assert task.row["agent_id"] == "marina"
        kept = Task.objects.get(task_id=task.row["task_id"]).assignment
        assert kept["rule"] == "recommended"
        assert kept["confidence"] == 100
        assert [one["agentId"] for one in kept["ranking"]] == ["marina", "alex"]
        assert kept["ranking"][0]["sampleSize"] == 1

    def test_tasks_created_together_spread_over_equals(self, head: APIClient) -> None:
        make_agent("alex", "amazon")
        make_agent("marina", "amazon")
        body = [{"taskType": "photo", "title": "T", "channel": "amazon", "estimatedHours": 1}] * 4
        answer = head.post("/api/marketplace/orchestration/task-execution", body, format="json")
        agents = [task["agentId"] for task in answer.json()["tasks"]]
        assert agents == ["alex", "marina", "alex", "marina"]


class TestWeights:
    def send(self, client: APIClient, **body: Any) -> Any:
        return client.patch(WEIGHTS, {"agentId": "marina", "weights": SENT, **body}, format="json")

    def test_weights_are_kept_as_sent_and_used_normalised(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        weights = {"approvalRate": 0.5, "completionRate": 0.3, "executionTime": 0.25}
        body = self.send(head, weights=weights).json()
        assert body["optimization"]["weightsSource"] == "manual"
        assert body["optimization"]["adaptiveWeights"] == {
            "approvalRate": pytest.approx(0.5 / 1.05),
            "completionRate": pytest.approx(0.3 / 1.05),
            "executionTime": pytest.approx(0.25 / 1.05),
        }
        assert PinnedWeights.objects.get().execution_time == 0.25
        assert optimization(head) | {"lastOptimization": ""} == body["optimization"] | {
            "lastOptimization": ""
        }

    def test_pinned_weights_change_the_score(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        # Approved and failed: approval 100, completion 0.
        only = {"approvalRate": 0.0, "completionRate": 1.0, "executionTime": 0.0}
        assert self.send(head, weights=only).json()["optimization"]["baseScore"] == 0
        only = {"approvalRate": 1, "completionRate": 0, "executionTime": 0}
        assert self.send(head, weights=only).json()["optimization"]["baseScore"] == 100

    def test_reset_returns_to_adaptive_and_repeats_harmlessly(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        self.send(head)
        for _time in range(2):
            answer = head.delete(f"{WEIGHTS}?agentId=marina")
            assert answer.status_code == 200
            assert answer.json()["optimization"]["weightsSource"] == "adaptive"
        assert WeightChange.objects.count() == 2

    def test_the_history_says_who_what_when_and_why(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        self.send(head, reason="fotos primeiro")
        head.delete(f"{WEIGHTS}?agentId=marina")
        answer = head.get(f"{WEIGHTS}?agentId=marina").json()
        adaptive = {"approvalRate": 0.5, "completionRate": 0.3, "executionTime": 0.2}
        actor = f"user:{head.handler._force_user.username}"
        instants = [change.pop("at") for change in answer["changes"]]
        assert instants == sorted(instants, reverse=True)
        assert answer["changes"] == [
            {"actor": actor, "old": SENT, "new": None, "adaptive": adaptive, "reason": None},
            {
                "actor": actor,
                "old": None,
                "new": SENT,
                "adaptive": adaptive,
                "reason": "fotos primeiro",
            },
        ]
        first = head.get(f"{WEIGHTS}?agentId=marina&limit=1").json()
        rest = head.get(f"{WEIGHTS}?agentId=marina&cursor={first['nextCursor']}").json()
        assert len(first["changes"]) == len(rest["changes"]) == 1
        assert rest["nextCursor"] is None

    def test_a_change_from_before_a_term_was_added_is_read_all_the_same(
        self, head: APIClient
    ) -> None:
        make_agent("marina", "amazon")
        self.send(head)
        WeightChange.objects.update(new={"approvalRate": 0.6, "completionRate": 0.4})
        (change,) = head.get(f"{WEIGHTS}?agentId=marina").json()["changes"]
        assert change["new"] == {"approvalRate": 0.6, "completionRate": 0.4, "executionTime": 0}

    def test_the_same_weights_again_are_no_change(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        self.send(head)
        self.send(head)
        assert WeightChange.objects.count() == 1

    @pytest.mark.parametrize(
        ("weights", "field"),
        [
            ({"approvalRate": 0.64}, None),  # 0.64 + 0.35 + 0.10 = 1.09
            ({"approvalRate": 0.61}, None),  # 1.06
            ({"approvalRate": 0.49}, None),  # 0.94
            ({"approvalRate": 1.1}, "approvalRate"),
            ({"approvalRate": -0.1}, "approvalRate"),
            ({"approvalRate": "0.55"}, "approvalRate"),
            ({"approvalRate": True}, "approvalRate"),
            ({"approvalRate": None}, "approvalRate"),
            ({"extra": 0.1}, "extra"),
        ],
    )
    def test_illegal_weights(
        self, head: APIClient, weights: dict[str, Any], field: str | None
    ) -> None:
        make_agent("marina", "amazon")
        answer = self.send(head, weights={**SENT, **weights})
        assert answer.status_code == 400
        (named,) = answer.json()["details"]
        assert named == ("weights" if field is None else f"weights.{field}")
        assert not PinnedWeights.objects.exists()
        assert not WeightChange.objects.exists()

    def test_a_refused_sum_is_told_with_the_digits_that_put_it_outside(
        self, head: APIClient
    ) -> None:
        make_agent("marina", "amazon")
        sent = {"approvalRate": 0.45, "completionRate": 0.3, "executionTime": 0.30001}
        answer = head.patch(WEIGHTS, {"agentId": "marina", "weights": sent}, format="json")
        assert answer.json()["details"] == {
            "weights": ["Os pesos precisam somar 1, com margem de 0,05; a soma é 1,05001."]
        }

    def test_a_negative_zero_is_kept_as_zero(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        sent = {"approvalRate": -0.0, "completionRate": 0.5, "executionTime": 0.5}
        answer = head.patch(WEIGHTS, {"agentId": "marina", "weights": sent}, format="json")
        assert answer.status_code == 200
        assert b"-0.0" not in answer.content
        assert b"-0.0" not in head.get(f"{WEIGHTS}?agentId=marina").content

    @pytest.mark.parametrize("approval", [0.50, 0.60])  # sums of 0.95 and 1.05
    def test_sums_on_the_boundary_are_legal(self, head: APIClient, approval: float) -> None:
        make_agent("marina", "amazon")
        assert self.send(head, weights={**SENT, "approvalRate": approval}).status_code == 200

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "1e400"])
    def test_numbers_that_are_none(self, head: APIClient, text: str) -> None:
        make_agent("marina", "amazon")
        weights = f'{{"approvalRate": {text}, "completionRate": 0.3, "executionTime": 0.2}}'
        body = f'{{"agentId": "marina", "weights": {weights}}}'
        answer = head.generic("PATCH", WEIGHTS, body, content_type="application/json")
        assert answer.status_code == 400
        assert not PinnedWeights.objects.exists()

    @pytest.mark.parametrize("missing", SENT)
    def test_all_three_are_needed(self, head: APIClient, missing: str) -> None:
        make_agent("marina", "amazon")
        weights = {key: value for key, value in SENT.items() if key != missing}
        assert self.send(head, weights=weights).status_code == 400

    def test_an_unknown_agent_is_404_everywhere(self, head: APIClient) -> None:
        assert self.send(head).status_code == 404
        assert head.delete(f"{WEIGHTS}?agentId=nobody").status_code == 404
        assert head.get(f"{WEIGHTS}?agentId=nobody").status_code == 404
        body = {"agentId": "nobody", "weights": SENT}
        assert head.post(f"{WEIGHTS}/preview", body, format="json").status_code == 404

    def test_the_agent_must_be_named(self, head: APIClient) -> None:
        for answer in (head.get(WEIGHTS), head.delete(WEIGHTS)):
            assert answer.status_code == 400
            assert list(answer.json()["details"]) == ["agentId"]

    def test_a_preview_changes_nothing_and_is_what_saving_then_gives(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        make_agent("alex", "amazon")
        now = clock.now()
        failed("marina", at=at_noon(1, now), reason=FailureReason.ERROR)
        completed("alex", at=at_noon(1, now), minutes=120)
        only = {"approvalRate": 1, "completionRate": 0, "executionTime": 0}
        answer = head.post(
            f"{WEIGHTS}/preview", {"agentId": "marina", "weights": only}, format="json"
        ).json()
        # Before: approval 100 and completion 0, 0.5 ÷ 0.8 = 62.5; alex 100 · 0.8 + 50 · 0.2 = 90.
        assert (answer["before"]["baseScore"], answer["before"]["rank"]) == (63, 2)
        assert (answer["after"]["baseScore"], answer["after"]["rank"]) == (100, 1)
        assert answer["peers"] == 2
        assert not PinnedWeights.objects.exists()
        assert not WeightChange.objects.exists()
        saved = self.send(head, weights=only).json()["optimization"]
        after = answer["after"]
        after.pop("rank")
        assert after == {key: saved[key] for key in after}

    def test_an_idempotency_key_changes_once(self, head: APIClient) -> None:
        make_agent("marina", "amazon")
        body = {"agentId": "marina", "weights": SENT}
        first, second = (
            head.patch(WEIGHTS, body, format="json", headers={"Idempotency-Key": "one"})
            for _time in range(2)
        )
        assert first.content == second.content
        assert WeightChange.objects.count() == 1


class TestRoles:
    @pytest.mark.parametrize(
        ("role", "sees", "changes"),
        [
            (None, 403, 403),
            (Role.QA, 200, 403),
            (Role.HEAD, 200, 200),
            (Role.ADMIN, 200, 200),
        ],
    )
    def test_each_role(self, role: Role | None, sees: int, changes: int) -> None:
        make_agent("marina", "amazon")
        client = client_of(role)
        need = {"taskType": "photo", "channel": "amazon"}
        change = {"agentId": "marina", "weights": SENT}
        assert client.get(BASE).status_code == sees
        assert client.post(f"{BASE}/recommend", need, format="json").status_code == sees
        assert client.get(f"{WEIGHTS}?agentId=marina").status_code == sees
        assert client.patch(WEIGHTS, change, format="json").status_code == changes
        assert client.post(f"{WEIGHTS}/preview", change, format="json").status_code == changes
        assert client.delete(f"{WEIGHTS}?agentId=marina").status_code == changes

    def test_nobody_gets_in_unknown(self) -> None:
        assert APIClient().get(BASE).status_code == 401
