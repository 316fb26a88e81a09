"""The playbook in the admin: checked, with its history."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.models import AuditEntry
from accounts.roles import Role
from nexo.shared import clock
from orchestration.models import TaskTemplate
from orchestration.services import activate
from tests.admin_forms import as_shown
from tests.factories import OPERATOR, make_user
from tests.orchestration.playbook import make_template, only

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
ADD = "admin:orchestration_tasktemplate_add"
CHANGE = "admin:orchestration_tasktemplate_change"
LIST = "admin:orchestration_tasktemplate_changelist"


def client_of(role: Role) -> Client:
    client = Client(headers={"accept-language": "pt-br"})
    client.force_login(make_user(role), settings.AUTHENTICATION_BACKENDS[-1])
    return client


def fields(**values: object) -> dict[str, object]:
    return {
        "marketplace": "amazon",
        "key": "fotos",
        "task_type": "image_review",
        "title_pt": "Revisar fotos",
        "title_en": "Review photos",
        "estimated_hours": "1,25",
        "priority": "normal",
        "targets": ["amazon", "shopee"],
        "needs_approval": "on",
        "recurrence": "0 6 * * *",
        "is_active": "on",
        "position": "9",
        **values,
    }


def test_a_template_is_added_with_its_history() -> None:
    assert client_of(Role.ADMIN).post(reverse(ADD), fields()).status_code == 302
    template = TaskTemplate.objects.get(key="fotos")
    assert template.estimated_hours == 1.25
    assert set(template.targets.values_list("slug", flat=True)) == {"amazon", "shopee"}
    history = template.history.latest()
    assert history.history_user.username.startswith("admin")
    assert {row.marketplace_id for row in history.targets.all()} == {"amazon", "shopee"}


@pytest.mark.parametrize(
    "values",
    [
        *({"recurrence": text} for text in ("daily", "0 6 * * * *", "0 0 30 2 *", "61 * * * *")),
        *({"estimated_hours": text} for text in ("0", "0,009", "-1", "1000,01", "nan", "x", "")),
        *({"key": text} for text in ("", "foto principal", "x" * 65, "stock-check")),
        *({"task_type": text} for text in ("", "foto principal", "../x")),
        *({"title_pt": text} for text in ("", "x" * 201, "a\x00b", "\u200b", "a\u2028b")),
        {"title_en": "\u200b"},
        {"title_en": ""},
        {"marketplace": "ebay"},
        {"targets": ["ebay"]},
        {"priority": "soon"},
        {"position": "-1"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(values: dict[str, object]) -> None:
    before = TaskTemplate.objects.count()
    answer = client_of(Role.ADMIN).post(reverse(ADD), fields(**values))
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert TaskTemplate.objects.count() == before


@pytest.mark.parametrize(("typed", "kept"), [("0,01", "0.01"), ("1000", "1000.00")])
def test_both_ends_of_what_an_estimate_may_be_are_taken(typed: str, kept: str) -> None:
    answer = client_of(Role.ADMIN).post(reverse(ADD), fields(estimated_hours=typed))
    assert answer.status_code == 302
    assert TaskTemplate.objects.get(key="fotos").estimated_hours == Decimal(kept)


def test_what_was_due_before_a_change_of_schedule_was_not_missed() -> None:
    long_ago = clock.now() - timedelta(days=9)
    template = make_template(key="fotos", recurrence="0 6 * * *", recurs_since=long_ago)
    admin = client_of(Role.ADMIN)
    path = reverse(CHANGE, args=[template.pk])
    values = fields(task_type="listing_optimization", targets=[])
    assert admin.post(path, values | {"title_pt": "Outro"}).status_code == 302
    template.refresh_from_db()
    assert (template.title_pt, template.recurs_since) == ("Outro", long_ago)
    admin.post(path, values | {"recurrence": "0 7 * * *"})
    template.refresh_from_db()
    assert template.recurs_since > long_ago
    assert template.history.count() >= 3


def test_a_change_is_in_the_audit() -> None:
    template = make_template(key="fotos", estimated_hours="1.25", position=9)
    path = reverse(CHANGE, args=[template.pk])
    client_of(Role.ADMIN).post(path, fields(title_pt="Otimizar títulos", estimated_hours="2"))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.object_kind, entry.object_id) == (
        *("changed", "template", "amazon/fotos"),
    )
    assert entry.details["new"]["estimated_hours"] == "2.00"
    assert entry.details["old"]["targets"] == []


def test_the_key_stays() -> None:
    template = make_template()
    client_of(Role.ADMIN).post(reverse(CHANGE, args=[template.pk]), fields(marketplace="kaway"))
    template.refresh_from_db()
    assert template.name == "amazon/titles"


def test_plans_can_be_read_only() -> None:
    only({})
    made = activate(None, caller=OPERATOR)
    admin = client_of(Role.ADMIN)
    assert made.plan
    page = admin.get(reverse("admin:orchestration_plan_changelist")).content.decode()
    assert made.plan.plan_id in page
    path = reverse("admin:orchestration_plan_change", args=[made.plan.pk])
    assert "amazon" in admin.get(path).content.decode()
    assert admin.post(path, {"plan_id": "x"}).status_code == 403


@pytest.mark.parametrize("role", [Role.QA, Role.HEAD])
def test_others_do_not_get_there(role: Role) -> None:
    assert client_of(role).get(reverse(LIST)).status_code == 302


def test_saving_an_open_form_does_not_switch_on_what_was_switched_off_meanwhile() -> None:
    template = make_template()
    client, url = client_of(Role.ADMIN), reverse(CHANGE, args=[template.pk])
    # As the page shows a number.
    sent = {**as_shown(client, url), "title_en": "Review all photos", "estimated_hours": "1,50"}
    TaskTemplate.objects.filter(pk=template.pk).update(is_active=False)
    assert client.post(url, sent).status_code == 302
    before = template.recurs_since
    template.refresh_from_db()
    assert (template.title_en, template.is_active) == ("Review all photos", False)
    assert template.recurs_since == before
