"""The overview without its scripts: what it shows, to whom, and the activation in two steps."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from accounts.models import AuditEntry
from accounts.roles import Role
from execution.agents import pause_agent
from execution.changes import Edits
from execution.commands import Command
from execution.enums import EventKind, FailureReason, TaskStatus
from execution.models import Agent, Task, TaskEvent
from execution.services import command_task
from nexo.shared import clock
from orchestration.enums import Health
from orchestration.models import Plan
from orchestration.services import activate, run_due_templates
from tests.factories import OPERATOR, change, make_agent, make_task, make_task_in, make_user
from tests.optimization.work import at_noon, completed, failed
from tests.orchestration.playbook import only
from tests.orchestration.test_services import state_of

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
PAGE = "/marketplace/orchestration"


def client_of(role: Role | None, language: str = "pt-br") -> Client:
    client = Client()
    client.force_login(make_user(role), settings.AUTHENTICATION_BACKENDS[-1])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client


@pytest.fixture
def head() -> Client:
    return client_of(Role.HEAD)


def shown(answer: Any, status: int = 200) -> str:
    assert answer.status_code == status
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def text_of(client: Client, query: str = "") -> str:
    return shown(client.get(f"{PAGE}?{query}"))


@pytest.fixture
def worked() -> None:
    make_agent("alex", "amazon", "shopee", capacity=9)
    now = clock.now()
    completed("alex", at=at_noon(1, now))
    failed("alex", at=at_noon(1, now), reason=FailureReason.ERROR)
    failed("alex", at=at_noon(1, now), reason=FailureReason.REJECTED)
    make_task(agent_id="alex")


@pytest.mark.parametrize("role", [None, Role.QA, Role.HEAD, Role.ADMIN])
def test_everyone_signed_in_sees_it_and_is_offered_it(role: Role | None) -> None:
    client = client_of(role)
    assert client.get(PAGE).status_code == client.get(f"{PAGE}/").status_code == 200
    page = client.get("/marketplace/tasks/execution").content.decode()
    assert f'<a href="{PAGE}" aria-current="false">' in page


def test_strangers_are_asked_who_they_are() -> None:
    assert Client().get(PAGE)["Location"] == f"/accounts/login/?next={PAGE}"


@pytest.mark.usefixtures("worked")
def test_it_says_how_everything_stands(head: Client) -> None:
    text = text_of(head)
    assert "Saúde do sistema Ruim Aprovação 66,7%, conclusão 50,0% em 30 dias" in text
    assert "Agentes ativos 1 de 1" in text
    assert "Tarefas geradas 4 4 em 30 dias" in text
    assert "Tarefas concluídas 1 1 em 30 dias" in text
    assert "50,0% 1 concluída, 1 com erro" in text
    assert "Alex Amazon, Shopee Ativo 68 /100 Regular" in text
    assert "Desde o início Geradas 4 Aprovadas 2 Rejeitadas 1 Concluídas 1 Com erro 1" in text
    assert "Com erro 1 Sucesso 50,0% Em 30 dias" in text
    assert "Aprovação 66,7% · 2 de 3 Conclusão 50,0% · 1 de 2" in text
    assert "Tarefas abertas 1 de 9" in text
    assert "Taxa de aprovação 66,7% 2 de 3 · mínimo 70%" in text
    assert "Taxa de erro 50,0% 1 de 2 · máximo 10%" in text
    assert "oriente o agente" in text
    assert "O que fazer Alex" in text  # heard alone too, it says with whom


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (Health.EXCELLENT, "Excelente"),
        (Health.GOOD, "Bom"),
        (Health.FAIR, "Regular"),
        (Health.POOR, "Ruim"),
    ],
)
def test_health_has_the_words_that_were_agreed(health: Health, word: str) -> None:
    with translation.override("pt-br"):
        assert str(health.label) == word


@pytest.mark.usefixtures("worked")
def test_a_plain_user_sees_what_status_gives_and_no_more() -> None:
    make_task(marketplace_id="kaway")
    client = client_of(None)
    text = text_of(client)
    assert "Saúde do sistema Ruim" in text
    assert "Geradas 4 Aprovadas 2" in text
    assert "Taxa de sucesso 50,0% 1 de 2" in text
    for hidden in (
        "/100",
        "66,7%",
        "Em 30 dias",
        "em 30 dias",
        "Gargalos",
        "mínimo",
        "Taxa de erro",
    ):
        assert hidden not in text, hidden
    for hidden in ("Relatórios", "Ativar NEXO", "Pausar Alex", "sem agente"):
        assert hidden not in text, hidden


@pytest.mark.parametrize("role", [Role.QA, Role.HEAD])
def test_rates_and_bottlenecks_are_for_those_who_see_optimization(role: Role) -> None:
    make_agent("alex", "amazon")
    failed("alex", at=at_noon(1, clock.now()), reason=FailureReason.REJECTED)
    text = text_of(client_of(role))
    assert "Taxa de aprovação 0,0% 0 de 1 · mínimo 70%" in text
    assert "Pontuação 0 mínimo 60 O que fazer Alex · dados insuficientes" in text
    assert "Aprovação 0,0% · 0 de 1" in text


def test_tasks_without_an_agent_are_a_bottleneck_with_what_to_do(head: Client) -> None:
    make_agent("tren", "shein", is_paused=True)
    make_task(marketplace_id="kaway")
    make_task(marketplace_id="shein")
    make_task(marketplace_id="shein")
    text = text_of(head)
    assert "Shein: 2 tarefas sem agente Todos os agentes ativos dali estão pausados." in text
    assert "Kaway: 1 tarefa sem agente Nenhum agente trabalha ali." in text
    assert "Nenhum: nenhum agente" not in text


@pytest.mark.parametrize(
    ("role", "told"),
    [
        (
            Role.QA,
            "Peça a um administrador que adicione um.|Peça a um administrador que ative um.|"
            "Peça à gestão (head) ou a um administrador que retome um deles.|"
            "Peça a um administrador que a aumente ou espere até haver vaga.",
        ),
        (
            Role.HEAD,
            "Peça a um administrador que adicione um.|"
            "Ative o NEXO para esse marketplace ou peça a um administrador que ative um.|"
            "Retome um deles.|"
            "Peça a um administrador que a aumente ou espere até haver vaga.",
        ),
        (
            Role.ADMIN,
            "Crie um em Administração ou acrescente o marketplace a um que já existe.|"
            "Ative um em Administração ou ative o NEXO para esse marketplace.|"
            "Retome um deles.|Aumente-a em Administração ou espere até haver vaga.",
        ),
    ],
)
def test_each_reader_is_told_what_they_may_do_about_it(role: Role, told: str) -> None:
    make_agent("viral", "tiktokshop", is_active=False)
    make_agent("tren", "shein", is_paused=True)
    make_agent("alex", "amazon", capacity=1)
    for channel in ("kaway", "tiktokshop", "shein", "amazon", "amazon"):
        make_task(marketplace_id=channel)
    page = client_of(role).get(PAGE)
    advice = {one.slug: one.what_to_do for one in page.context["unassigned"]}
    channels = ("kaway", "tiktokshop", "shein", "amazon")
    for channel, sentence in zip(channels, told.split("|"), strict=True):
        assert advice[channel].endswith(sentence)


def test_a_task_given_to_an_agent_is_read_as_it_happens(head: Client) -> None:
    task = make_task(marketplace_id="shein")
    make_agent("tren", "shein")
    assert "1 tarefa sem agente" in text_of(head)
    edits = Edits(agent_id="tren")
    command_task(task.row["task_id"], Command.ASSIGN, caller=OPERATOR, edits=edits)
    answer = head.get(PAGE)
    assert "sem agente" not in shown(answer)
    # Only these are no reason to read the page again.
    reports = answer.context["page_data"]["reports"]
    assert EventKind.PROGRESS in reports
    assert TaskEvent.objects.latest("sequence").kind not in reports


def test_nothing_yet(head: Client) -> None:
    text = text_of(head)
    assert "Dados insuficientes" in text
    assert "Ainda não há agentes" in text
    assert "Primeiro vêm os agentes" in text
    assert "Adicionar um agente" not in text
    assert "/admin/execution/agent/add/" in client_of(Role.ADMIN).get(PAGE).content.decode()
    make_agent("alex", "amazon")
    assert "Ninguém ativou o NEXO ainda." in text_of(head)
    assert "Ainda não houve trabalho." in text


def test_english_beside_it() -> None:
    make_agent("alex", "amazon", is_paused=True)
    text = text_of(client_of(Role.HEAD, "en"))
    assert "System health Not enough data" in text
    assert "Alex Amazon Paused" in text
    assert "Active agents 1 of 1, 1 paused" in text


def test_many_agents_come_a_few_at_a_time(head: Client) -> None:
    for number in range(26):
        make_agent(f"agent-{number:02}", "amazon")
    assert len(head.get(PAGE).context["agents"]) == 24
    page = head.get(f"{PAGE}?show=48")
    assert (len(page.context["agents"]), page.context["more"]) == (26, None)


@pytest.mark.parametrize("query", ["show=x", "show=-1", "show=999999", "show=%00", "activate=%00"])
def test_what_makes_no_sense_is_left_out(head: Client, query: str) -> None:
    assert head.get(f"{PAGE}?{query}").status_code == 200


# -- Activation ----------------------------------------------------------------------------------


def test_the_activation_asks_which_marketplaces(head: Client) -> None:
    assert '<dialog class="activation"' not in head.get(PAGE).content.decode()
    page = head.get(f"{PAGE}?activate=1").content.decode()
    assert '<dialog class="activation"' in page
    assert page.count(" checked") == 6


def test_a_preview_says_what_would_happen_and_does_nothing(head: Client) -> None:
    make_agent("alex", "amazon", is_active=False)
    only({}, {"key": "stock", "needs_approval": False, "title_pt": "Conferir estoque"})
    activate(["shopee"], caller=OPERATOR)
    answer = head.post(f"{PAGE}?activate=1", {"channels": ["amazon"], "step": "preview"})
    text = shown(answer)
    assert "2 tarefas seriam geradas · Amazon" in text
    assert "Otimizar títulos" in text
    assert "Conferir estoque sem aprovação" in text
    assert "Otimizar títulos Alex" in text
    assert "Estes agentes passam a ficar ativos: Alex" in text
    assert "sem agente" not in text and "ficaria" not in text
    assert Task.objects.count() == 0
    assert '<input type="hidden" name="channels" value="amazon">' in answer.content.decode()


def test_a_preview_warns_of_marketplaces_where_nobody_could_work(head: Client) -> None:
    make_agent("alex", "amazon", capacity=1)
    make_agent("tren", "shein", is_active=False, is_paused=True)
    only(
        *({}, {"key": "stock"}),
        *({"marketplace_id": "shein"}, {"marketplace_id": "kaway"}),
    )
    answer = head.post(f"{PAGE}?activate=1", {"channels": ["amazon", "shein", "kaway"]})
    text = shown(answer)
    assert "3 ficariam sem agente:" in text
    assert "Amazon (1): Todos os agentes dali estão no limite da capacidade." in text
    assert "Shein (1): Todos os agentes ativos dali estão pausados." in text
    assert "Kaway (1): Nenhum agente trabalha ali. Peça a um administrador" in text
    assert "Amazon Otimizar títulos Alex Otimizar títulos sem agente" in text


def test_a_preview_is_in_the_readers_language() -> None:
    only({})
    answer = client_of(Role.HEAD, "en").post(PAGE, {"channels": ["amazon"], "step": "preview"})
    assert "Optimise titles" in shown(answer)


def test_the_second_step_activates(head: Client) -> None:
    only({})
    answer = head.post(PAGE, {"channels": ["amazon"], "step": "activate"}, follow=True)
    text = shown(answer)
    assert answer.redirect_chain == [(f"{PAGE}#plan", 302)]
    assert "1 tarefa gerada. 1 está sem agente: veja os gargalos." in text
    assert "Plano em execução" in text
    assert "0 de 1 encerrada " in text
    plan = Plan.objects.get()
    assert plan.actor.startswith("user:head")
    again = shown(head.post(PAGE, {"channels": ["amazon"], "step": "activate"}, follow=True))
    assert "Nada a gerar" in again
    assert Task.objects.count() == 1


def test_a_preview_of_nothing_offers_nothing(head: Client) -> None:
    only({})
    activate(None, caller=OPERATOR)
    answer = head.post(PAGE, {"channels": ["amazon"], "step": "preview"})
    text = shown(answer)
    assert "Nenhuma tarefa seria gerada." in text
    assert "Amazon: Otimizar títulos A última tarefa ainda está aberta" in text
    assert 'value="activate" disabled' in answer.content.decode()


@pytest.mark.parametrize("channels", [[], ["ebay"], ["amazon", "ebay"], ["\x00"], ["amazon' --"]])
def test_marketplaces_that_there_are_not(head: Client, channels: list[str]) -> None:
    answer = head.post(PAGE, {"channels": channels, "step": "activate"})
    assert "field-error" in answer.content.decode()
    shown(answer, 400)
    assert Plan.objects.count() == 0


@pytest.mark.parametrize("step", ["", "dry", "Activate", "activate\x00"])
def test_only_the_word_itself_activates(head: Client, step: str) -> None:
    only({})
    shown(head.post(PAGE, {"channels": ["amazon"], "step": step}))
    assert Plan.objects.count() == 0


@pytest.mark.parametrize("role", [None, Role.QA])
def test_who_may_not_activate(role: Role | None) -> None:
    answer = client_of(role).post(PAGE, {"channels": ["amazon"], "step": "activate"})
    assert "quem administra" in shown(answer, 403)
    assert Plan.objects.count() == 0


def test_a_form_from_elsewhere_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_user(Role.HEAD), settings.AUTHENTICATION_BACKENDS[-1])
    assert client.post(PAGE, {"channels": ["amazon"], "step": "activate"}).status_code == 403


def test_the_plan_follows_its_tasks(head: Client) -> None:
    only({}, {"key": "stock"})
    made = activate(None, caller=OPERATOR)
    change(state_of(made.tasks[0]), status=TaskStatus.FAILED)
    text = text_of(head)
    assert "Plano em execução" in text
    assert "1 de 2 encerradas" in text
    change(state_of(made.tasks[1]), status=TaskStatus.FAILED)
    text = text_of(head)
    assert "Último plano" in text
    assert "2 de 2 encerradas Concluído" in text


def test_every_plan_that_is_executing_is_shown(head: Client) -> None:
    only({"marketplace_id": "amazon"}, {"marketplace_id": "shein"}, {"marketplace_id": "kaway"})
    old = activate(["amazon"], caller=OPERATOR)
    done = activate(["shein"], caller=OPERATOR)
    activate(["kaway"], caller=OPERATOR)
    change(state_of(done.tasks[0]), status=TaskStatus.FAILED)
    page = head.get(PAGE).content.decode()
    assert f'href="/marketplace/tasks/{old.tasks[0]}"' in page
    assert f'href="/marketplace/tasks/{done.tasks[0]}"' not in page
    text = text_of(head)
    assert "Planos anteriores ainda em execução" in text
    assert text.count("0 de 1 encerrada") == 2


def test_a_schedule_that_made_nothing_is_shown(head: Client) -> None:
    only({"recurrence": "0 6 * * *", "recurs_since": datetime(2026, 11, 25, 9, tzinfo=UTC)})
    run_due_templates(datetime(2026, 11, 26, 9, tzinfo=UTC))
    text = text_of(head)
    assert "pelo agendamento, previsto para 26/11/2026 06:00 · Amazon · 1 tarefa gerada" in text
    assert "Último agendamento" not in text
    run_due_templates(datetime(2026, 11, 28, 12, tzinfo=UTC))
    assert (
        "Último agendamento: previsto para 28/11/2026 06:00, recuperou de uma vez 2"
        " horários perdidos · Amazon · nenhuma tarefa gerada, 1 fora" in text_of(head)
    )


# -- Pausing -------------------------------------------------------------------------------------


def test_an_agent_is_paused_and_resumed(head: Client) -> None:
    make_agent("alex", "amazon")
    paused = head.post(PAGE, {"step": "pause", "agent": "alex"}, follow=True)
    assert paused.redirect_chain == [(f"{PAGE}#agent-alex", 302)]
    assert "Agente Alex pausado: ele não recebe" in shown(paused)
    assert Agent.objects.get().is_paused
    assert "Agente Alex ativo de novo." in shown(
        head.post(PAGE, {"step": "resume", "agent": "alex"}, follow=True)
    )
    assert not Agent.objects.get().is_paused


def test_what_stays_with_a_paused_agent_is_one_link_away(head: Client) -> None:
    make_agent("alex", "amazon")
    for _ in range(2):
        make_task(agent_id="alex")
    assert "continuam com o agente" not in shown(head.get(PAGE))
    pause_agent("alex", caller=OPERATOR)
    answer = head.get(PAGE)
    assert "2 tarefas abertas continuam com o agente" in shown(answer)
    (address,) = set(
        re.findall(r'href="([^"]+agent=alex&amp;status=[^"]+)"', answer.content.decode())
    )
    listed = head.get(unescape(address)).content.decode()
    assert len(re.findall(r"<tr[^>]* data-task=\"task-", listed)) == 2


def test_a_pause_says_why(head: Client) -> None:
    make_agent("alex", "amazon")
    head.post(PAGE, {"step": "pause", "agent": "alex", "reason": "  Catálogo em revisão "})
    assert AuditEntry.objects.get(action="paused").reason == "Catálogo em revisão"


@pytest.mark.parametrize("reason", ["x" * 1001, "a\x00b"])
def test_a_reason_that_cannot_be_kept_pauses_nobody(head: Client, reason: str) -> None:
    make_agent("alex", "amazon")
    form = {"step": "pause", "agent": "alex", "reason": reason}
    assert "Agente Alex pausado" not in shown(head.post(PAGE, form, follow=True))
    assert not Agent.objects.get().is_paused


@pytest.mark.parametrize("agent", ["", "nobody", "\x00", "a b", "x" * 5000])
def test_nobody_is_paused(head: Client, agent: str) -> None:
    assert head.post(PAGE, {"step": "pause", "agent": agent}).status_code == 404


@pytest.mark.parametrize("role", [None, Role.QA])
def test_who_may_not_pause(role: Role | None) -> None:
    make_agent("alex", "amazon")
    assert client_of(role).post(PAGE, {"step": "pause", "agent": "alex"}).status_code == 403
    assert not Agent.objects.get().is_paused


def test_a_constant_number_of_queries(head: Client, django_assert_max_num_queries: Any) -> None:
    counts = []
    for slugs in (("alex",), ("bia", "caio", "davi")):
        for slug in slugs:
            make_agent(slug, "amazon")
            make_task_in(TaskStatus.COMPLETED, agent_id=slug)
        only({"key": "a"}, *({"key": slug} for slug in slugs))
        activate(None, caller=OPERATOR)
        head.get(PAGE)
        with django_assert_max_num_queries(28) as queries:
            head.get(PAGE)
        counts.append(len(queries))
    assert counts[0] == counts[1]
