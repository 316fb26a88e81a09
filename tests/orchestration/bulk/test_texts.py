"""What people read of bulk jobs, word by word."""

import pytest
from django.utils import translation

from orchestration.bulk import texts
from orchestration.bulk.enums import UNDOABLE, BulkAction

pytestmark = pytest.mark.unit

TITLES = {
    "pt-br": {
        "approve": "Aprovar 1 tarefa, Aprovar 1.200 tarefas",
        "reject": "Rejeitar 1 tarefa, Rejeitar 1.200 tarefas",
        "retry": "Tentar de novo 1 tarefa, Tentar de novo 1.200 tarefas",
        "cancel": "Cancelar 1 tarefa, Cancelar 1.200 tarefas",
        "assign": "Atribuir 1 tarefa, Atribuir 1.200 tarefas",
        "sync": "Sincronizar 1 tarefa de novo, Sincronizar 1.200 tarefas de novo",
        "undo": "Desfazer a mudança em 1 tarefa, Desfazer a mudança em 1.200 tarefas",
    },
    "en": {
        "approve": "Approve 1 task, Approve 1,200 tasks",
        "reject": "Reject 1 task, Reject 1,200 tasks",
        "retry": "Try 1 task again, Try 1,200 tasks again",
        "cancel": "Cancel 1 task, Cancel 1,200 tasks",
        "assign": "Assign 1 task, Assign 1,200 tasks",
        "sync": "Sync 1 task again, Sync 1,200 tasks again",
        "undo": "Undo what was done to 1 task, Undo what was done to 1,200 tasks",
    },
}


@pytest.mark.parametrize("language", TITLES)
def test_titles_read_as_sentences(language: str) -> None:
    with translation.override(language):
        told = {
            action.value: ", ".join(texts.title_text(action, count) for count in (1, 1_200))
            for action in BulkAction
        }
    assert told == TITLES[language]


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "pt-br",
            [
                "{done} de {total} tarefas será alterada.",
                "{done} de {total} tarefas serão alteradas.",
                "A tarefa será alterada.",
                "As {total} tarefas serão alteradas.",
            ],
        ),
        (
            "en",
            [
                "{done} of {total} tasks will change.",
                "{done} of {total} tasks will change.",
                "The task will change.",
                "The {total} tasks will change.",
            ],
        ),
    ],
)
def test_what_will_change_is_said_plainly(language: str, told: list[str]) -> None:
    with translation.override(language):
        strings = texts.strings()
    names = ("will.one", "will.other", "willAll.one", "willAll.other")
    assert [strings[f"bulk.{name}"] for name in names] == told


def test_a_retry_says_beforehand_that_it_cannot_be_undone() -> None:
    with translation.override("en"):
        strings = texts.strings()
    for count in ("one", "other"):
        assert "You cannot undo this" in strings[f"bulk.effect.retry.{count}"]
        for action in UNDOABLE:
            assert "You can undo this" in strings[f"bulk.effect.{action}.{count}"]
