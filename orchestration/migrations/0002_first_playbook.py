"""Something to activate on the first day: what every marketplace needs, and what each has of its own."""

from decimal import Decimal

from django.db import migrations
from django.utils import timezone

# Key, task type, title in Portuguese and in English, hours, priority, needs approval, recurrence.
EVERYWHERE = (
    (
        "stock-check",
        "stock_update",
        "Conferir e corrigir saldos de estoque",
        "Check and correct stock levels",
        "0.5",
        "high",
        False,
        "0 6 * * *",
    ),
    (
        "price-review",
        "price_adjustment",
        "Revisar preços frente à concorrência",
        "Review prices against competitors",
        "0.75",
        "high",
        True,
        "0 8 * * mon-fri",
    ),
    (
        "review-replies",
        "review_response",
        "Responder avaliações de clientes",
        "Answer customer reviews",
        "0.5",
        "normal",
        False,
        "30 9 * * mon-fri",
    ),
    (
        "weekly-promotion",
        "promotion_setup",
        "Montar a promoção da semana",
        "Set up the promotion of the week",
        "1",
        "normal",
        True,
        "0 9 * * mon",
    ),
    (
        "listing-titles",
        "listing_optimization",
        "Otimizar títulos de anúncios com poucos cliques",
        "Optimize titles of listings with few clicks",
        "1.5",
        "normal",
        True,
        "",
    ),
    (
        "photo-quality",
        "image_review",
        "Revisar a qualidade das fotos principais",
        "Review the quality of main photos",
        "1",
        "normal",
        True,
        "",
    ),
)
OF_ITS_OWN = {
    "amazon": (
        (
            "category-attributes",
            "category_mapping",
            "Completar atributos de categoria",
            "Complete category attributes",
            "1",
            "normal",
            True,
            "",
        ),
        (
            "keywords",
            "keyword_research",
            "Pesquisar palavras-chave de busca",
            "Research search keywords",
            "1",
            "low",
            False,
            "0 10 1 * *",
        ),
    ),
    "mercadolivre": (
        (
            "shipping",
            "shipping_review",
            "Revisar frete, peso e medidas",
            "Review shipping, weight and size",
            "0.75",
            "normal",
            True,
            "",
        ),
        (
            "technical-sheet",
            "description_rewrite",
            "Completar fichas técnicas",
            "Complete technical sheets",
            "1.5",
            "normal",
            True,
            "",
        ),
    ),
    "shopee": (
        (
            "flash-offers",
            "promotion_setup",
            "Agendar ofertas relâmpago",
            "Schedule flash offers",
            "0.75",
            "high",
            True,
            "0 10 * * tue,fri",
        ),
        (
            "shipping",
            "shipping_review",
            "Revisar frete, peso e medidas",
            "Review shipping, weight and size",
            "0.75",
            "normal",
            True,
            "",
        ),
    ),
    "shein": (
        (
            "size-charts",
            "size_chart_update",
            "Revisar tabelas de medidas",
            "Review size charts",
            "1",
            "normal",
            True,
            "",
        ),
        (
            "descriptions",
            "description_rewrite",
            "Reescrever descrições de roupas",
            "Rewrite descriptions of clothes",
            "1.5",
            "normal",
            True,
            "",
        ),
    ),
    "tiktokshop": (
        (
            "short-videos",
            "video_listing",
            "Roteirizar vídeos curtos de produtos",
            "Script short product videos",
            "1.5",
            "normal",
            True,
            "0 9 * * wed",
        ),
        (
            "keywords",
            "keyword_research",
            "Pesquisar termos em alta",
            "Research trending terms",
            "1",
            "low",
            False,
            "0 10 * * mon",
        ),
    ),
    "kaway": (
        (
            "descriptions",
            "description_rewrite",
            "Reescrever descrições de produtos premium",
            "Rewrite descriptions of premium products",
            "1.5",
            "normal",
            True,
            "",
        ),
        (
            "category-attributes",
            "category_mapping",
            "Completar atributos de categoria",
            "Complete category attributes",
            "1",
            "normal",
            True,
            "",
        ),
    ),
}
FIELDS = (
    "key",
    "task_type",
    "title_pt",
    "title_en",
    "estimated_hours",
    "priority",
    "needs_approval",
    "recurrence",
)


def add(apps, schema_editor):
    template = apps.get_model("orchestration", "TaskTemplate")
    historical = apps.get_model("orchestration", "HistoricalTaskTemplate")
    now = timezone.now()
    for marketplace, own in OF_ITS_OWN.items():
        for position, row in enumerate((*EVERYWHERE, *own), start=1):
            values = dict(zip(FIELDS, row, strict=True))
            values["estimated_hours"] = Decimal(values["estimated_hours"])
            values |= {"marketplace_id": marketplace, "position": position, "recurs_since": now}
            made = template.objects.create(**values)
            # The state before the first change, so that its history shows the difference.
            historical.objects.create(
                id=made.pk, is_active=True, history_date=now, history_type="+", **values
            )


def remove(apps, schema_editor):
    apps.get_model("orchestration", "TaskTemplate").objects.all().delete()
    apps.get_model("orchestration", "HistoricalTaskTemplate").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("orchestration", "0001_playbook_and_plans"),
        ("execution", "0002_stream_counts_marketplaces"),
    ]
    operations = [migrations.RunPython(add, remove)]
