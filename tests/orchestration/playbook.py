"""A playbook of the test's own, in place of the one that every database starts with."""

from typing import Any

from execution.models import Marketplace
from orchestration.models import Plan, TaskTemplate


def only(*rows: dict[str, Any]) -> list[TaskTemplate]:
    """These templates and no others."""
    TaskTemplate.objects.all().delete()
    return [make_template(**{"position": place, **row}) for place, row in enumerate(rows)]


def make_template(**fields: Any) -> TaskTemplate:
    targets = fields.pop("targets", ())
    values: dict[str, Any] = {
        "marketplace_id": "amazon",
        "key": "titles",
        "task_type": "listing_optimization",
        "title_pt": "Otimizar títulos",
        "title_en": "Optimise titles",
        "estimated_hours": "1.5",
        **fields,
    }
    template = TaskTemplate.objects.create(**values)
    template.targets.set(Marketplace.objects.filter(slug__in=targets))
    template.refresh_from_db()
    return template


def plans() -> list[Plan]:
    return list(Plan.objects.order_by("pk"))
