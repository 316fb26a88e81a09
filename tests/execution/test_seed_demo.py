"""`seed_demo`: a demo that shows everything, whenever it is made, and only once."""

import io
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import translation

from execution import claiming, queries
from execution.demo.catalogue import KINDS, LOG_LINES, OF_TYPE
from execution.demo.past import load_story, past_stories
from execution.demo.present import present_histories
from execution.enums import FailureReason, SyncState, TaskStatus
from execution.models import (
    Agent,
    Lease,
    Marketplace,
    Stream,
    Task,
    TaskCount,
    TaskEvent,
    TaskLog,
    TaskTarget,
)
from execution.services import TaskHistory
from nexo import launcher
from nexo.shared import clock

NOWS = [
    datetime(2026, 2, 24, 14, 35, tzinfo=clock.BUSINESS_ZONE),  # a Tuesday
    datetime(2026, 3, 1, 3, 10, tzinfo=clock.BUSINESS_ZONE),  # a Sunday night
    datetime(2026, 5, 2, 0, 5, tzinfo=clock.BUSINESS_ZONE),  # just after midnight
    datetime(2027, 1, 4, 8, 0, tzinfo=clock.BUSINESS_ZONE),  # a Monday morning
    datetime(2026, 8, 28, 23, 50, tzinfo=clock.BUSINESS_ZONE),  # a Friday, late
]


# -- Scores, worked out here from the log alone --------------------------------------------------


@dataclass
class Facts:
    """What one agent's events of some days add up to."""

    approved: int = 0
    rejected: int = 0
    completed: int = 0
    broke: int = 0
    late: int = 0
    estimated: float = 0
    worked: float = 0
    rates: tuple[float | None, float | None, float | None] = field(init=False)

    def close(self) -> "Facts":
        decided = self.approved + self.rejected
        ended = self.completed + self.broke + self.late
        self.rates = (
            100 * self.approved / decided if decided else None,
            100 * self.completed / ended if ended else None,
            100 * min(1, self.estimated / self.worked) if self.worked else None,
        )
        return self

    def score(self, weights: Sequence[float]) -> float:
        known = [(w, rate) for w, rate in zip(weights, self.rates, strict=True) if rate is not None]
        total = sum(w for w, _rate in known)
        return sum(w * rate for w, rate in known) / total if total else 0


def facts_by_day(histories: Sequence[TaskHistory], agent: str, now: datetime) -> dict[date, Facts]:
    first = clock.business_day(now) - timedelta(days=29)
    days: defaultdict[date, Facts] = defaultdict(Facts)
    for history in histories:
        for event in history.events:
            if event.agent_id != agent:
                continue
            facts = days[clock.business_day(event.at)]
            facts.approved += event.kind == "approved"
            facts.approved += (event.kind, event.from_status) == ("started", "pending")
            facts.rejected += event.failure_reason == "rejected"
            facts.completed += event.kind == "completed"
            facts.broke += event.kind == "failed" and event.failure_reason in ("error", "timeout")
            if event.kind == "completed" and event.execution_minutes is not None:
                facts.estimated += event.estimated_minutes
                facts.worked += event.execution_minutes
        task = history.task
        if task.agent_id == agent and task.ended_at is None and task.approved_at is not None:
            crossed = task.approved_at + timedelta(minutes=2 * task.estimated_minutes)
            if crossed < now:
                days[clock.business_day(crossed)].late += 1
    return {day: facts.close() for day, facts in sorted(days.items()) if day >= first}


def total(days: Sequence[Facts]) -> Facts:
    names = ("approved", "rejected", "completed", "broke", "late", "estimated", "worked")
    return Facts(**{name: sum(getattr(day, name) for day in days) for name in names}).close()


def adaptive_weights(days: Sequence[Facts]) -> list[float]:
    columns = [[day.rates[i] for day in days if day.rates[i] is not None] for i in range(3)]
    base = (0.6, 0.4, 0.1) if statistics.fmean(columns[1]) < 60 else (0.5, 0.3, 0.2)
    spread = [statistics.pvariance(column) for column in columns]
    weights = [w * min(1, 225 / v) if v else w for w, v in zip(base, spread, strict=True)]
    return [w / sum(weights) for w in weights]


def score_and_trend(
    histories: Sequence[TaskHistory], agent: str, now: datetime
) -> tuple[float, float]:
    """The score of the window, and how far tomorrow's prediction lies above it."""
    days = facts_by_day(histories, agent, now)
    weights = adaptive_weights(list(days.values()))
    score = total(list(days.values())).score(weights)
    scored = {day: facts for day, facts in days.items() if facts.rates != (None, None, None)}
    xs = [(day - clock.business_day(now)).days for day in scored]
    line = statistics.linear_regression(xs, [facts.score(weights) for facts in scored.values()])
    return score, min(100, max(0, line.intercept + line.slope)) - score


