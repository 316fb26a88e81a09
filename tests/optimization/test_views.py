"""The optimization page without its scripts: what it shows, asks and saves."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.roles import Role
from execution import services
from execution.changes import Edits
from execution.commands import Command
from execution.enums import FailureReason, TaskStatus
from execution.texts import exact_text
from nexo.shared import clock
from optimization.answer_view import bar_segments
from optimization.models import PinnedWeights, WeightChange
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in, make_user
from tests.optimization.work import at_noon, completed, failed, week_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "/marketplace/orchestration/optimization"
SENT = {"approval_rate": "20", "completion_rate": "70%", "execution_time": "10,0"}


def client_of(role: Role | None, language: str = "pt-br") -> Client:
    client = Client()
    client.force_login(make_user(role), settings.AUTHENTICATION_BACKENDS[-1])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client


@pytest.fixture
def head() -> Client:
    return client_of(Role.HEAD)


def text_of(client: Client, query: str = "") -> str:
    answer = client.get(f"{PAGE}?{query}")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def names(client: Client, query: str = "") -> list[str]:
    return [card.slug for card in client.get(f"{PAGE}?{query}").context["agents"]]


@pytest.mark.parametrize(
    ("role", "status"), [(None, 403), (Role.QA, 200), (Role.HEAD, 200), (Role.ADMIN, 200)]
)
def test_who_sees_it(role: Role | None, status: int) -> None:
    assert client_of(role).get(PAGE).status_code == status


def test_strangers_are_asked_who_they_are() -> None:
    answer = Client().get(PAGE)
    assert answer["Location"] == f"/accounts/login/?next={PAGE}"


def test_the_refusal_says_whom_to_ask() -> None:
    answer = client_of(None).get(PAGE)
    assert "quem administra" in answer.content.decode()


def test_a_plain_user_is_not_offered_the_place() -> None:
    assert PAGE not in client_of(None).get("/marketplace/tasks/execution").content.decode()
    assert PAGE in client_of(Role.QA).get("/marketplace/tasks/execution").content.decode()


def test_a_card_says_score_forecast_action_and_why(head: Client) -> None:
    make_agent("marina", "amazon", "shein")
    list(week_of("marina", clock.now()))
    text = text_of(head)
    assert "Amazon, Shein" in text
    assert "83 /100 Excelente" in text
    assert "↘ abaixo da pontuação 77 −6" in text
    assert "Intervalo de 80% 64–90" in text
    assert "Taxa de aprovação 50%" in text
    assert "A pontuação 83 é de 80 ou mais, mas a previsão de 77 não está acima dela." in text
    assert "16 tarefas encerradas · 3 dias com dados" in text
    # 4 completed of 4 approved, 1 rejected; on the last day one more approved, that failed.
    assert re.search(r"Dia Pontuação Fatos \S+ \d+ 11 \S+ \d+ 9 \S+ \d+ 9 ", text)


def test_a_card_says_when_it_was_calculated(head: Client) -> None:
    make_agent("marina", "amazon")
    answer = head.get(PAGE)
    exact = exact_text(answer.context["agents"][0].at)
    assert f'title="{exact}">{exact[11:16]}</time>' in answer.content.decode()


def test_a_paused_agent_is_said_to_be_and_leads_to_where_it_goes_on(head: Client) -> None:
    agent = make_agent("marina", "amazon")
    assert "Amazon Pausado" not in text_of(head)
    agent.is_paused = True
    agent.save()
    assert "Amazon Pausado" in text_of(head)
    drawer = head.get(f"{PAGE}?agent=marina").content.decode()
    assert '/marketplace/orchestration#agent-marina">Retomar na visão geral' in drawer


def test_an_agent_without_work_shows_no_number(head: Client) -> None:
    make_agent("marina", "amazon")
    text = text_of(head)
    assert "— /100 dados insuficientes" in text
    assert "Nenhum dia com dados nos últimos 30" in text


def test_english_beside_it() -> None:
    client = client_of(Role.HEAD, "en")
    make_agent("marina", "amazon")
    list(week_of("marina", clock.now()))
    assert "Score 83 is 80 or more, but the forecast of 77 is not above it." in text_of(client)


def test_scores_under_different_weights_are_said_to_be_no_one_measure(head: Client) -> None:
    assert "pontuações com pesos diferentes não são a mesma medida" in text_of(head)


def test_nobody_yet(head: Client) -> None:
    assert "Ainda não há agentes ativos" in text_of(head)


class TestOrder:
    @pytest.fixture(autouse=True)
    def _agents(self) -> None:
        now = clock.now()
        for slug in ("alex", "bia", "caio", "davi"):
            make_agent(slug, "amazon")
        completed("caio", at=at_noon(1, now))
        failed("alex", at=at_noon(1, now), reason=FailureReason.ERROR)
        failed("bia", at=at_noon(1, now), reason=FailureReason.REJECTED)

    def test_the_best_come_first_and_those_without_data_last(self, head: Client) -> None:
        # caio 100; alex approval 100, completion 0: 63; bia 0; davi has nothing.
        assert names(head) == ["caio", "alex", "bia", "davi"]
        assert names(head, "sort=name") == ["alex", "bia", "caio", "davi"]

    def test_of_those_below_fifty_it_is_said_how_many_have_little_data(self, head: Client) -> None:
        assert "pontuação abaixo de 50, 1 com dados insuficientes" in text_of(head)

    def test_the_links_say_together_that_they_sort(self, head: Client) -> None:
        assert "Ordenar por Pontuação Previsão Variação Nome" in text_of(head)

    def test_an_action_filters_and_links_keep_the_order(self, head: Client) -> None:
        assert names(head, "action=retrain&sort=name") == ["bia"]
        assert names(head, "action=reduce_workload") == ["alex"]
        page = head.get(f"{PAGE}?action=retrain&sort=name").content.decode()
        assert "sort=forecast&amp;action=retrain" in page
        assert "Nenhum agente com esta ação" in text_of(head, "action=increase_workload")

    def test_a_page_that_shows_more_gets_the_rest_beside_its_list(self, head: Client) -> None:
        query = "action=retrain&also=bia,alex,nobody,"
        assert names(head, query) == ["bia"]
        answer = head.get(f"{PAGE}?{query}")
        assert [card.slug for card in answer.context["left"]] == ["alex"]
        assert set(answer.context["page_data"]["charts"]) == {"bia", "alex"}
        facts = answer.context["page_data"]["facts"]
        assert {"completed", "undone", "retried"} < set(facts)
        assert "progress" not in facts
        page = answer.content.decode()
        assert page.count("has-left") == 1
        # No link carries the question on.
        assert "also=" not in re.sub(r'(id="refresh"|name="next").*', "", page)

    @pytest.mark.parametrize("query", ["sort=x", "action=x", "show=x", "show=-1", "agent=%00"])
    def test_what_cannot_be_read_is_left_out(self, head: Client, query: str) -> None:
        assert len(names(head, query)) == 4


def test_more_agents_than_a_page_holds(head: Client) -> None:
    for number in range(30):
        make_agent(f"agent{number:02}", "amazon")
    assert len(names(head)) == 24
    page = page_of(head)
    ((query, place),) = re.findall(r'class="more"><a class="button" href="\?([^"]+)#([^"]+)"', page)
    assert len(names(head, query)) == 30
    # It opens at the first card that is new.
    assert f'id="{place}"' not in page
    assert place == "card-agent24"


def page_of(client: Client, query: str = "") -> str:
    return client.get(f"{PAGE}?{query}").content.decode()


@pytest.mark.parametrize("agents", [1, 6])
def test_few_queries_however_many_agents(
    head: Client, agents: int, django_assert_num_queries: Any
) -> None:
    for number in range(agents):
        make_agent(f"agent{number}", "amazon", "shein")
    head.get(PAGE)
    with django_assert_num_queries(6):
        head.get(PAGE)


class TestDrawer:
    def test_the_arithmetic_of_the_score(self, head: Client) -> None:
        make_agent("marina", "amazon")
        list(week_of("marina", clock.now()))
        text = text_of(head, "agent=marina")
        # 81.25 × 0.5, 92.31 × 0.3, 75 × 0.2
        assert "13 aprovadas, 3 rejeitadas 81,3% 50,0% 40,63" in text
        assert "12 concluídas, 1 com erro 92,3% 30,0% 27,69" in text
        assert "720 min estimados, 960 min usados 75,0% 20,0% 15,00" in text
        assert "Reta por 3 dias com pontuação, −2,17 pontos por dia; amanhã, 77." in text
        assert (
            "Em 8 de cada 10 dias com mais ou menos tantos fatos quanto estes, a pontuação ficaria "
            "entre 64 e 90." in text
        )
        assert "amanhã, 77. Na reta todo dia pesa igual, por poucos fatos que tenha." in text

    def test_who_is_to_get_more_work_in_spite_of_errors_is_said_to_make_them(
        self, head: Client
    ) -> None:
        make_agent("marina", "amazon")
        for days_ago, errors in ((3, 1), (2, 1), (1, 0)):
            for _task in range(4):
                completed("marina", at=at_noon(days_ago, clock.now()))
            for _task in range(errors):
                failed("marina", at=at_noon(days_ago, clock.now()), reason=FailureReason.ERROR)
        text = text_of(head, "agent=marina")
        told = "está acima dela. Mas a taxa de erro de 14,3% (2 de 14) está acima de 10%."
        assert told in text
        assert "pontuação de 80 ou mais, 1 com taxa de erro acima de 10%" in text
        assert "Taxa de erro 2 de 14 com erro; fora da pontuação 14,3% — —" in text
        for _task in range(20):
            completed("marina", at=at_noon(2, clock.now()))
        text = text_of(head, "agent=marina")
        assert "Aumentar" in text and "Mas a taxa de erro" not in text
        assert "Taxa de erro 2 de 34 com erro; fora da pontuação 5,9% — —" in text

    def test_how_often_is_claimed_neither_of_little_data_nor_of_a_single_point(
        self, head: Client
    ) -> None:
        make_agent("marina", "amazon")
        now = clock.now()
        for days_ago in (3, 2, 1):
            failed("marina", at=at_noon(days_ago, now), reason=FailureReason.ERROR)
        completed("marina", at=at_noon(1, now))
        text = text_of(head, "agent=marina")
        assert "Intervalo de 80%" in text and "dados insuficientes" in text
        assert "8 de cada 10 dias com mais ou menos tantos fatos quanto estes" not in text
        make_agent("bia", "amazon")
        for days_ago in (3, 2, 1):
            for _task in range(3):
                completed("bia", at=at_noon(days_ago, now))
        text = text_of(head, "agent=bia")
        assert "Intervalo de 80% 100–100" in text
        assert "8 de cada 10 dias com mais ou menos tantos fatos quanto estes" not in text

    def test_how_far_such_forecasts_were_off(self, head: Client) -> None:
        make_agent("marina", "amazon")
        now = clock.now()
        for days_ago in range(1, 8):
            completed("marina", at=at_noon(days_ago, now))
        text = text_of(head, "agent=marina")
        told = "Testada em 5 dias anteriores, uma reta assim errou 0,0 pontos em média, e a "
        assert f"{told}pontuação anterior a cada um, 0,0." in text

    def test_numbers_are_written_as_the_reader_writes_them(self, head: Client) -> None:
        agent = make_agent("marina", "amazon")
        now = clock.now()
        completed("marina", at=at_noon(1, now), minutes=3900)
        PinnedWeights.objects.create(
            agent=agent, approval_rate=0.125, completion_rate=0.375, execution_time=0.5
        )
        text = text_of(head, "agent=marina")
        assert "60 min estimados, 3.900 min usados" in text
        # 12.5 and 37.5: together they are a hundred.
        assert "Taxa de aprovação 13% Taxa de conclusão 37% Tempo de execução 50%" in text

    def test_two_days_make_a_line_and_one_makes_none(self, head: Client) -> None:
        make_agent("marina", "amazon")
        completed("marina", at=at_noon(2, clock.now()))
        assert "não há reta" in text_of(head, "agent=marina")
        completed("marina", at=at_noon(1, clock.now()))
        assert "Reta por 2 dias" in text_of(head, "agent=marina")

    def test_a_rate_without_data_has_no_part(self, head: Client) -> None:
        make_agent("marina", "amazon")
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.REJECTED)
        assert "0 concluídas, 0 com erro — — —" in text_of(head, "agent=marina")

    def test_who_may_not_change_weights_gets_no_form(self) -> None:
        make_agent("marina", "amazon")
        assert "data-weights" in page_of(client_of(Role.HEAD), "agent=marina")
        client = client_of(Role.QA)
        assert "data-weights" not in page_of(client, "agent=marina")
        answer = client.post(f"{PAGE}?agent=marina", {**SENT, "step": "save"})
        assert answer.status_code == 403
        assert not PinnedWeights.objects.exists()

    def test_weights_are_previewed_saved_and_reset(self, head: Client) -> None:
        make_agent("marina", "amazon")
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        url = f"{PAGE}?agent=marina"
        assert ">Ver prévia</button>" in head.get(url).content.decode()
        preview = head.post(url, {**SENT, "step": "preview"})
        assert not PinnedWeights.objects.exists()
        # Approval 100, completion 0: 0.5 ÷ 0.8 before, 0.2 ÷ 0.9 after.
        found = preview.context["drawer"]["editor"].preview
        assert (found.before.score, found.after.score) == (63, 22)
        assert "Salvar pesos" in preview.content.decode()
        assert head.post(url, {**SENT, "step": "save", "reason": "teste"}).status_code == 302
        assert PinnedWeights.objects.get().completion_rate == 0.7
        text = text_of(head, "agent=marina")
        assert (
            "definiu taxa de aprovação 20%, taxa de conclusão 70% e tempo de execução 10%" in text
        )
        assert "“teste”" in text
        head.post(url, {"step": "preview-reset"})
        assert PinnedWeights.objects.exists()
        head.post(url, {"step": "reset"})
        assert not PinnedWeights.objects.exists()
        assert WeightChange.objects.count() == 2

    def test_the_preview_shows_each_day_before_and_after(self, head: Client) -> None:
        make_agent("marina", "amazon")
        now = clock.now()
        for days_ago in (1, 2, 4):
            failed("marina", at=at_noon(days_ago, now), reason=FailureReason.ERROR)
        answer = head.post(f"{PAGE}?agent=marina", {**SENT, "step": "preview"})
        page = answer.content.decode()
        # Approval 100, completion 0: 0.6 of 0.6, 0.4 (low completion) before, 0.2 ÷ 0.9 after.
        assert page.count('<td class="number">60</td><td class="number">22</td>') == 3
        # Days 28 and 27 of the line, day 25 between gaps: 3 + 4 × day, 3 + (100 − score) ÷ 2.
        assert '<polyline points="111,23 115,23">' in page
        assert '<circle cx="103" cy="42"' in page
        assert 'formaction="?agent=marina#preview"' in page
        assert page.count('id="preview"') == 1
        assert "Único agente nos canais dele: posição" in page

    @pytest.mark.parametrize(
        "values",
        [
            {"approval_rate": "90"},
            {"approval_rate": "x"},
            {"approval_rate": "-20"},
            {"approval_rate": "nan"},
            {"approval_rate": ""},
            {"reason": "x" * 1001},
        ],
        ids=lambda values: str(values)[:40],
    )
    @pytest.mark.parametrize("step", ["preview", "save", "nothing"])
    def test_illegal_weights_are_refused_with_a_reason(
        self, head: Client, values: dict[str, str], step: str
    ) -> None:
        make_agent("marina", "amazon")
        answer = head.post(f"{PAGE}?agent=marina", {**SENT, **values, "step": step})
        assert answer.status_code == 400
        assert answer.context["drawer"]["form"].errors
        assert not WeightChange.objects.exists()

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            (dict.fromkeys(SENT, "101"), "Cada peso é uma porcentagem de 0% a 100%."),
            ({"approval_rate": ""}, "Cada peso é uma porcentagem de 0% a 100%."),
            (
                {"approval_rate": "50,5"},
                "Os pesos precisam somar 100% (de 95% a 105% também vale); a soma é 130,5%.",
            ),
            (
                {"approval_rate": "45", "completion_rate": "30", "execution_time": "30,001"},
                "Os pesos precisam somar 100% (de 95% a 105% também vale); a soma é 105,001%.",
            ),
        ],
    )
    def test_what_is_wrong_with_weights_is_said_once(
        self, head: Client, values: dict[str, str], said: str
    ) -> None:
        make_agent("marina", "amazon")
        answer = head.post(f"{PAGE}?agent=marina", {**SENT, **values, "step": "preview"})
        assert answer.context["drawer"]["form"].errors == {"__all__": [said]}

    def test_the_form_starts_with_percent(self, head: Client) -> None:
        make_agent("marina", "amazon")
        page = page_of(head, "agent=marina")
        assert re.findall(r'name="\w+" value="([^"]*)"[^>]*inputmode', page) == ["50", "30", "20"]
        assert 'Motivo <span class="soft">(opcional)</span>' in page

    def test_an_unknown_agent_is_not_found(self, head: Client) -> None:
        for query in ("", "agent=nobody"):
            answer = head.post(f"{PAGE}?{query}", {**SENT, "step": "save"})
            assert answer.status_code == 404


class TestWho:
    def test_it_answers_with_each_term(self, head: Client) -> None:
        make_agent("marina", "amazon")
        completed("marina", at=at_noon(1, clock.now()))
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        text = text_of(head, "taskType=photo&channel=amazon")
        # 85 − 20 for an error rate of 50
        assert "1. Marina 65" in text
        assert "Pontuação base 85 Taxa de erro acima de 10% −20" in text
        assert "Confiança de 65%, de 2 tarefas encerradas: dados insuficientes." in text
        assert "Sucesso esperado de 62%: 95% da confiança, não uma taxa medida." in text
        list(week_of("marina", clock.now()))
        text = text_of(head, "taskType=photo&channel=amazon")
        assert re.search(r"Confiança de \d\d% \((alta|moderada|baixa)\)\. Sucesso esperado", text)

    def test_the_bar_is_made_of_the_terms(self, head: Client) -> None:
        make_agent("marina", "amazon")
        completed("marina", at=at_noon(1, clock.now()))
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        page = page_of(head, "taskType=photo&channel=amazon")
        assert re.findall(r'<rect data-term="(\w+)" x="(\d+)%" width="(\d+)%"', page) == [
            ("base", "0", "85"),
            ("penalty", "65", "20"),
        ]

    def test_nobody_can(self, head: Client) -> None:
        text = text_of(head, "taskType=photo&channel=kaway")
        assert (
            "Ninguém: nenhum agente ativo com capacidade livre trabalha no marketplace Kaway."
            in text
        )

    def test_a_type_that_no_task_has_is_said_to_be_new(self, head: Client) -> None:
        make_agent("alex", "amazon")
        make_task(task_type="photo", agent_id="alex")
        for task_type, told in (("photo", False), ("foto", True)):
            page = page_of(head, f"taskType={task_type}&channel=amazon")
            assert (f"Ainda não houve tarefa do tipo “{task_type}”." in page) == told
            waiting = f"?taskType={task_type}&amp;channel=amazon&amp;status=pending,"
            assert f'href="/marketplace/tasks/execution{waiting}' in page

    @pytest.mark.parametrize("query", ["taskType=a+b&channel=amazon", "taskType=a&channel=ebay"])
    def test_what_cannot_be_asked(self, head: Client, query: str) -> None:
        assert "Não foi possível ler" in text_of(head, query)


@pytest.mark.parametrize(
    ("base", "adjustments", "segments"),
    [
        (80, [], [("base", 0, 80)]),
        (80, [10, -15], [("base", 0, 80), ("bonus", 80, 10), ("penalty", 75, 15)]),
        (
            80,
            [10, -15, -20],
            [("base", 0, 80), ("bonus", 80, 10), ("penalty", 75, 15), ("penalty", 55, 20)],
        ),
        (95, [10], [("base", 0, 95), ("bonus", 95, 5)]),
        (100, [10], [("base", 0, 100)]),
        (10, [-15, -20], [("base", 0, 10), ("penalty", 0, 10)]),
        (0, [-15], []),
    ],
)
def test_segments_add_up_and_stay_within_the_bar(
    base: int, adjustments: list[int], segments: list[tuple[str, int, int]]
) -> None:
    assert [(s.kind, s.start, s.length) for s in bar_segments(base, adjustments)] == segments


class TestTaskPage:
    def test_why_this_agent_in_words_and_numbers(self, head: Client) -> None:
        make_agent("alex", "amazon")
        make_agent("marina", "amazon")
        completed("marina", at=at_noon(1, clock.now()))
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        task_id = make_task(task_type="photo").row["task_id"]
        page = head.get(f"/marketplace/tasks/{task_id}").content.decode()
        text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
        assert (
            "Recomendado para photo no marketplace Amazon com confiança de 65%, de 2 tarefas "
            "encerradas: dados insuficientes." in text
        )
        list(week_of("marina", clock.now()))
        task_id = make_task(task_type="photo").row["task_id"]
        page = head.get(f"/marketplace/tasks/{task_id}").content.decode()
        assert re.search(r"com confiança de \d+% \((alta|moderada|baixa)\)\.", page)
        assert "Marina 65 Pontuação base 85 Taxa de erro acima de 10% −20" in text
        assert "0 tarefas abertas · 2 encerradas em 30 dias · dados insuficientes" in text

    def test_who_may_not_see_optimization_sees_no_score_of_an_agent(self) -> None:
        make_agent("alex", "amazon")
        make_agent("marina", "amazon")
        completed("alex", at=at_noon(1, clock.now()))
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        task_id = make_task(task_type="photo").row["task_id"]
        user = client_of(None)
        page = user.get(f"/marketplace/tasks/{task_id}").content.decode()
        why = page.partition('data-part="why">')[2].partition("</section>")[0]
        text = " ".join(re.sub(r"<[^>]+>", " ", why).split())
        assert text == "Recomendado para photo no marketplace Amazon."
        # What else tells of a task: its representation, its timeline, the list and its file.
        api = "/api/marketplace/orchestration"
        for address in (
            f"{api}/task-execution/{task_id}",
            f"{api}/task-execution/{task_id}/events",
            f"{api}/task-execution",
            "/marketplace/tasks/execution",
            "/marketplace/tasks/execution/csv",
        ):
            answer = user.get(address)
            assert answer.status_code == 200, address
            told = b"".join(answer) if answer.streaming else answer.content
            for word in (b"ranking", b"confidence", b"lowData", "confiança".encode()):
                assert word not in told, address

    def test_decisions_are_joined_to_their_outcome(self, head: Client) -> None:
        make_agent("marina", "amazon")
        tasks = [make_task() for _number in range(6)]
        for task, reason in zip(tasks[2:], ("error", "rejected", "cancelled"), strict=False):
            change(task, status=TaskStatus.FAILED, failure_reason=FailureReason(reason))
        for task in (tasks[0], tasks[1]):
            change(task, status=TaskStatus.FAILED, failure_reason=FailureReason.ERROR)
            services.command_task(task.row["task_id"], Command.RETRY, caller=OPERATOR)
        change(change(tasks[1], status=TaskStatus.IN_PROGRESS), status=TaskStatus.COMPLETED)
        make_task(agent_id="marina")
        # Given to somebody else in spite of the recommendation: it proves nothing of either.
        make_agent("bia", "shein")
        passed_on = make_task().row["task_id"]
        edits = Edits(agent_id="bia")
        services.command_task(passed_on, Command.ASSIGN, caller=OPERATOR, edits=edits)
        text = text_of(head, "agent=marina")
        assert (
            "Recomendado em 30 dias para 6 tarefas que ficaram com ele: 1 concluída, 1 com erro, "
            "1 rejeitada, 1 cancelada, 2 abertas; 2 foram tentadas de novo." in text
        )
        assert "Recomendado" not in text_of(head, "agent=bia")

    def test_a_rate_of_nothing_counts_and_is_no_gap(self, head: Client) -> None:
        make_agent("marina", "amazon")
        make_task_in(TaskStatus.APPROVED, agent_id="marina")
        failed("marina", at=at_noon(1, clock.now()), reason=FailureReason.ERROR)
        text = text_of(head, "agent=marina")
        assert re.search(r"0 concluídas, 1 com erro 0,0% \d+,\d% 0,00", text)


@pytest.mark.parametrize(
    ("language", "told"), [("pt-br", "Pesos adaptativos"), ("en", "Adaptive weights")]
)
def test_the_kind_of_weights_is_told_in_the_order_of_the_language(language: str, told: str) -> None:
    make_agent("marina", "amazon")
    assert told in text_of(client_of(Role.HEAD, language))
