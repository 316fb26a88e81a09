"""What the worker writes onto tasks, where people read it."""

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "pt-br": {
        "exit": "O comando terminou com o código {code}.",
        "exception": "O agente falhou: {error}",
        "stopped": "O agente foi encerrado antes de terminar a tarefa.",
        "timeout": "A tarefa passou do limite de {seconds} s.",
        "refused": "O NEXO recusou o resultado: {error}",
        "unsendable": "O resultado não pode ser enviado como JSON: {error}",
    },
    "en": {
        "exit": "The command ended with exit code {code}.",
        "exception": "The agent failed: {error}",
        "stopped": "The agent was stopped before it finished the task.",
        "timeout": "The task took longer than {seconds} s.",
        "refused": "NEXO refused the result: {error}",
        "unsendable": "The result cannot be sent as JSON: {error}",
    },
}