@pytest.mark.unit
@pytest.mark.parametrize("now", NOWS, ids=str)
class TestStories:
    """Whenever the demo is made, it shows the same picture."""

    @pytest.fixture
    def histories(self, now: datetime) -> list[TaskHistory]:
        return [*(story.told() for story in past_stories(now)), *present_histories(now)]

    def test_scores_fall_into_all_four_bands_with_trends_both_ways(
        self, histories: list[TaskHistory], now: datetime
    ) -> None:
        found = {
            agent: score_and_trend(histories, agent, now)
            for agent in ("alex", "premium", "sunny", "tren", "viral", "marina")
        }
        scores = {agent: score for agent, (score, _trend) in found.items()}
        # Half a point from each bound, so that no rounding puts an agent into another band.
        assert scores["alex"] >= 80.5
        assert scores["premium"] >= 80.5
        assert 70.5 <= scores["sunny"] < 79
        assert 60.5 <= scores["tren"] < 69
        assert 60.5 <= scores["viral"] < 69
        assert scores["marina"] < 49
        assert found["alex"][1] > 5
        assert found["viral"][1] < -5

    def test_the_newest_are_forty_two_in_the_proportions_of_the_page(
        self, histories: list[TaskHistory], now: datetime
    ) -> None:
        newest = sorted(histories, key=lambda history: history.task.created_at)[-42:]
        assert Counter(history.task.status for history in newest) == {
            "pending": 5,
            "approved": 3,
            "in_progress": 7,
            "marketplace_sync": 5,
            "completed": 20,
            "failed": 2,
        }
        open_tasks = {h.task.external_id for h in newest if h.task.ended_at is None}
        assert {h.task.external_id for h in histories if h.task.ended_at is None} == open_tasks
        overdue = [
            history.task
            for history in newest
            if history.task.ended_at is None
            and history.task.created_at + timedelta(minutes=history.task.estimated_minutes) < now
        ]
        assert 3 <= len(overdue) <= 15

    def test_it_shows_every_reason_state_and_kind_of_day(
        self, histories: list[TaskHistory], now: datetime
    ) -> None:
        assert len(histories) > 300
        assert {h.task.failure_reason for h in histories} == {None, *FailureReason.values}
        targets = [target for history in histories for target in history.targets]
        assert {target.state for target in targets} == set(SyncState.values)
        assert all(target.error for target in targets if target.state == SyncState.FAILED)
        assert any(history.task.attempt > 1 for history in histories)
        first = min(history.task.created_at for history in histories)
        assert timedelta(days=37) < now - first < timedelta(days=41)

    def test_what_goes_wrong_can_go_wrong_with_a_task_of_its_type(
        self, histories: list[TaskHistory], now: datetime
    ) -> None:
        assert set(OF_TYPE) == {kind.task_type for kind in KINDS}
        type_of = {words: kind for kind, both in OF_TYPE.items() for words in both}
        told = [
            (history.task.task_type, type_of[words])
            for history in histories
            for event in history.events
            for words in (event.reason, (event.details or {}).get("error"))
            if words in type_of
        ]
        assert len(told) > 20
        assert [pair for pair in told if pair[0] != pair[1]] == []

    def test_no_event_lies_ahead_or_before_the_one_it_follows(
        self, histories: list[TaskHistory], now: datetime
    ) -> None:
        for history in histories:
            instants = [event.at for event in history.events]
            assert all(earlier <= later for earlier, later in pairwise(instants))
            assert instants[-1] <= now


@pytest.mark.unit
def test_a_load_keeps_the_bands() -> None:
    now = NOWS[0]
    histories = [load_story(index, now).told() for index in range(3000)]
    assert all(history.task.ended_at for history in histories)
    scores = {agent: score_and_trend(histories, agent, now)[0] for agent in ("alex", "marina")}
    assert scores["alex"] >= 80
    assert scores["marina"] < 60


# -- The command ---------------------------------------------------------------------------------


@pytest.fixture
def _english() -> Iterator[None]:
    with translation.override("en"):
        yield


