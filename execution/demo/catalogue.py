"""The words of the demo: what sellers ask for, and what goes wrong, in their own language."""

from dataclasses import dataclass
from random import Random
from typing import Final

from execution.enums import FailureReason, TaskStatus


@dataclass(frozen=True, slots=True)
class Kind:
    """A task type: `openings` begin its titles, `estimates` are minutes.

    `published` says whether its result goes to the marketplaces or stays with the team, `clothing`
    that it makes sense for clothes only.
    """

    task_type: str
    openings: tuple[str, ...]
    estimates: tuple[int, ...]
    published: bool = True
    clothing: bool = False

    def title(self, rng: Random) -> str:
        return f"{rng.choice(self.openings)}: {rng.choice(CLOTHES if self.clothing else PRODUCTS)}"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a task or a target failed, as its worker words it."""

    message: str
    retryable: bool
    reason: FailureReason = FailureReason.ERROR


KINDS: Final = (
    Kind("listing_optimization", ("Otimizar título", "Melhorar anúncio"), (45, 60, 90)),
    Kind("price_adjustment", ("Ajustar preço", "Igualar preço da concorrência"), (30, 45)),
    Kind("stock_update", ("Atualizar estoque", "Corrigir saldo divergente"), (30, 40)),
    Kind("image_review", ("Revisar fotos", "Trocar foto principal"), (45, 60)),
    Kind("description_rewrite", ("Reescrever descrição", "Completar ficha técnica"), (60, 90)),
    Kind("category_mapping", ("Mapear categoria", "Corrigir atributos"), (30, 60)),
    Kind("promotion_setup", ("Criar promoção", "Agendar oferta relâmpago"), (45, 60)),
    Kind("shipping_review", ("Revisar frete", "Corrigir peso e medidas"), (30, 45)),
    Kind("size_chart_update", ("Revisar tabela de medidas",), (40, 60), clothing=True),
    Kind("video_listing", ("Roteirizar vídeo curto", "Legendar vídeo"), (60, 90)),
    Kind("keyword_research", ("Pesquisar palavras-chave",), (45, 60), published=False),
)
KIND_OF: Final = {kind.task_type: kind for kind in KINDS}

CLOTHES: Final = (
    "Tênis de corrida feminino branco",
    "Kit 3 camisetas básicas masculinas",
    "Vestido midi floral com manga",
    "Calça jeans skinny cintura alta",
    "Jaqueta corta-vento impermeável",
)
PRODUCTS: Final = (
    *CLOTHES,
    "Fone Bluetooth TWS preto",
    "Garrafa térmica inox 1 L",
    "Luminária de mesa LED articulada",
    "Mochila para notebook 15,6 polegadas",
    "Panela de pressão elétrica 5 L",
    "Smartwatch com GPS e oxímetro",
    "Jogo de lençol queen 200 fios",
    "Cafeteira espresso 20 bar",
    "Carregador turbo USB-C 30 W",
    "Sérum facial de vitamina C 30 ml",
    "Cadeira de escritório ergonômica",
    "Ração para gatos castrados 10 kg",
    "Caixa de som portátil à prova d'água",
    "Tapete antiderrapante para banheiro",
    "Kit de pincéis de maquiagem 12 peças",
    "Bola de futebol de campo oficial",
    "Organizador de gaveta com 8 divisórias",
    "Óculos de sol polarizado unissex",
    "Liquidificador 900 W com jarra de vidro",
    "Pelúcia capivara 30 cm",
    "Suporte articulado para celular",
)

LIMIT_CAUSE: Final = Cause("O marketplace limitou as requisições (429).", retryable=True)
BRAND_CAUSE: Final = Cause("O anúncio está bloqueado por denúncia de marca.", retryable=False)
LATE_CAUSE: Final = Cause(
    "O agente não concluiu no prazo.", retryable=True, reason=FailureReason.TIMEOUT
)
CAUSES: Final = (
    LIMIT_CAUSE,
    Cause("Sem resposta do marketplace em 30 s.", retryable=True, reason=FailureReason.TIMEOUT),
    Cause("O acesso à loja expirou; é preciso autorizar de novo.", retryable=True),
    BRAND_CAUSE,
    LATE_CAUSE,
)
REJECTIONS: Final = ("Faltou justificar a mudança.", "Este produto já está com outra equipe.")
# What goes wrong with tasks of one type alone, and why they are rejected.
OF_TYPE: Final = {
    "listing_optimization": (
        "O título tem termos que o marketplace não aceita.",
        "O título passa do limite de caracteres do marketplace.",
    ),
    "price_adjustment": (
        "O preço está abaixo do mínimo da campanha.",
        "A margem fica abaixo do mínimo combinado.",
    ),
    "stock_update": (
        "O SKU não existe no marketplace.",
        "O saldo não bate com o do depósito.",
    ),
    "image_review": (
        "A foto principal tem 480 px de largura; o mínimo é 1.000 px.",
        "As fotos não seguem o padrão da marca.",
    ),
    "description_rewrite": (
        "A ficha técnica não tem os campos obrigatórios da categoria.",
        "A descrição promete o que o produto não tem.",
    ),
    "category_mapping": (
        "O GTIN não corresponde à categoria do anúncio.",
        "Faltou justificar a troca de categoria.",
    ),
    "promotion_setup": (
        "A oferta começa depois do fim da campanha.",
        "O desconto passa do combinado.",
    ),
    "shipping_review": (
        "O peso passa do limite da transportadora.",
        "As medidas não são as da embalagem.",
    ),
    "size_chart_update": (
        "A tabela não tem as medidas obrigatórias da categoria.",
        "A tabela não é a do fabricante.",
    ),
    "video_listing": (
        "O vídeo passa da duração que o marketplace aceita.",
        "O vídeo não segue o padrão da marca.",
    ),
    "keyword_research": (
        "O relatório de buscas do marketplace veio vazio.",
        "As palavras-chave são de outro produto.",
    ),
}
CANCELLATIONS: Final = (
    "O produto saiu de linha.",
    "Já existe uma tarefa igual.",
    "A campanha foi adiada.",
)
LOG_LINES: Final = {
    TaskStatus.IN_PROGRESS: (
        "Anúncio carregado.",
        "Comparado com os 20 anúncios mais vendidos da categoria.",
        "Proposta gerada e validada.",
    ),
    TaskStatus.MARKETPLACE_SYNC: ("Enviado aos marketplaces.",),
}
"""What an agent notes, by the status that its task has then."""


def causes_of(task_type: str) -> tuple[Cause, ...]:
    """To draw from: those of any task, and the one of the type thrice."""
    if task_type not in OF_TYPE:
        return CAUSES
    return (*CAUSES, *[Cause(OF_TYPE[task_type][0], retryable=False)] * 3)


def rejections_of(task_type: str) -> tuple[str, ...]:
    """To draw from: those of any task, and the one of the type twice."""
    if task_type not in OF_TYPE:
        return REJECTIONS
    return (*REJECTIONS, *[OF_TYPE[task_type][1]] * 2)
