"""Who may not see a page is told which roles may, as the groups are now."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import translation

from accounts.gate import roles_with
from accounts.permissions import APPROVE_TASKS, ENTER_ADMIN, VIEW_OPTIMIZATION
from accounts.roles import Role
from tests.factories import make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_roles_are_those_that_hold_the_permission_the_smallest_first() -> None:
    with translation.override("en"):
        assert roles_with(VIEW_OPTIMIZATION) == [
            "Quality (qa)",
            "Head (head)",
            "Administrator (admin)",
        ]
        assert roles_with(ENTER_ADMIN) == ["Administrator (admin)"]


def test_roles_follow_what_an_administrator_changed() -> None:
    approve = Permission.objects.get(codename=APPROVE_TASKS.partition(".")[2])
    Group.objects.get(name=Role.QA).permissions.remove(approve)
    Group.objects.create(name="revisão").permissions.add(approve)
    with translation.override("pt-br"):
        assert roles_with(APPROVE_TASKS) == ["Gestão (head)", "Administração (admin)", "revisão"]


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (
            "/marketplace/orchestration/optimization",
            "para os papéis Qualidade (qa), Gestão (head) ou Administração (admin).",
        ),
        ("/admin/", "para o papel Administração (admin)."),
    ],
)
def test_page_names_the_roles_and_who_asks(address: str, sentence: str) -> None:
    user = make_user()
    client = Client()
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    answer = client.get(address, follow=True)
    html = answer.content.decode()
    assert answer.status_code == 403
    assert sentence in html
    assert f"Você entrou como {user.username}." in html