def seed(*options: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", *options, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.mark.integration
@pytest.mark.django_db
@pytest.mark.usefixtures("_english")
class TestCommand:
    def test_people_can_sign_in_with_the_printed_password_and_have_their_roles(self) -> None:
        out = seed("--tasks", "0")
        password = out.partition("Password of admin, head, qa, user: ")[2].split()[0]
        for role in ("admin", "head", "qa", "user"):
            user = User.objects.get(username=role)
            assert authenticate(username=role, password=password) == user
            groups = set(user.groups.values_list("name", flat=True))
            assert groups == ({role} if role != "user" else set())
            assert not user.is_superuser

    def test_a_given_password_is_used_and_not_printed(self, settings: Any) -> None:
        settings.DEMO_PASSWORD = "given-by-the-environment"
        assert "given-by-the-environment" not in seed("--tasks", "0")
        assert User.objects.get(username="qa").check_password("given-by-the-environment")

    def test_a_generated_password_is_kept_where_make_run_looks_for_it(
        self, settings: Any, tmp_path: Path
    ) -> None:
        settings.DATA_DIR = tmp_path
        seed("--tasks", "0")
        password = launcher.demo_password(tmp_path, {})
        assert User.objects.get(username="head").check_password(password)

    def test_who_gives_another_password_hears_that_it_is_nobodys(self, settings: Any) -> None:
        told = io.StringIO()
        for password in ("the-first-one", "the-first-one", "another-one"):
            assert told.getvalue() == ""
            settings.DEMO_PASSWORD = password
            call_command("seed_demo", "--tasks", "0", stdout=io.StringIO(), stderr=told)
        assert told.getvalue().startswith("NEXO_DEMO_PASSWORD is for new users.")
        assert User.objects.get(username="head").check_password("the-first-one")

    def test_somebody_who_has_the_name_already_is_left_alone(self) -> None:
        User.objects.create_user("admin", password="mine")
        seed("--tasks", "0")
        admin = User.objects.get(username="admin")
        assert admin.check_password("mine")
        assert not admin.groups.exists()

    def test_zero_tasks_means_people_and_agents_only(self) -> None:
        seed("--tasks", "0")
        assert not Task.objects.exists()
        homes = dict(Agent.objects.values_list("slug", "home_id"))
        assert homes == {
            "alex": "amazon",
            "marina": "mercadolivre",
            "sunny": "shopee",
            "tren": "shein",
            "viral": "tiktokshop",
            "premium": "kaway",
        }
        for agent in Agent.objects.all():
            assert agent.is_active
            assert agent.specialties.exists()
            assert agent.marketplaces.filter(slug=agent.home_id).exists()
        shared = [m.slug for m in Marketplace.objects.all() if m.agents.count() >= 2]
        assert len(shared) >= 3

    def test_a_second_time_adds_nothing(self) -> None:
        first = seed()
        before = counts()
        assert before["tasks"] > 300
        second = seed()
        assert counts() == before
        assert "Password" in first
        assert "Password" not in second
        assert second.count("all there already") == 3

    def test_counters_and_event_numbers_are_true(self) -> None:
        seed()
        rolled_up = {
            (row.status, row.marketplace_id): (row.count, row.progress_sum)
            for row in TaskCount.objects.exclude(count=0)
        }
        counted: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for status, slug, progress in Task.objects.values_list(
            "status", "marketplace_id", "progress"
        ):
            counted[status, slug].append(progress)
        assert rolled_up == {key: (len(all_), sum(all_)) for key, all_ in counted.items()}
        numbers = list(TaskEvent.objects.order_by("sequence").values_list("sequence", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert queries.stream_position().sequence == len(numbers)

    def test_what_is_under_way_is_held_and_comes_back_when_nobody_goes_on(self) -> None:
        seed()
        under_way = Task.objects.filter(
            status__in=(TaskStatus.IN_PROGRESS, TaskStatus.MARKETPLACE_SYNC)
        )
        assert under_way.count() == Lease.objects.count() == 12
        assert not under_way.filter(lease__isnull=True).exists()
        assert not under_way.exclude(lease__agent_id=F("agent_id")).exists()
        Lease.objects.update(expires_at=clock.now())
        assert claiming.end_lapsed_leases() == 12
        assert not under_way.exists()

    def test_agents_wrote_logs_of_what_they_do_now(self) -> None:
        seed()
        running = Task.objects.filter(status=TaskStatus.IN_PROGRESS)
        assert all(task.logs.exists() for task in running)
        assert not TaskLog.objects.filter(at__gt=clock.now()).exists()
        (sent,) = LOG_LINES[TaskStatus.MARKETPLACE_SYNC]
        told = Task.objects.filter(logs__message=sent)
        assert told.exists()
        before = (TaskStatus.PENDING, TaskStatus.APPROVED, TaskStatus.IN_PROGRESS)
        assert not told.filter(status__in=before).exists()

    def test_a_load_grows_to_what_was_asked_for_and_stops_there(self) -> None:
        seed("--tasks", "15")
        base = counts()["tasks"] - 15
        seed("--tasks", "15")
        assert counts()["tasks"] == base + 15
        seed("--tasks", "20")
        assert counts()["tasks"] == base + 20
        assert counts()["sequence"] == TaskEvent.objects.count()

    def test_a_wrong_number_is_a_sentence(self) -> None:
        with pytest.raises(CommandError, match="0 or more"):
            seed("--tasks", "-1")


def counts() -> dict[str, int]:
    return {
        "users": User.objects.count(),
        "agents": Agent.objects.count(),
        "tasks": Task.objects.count(),
        "targets": TaskTarget.objects.count(),
        "events": TaskEvent.objects.count(),
        "logs": TaskLog.objects.count(),
        "sequence": Stream.objects.get().sequence,
    }
