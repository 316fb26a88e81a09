"""Filters kept under a name: whose they are, what is kept, what is refused."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client

from accounts.models import AuditEntry
from accounts.roles import Role
from execution import saved_views
from execution.models import SavedView
from execution.view_pages import normal_query
from tests.factories import make_agent, make_user

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
VIEWS = "/marketplace/tasks/execution/views"
LIST = "/marketplace/tasks/execution"


@pytest.fixture
def ana() -> User:
    return make_user(username="ana")


def client_of(user: User) -> Client:
    client = Client(headers={"Accept-Language": "pt-BR"})
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
    return client


def keep(owner: User, name: str = "Falhas", **fields: Any) -> SavedView:
    return saved_views.save_view(owner, **{"name": name, "query": "status=failed", **fields})


def send(user: User, **data: Any) -> Any:
    return client_of(user).post(VIEWS, data)


def kept() -> list[tuple[str, str, bool]]:
    return list(SavedView.objects.order_by("pk").values_list("name", "query", "is_shared"))


def test_saving_leads_back_to_the_filtered_page(ana: User) -> None:
    query = "status=failed&channel=amazon&q=foto+á&period=7d&overdue=true"
    answer = send(ana, do="save", name="  Falhas ", query=query)
    assert answer.status_code == 302
    assert urlsplit(answer["Location"]).path == LIST
    (view,) = kept()
    assert view[0] == "Falhas"
    assert parse_qs(view[1]) == parse_qs(query)
    html = client_of(ana).get(answer["Location"]).content.decode()
    assert re.search(r'aria-current="true"><span class="name"[^>]*>Falhas', html)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=failed&channel=shein", "Falha · Shein"),
        ("status=approved,pending", "Aguardando"),
        ("status=pending&channel=shopee,amazon", "Aguardando aprovação · Amazon, Shopee"),
        ("agent=premium&taskType=photo", "Premium · photo"),
        ("agent=gone&period=7d&overdue=true", "gone · 7 dias · Atrasada"),
        ("from=2026-02-24&to=2026-03-01", "desde 24/02/2026 · até 01/03/2026"),
        ("q=<b>foto</b>", "“&lt;b&gt;foto&lt;/b&gt;”"),
        # Of a release that knew more filters.
        ("colour=red", "colour=red"),
    ],
)
def test_filters_are_told_in_words(ana: User, query: str, words: str) -> None:
    make_agent("premium", name="Premium")
    keep(ana, query=query)
    keep(make_user(username="bia"), "De todos", query=query, is_shared=True)
    html = client_of(ana).get(VIEWS).content.decode()
    assert html.count(f'<p class="small soft">{words}</p>') == 2
    assert "salvos com um nome. Você pode ter até 50." in html


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("status=failed&status__in=x&taskId=1&cursor=AAAA&limit=5&__proto__=1", "status=failed"),
        ("status=nada&channel=amazon", "channel=amazon"),
        ("q=%3Cscript%3E&next=//evil.example", "q=%3Cscript%3E"),
        ("q=a%00b&agent=alex", "agent=alex"),
        ("channel=amazon,shein", "channel=amazon,shein"),
        ("createdAfter=2026-01-01&overdue=true", "overdue=true"),
        ("a=b&" * 200, ""),
        ("javascript:alert(1)", ""),
        ("//evil.example/?status=failed", ""),
    ],
)
def test_only_known_filters_are_kept(query: str, kept: str) -> None:
    assert normal_query(query) == kept


def test_own_and_shared_views_are_offered_and_others_not(ana: User) -> None:
    bia = make_user(username="bia")
    keep(ana, "Minha"), keep(bia, "Só da bia"), keep(bia, "De todos", is_shared=True)
    for address in (LIST, VIEWS):
        html = client_of(ana).get(address).content.decode()
        assert "Minha" in html
        assert "De todos" in html
        assert "por bia" in html
        assert "Só da bia" not in html


@pytest.mark.parametrize("do", ["rename", "share", "unshare", "delete"])
@pytest.mark.parametrize("is_shared", [False, True])
def test_only_the_owner_changes_a_view(ana: User, do: str, is_shared: bool) -> None:
    view = keep(ana, is_shared=is_shared)
    before = kept()
    # Whatever else they may do.
    for role in (None, Role.QA, Role.ADMIN):
        assert send(make_user(role), do=do, view=view.pk, name="Outra").status_code == 404
    root = make_user(username="root", is_superuser=True)
    assert send(root, do=do, view=view.pk, name="Outra").status_code == 404
    assert kept() == before
    assert send(ana, do=do, view=view.pk, name="Outra").status_code == 302
    assert (kept() != before) == (do in ("rename", "delete") or (do == "share") != is_shared)


def test_sharing_and_deleting_are_audited_once(ana: User) -> None:
    view = keep(ana)
    for do in ("share", "share", "unshare", "unshare", "delete"):
        send(ana, do=do, view=view.pk)
    lines = AuditEntry.objects.order_by("pk").values_list("action", "actor", "object_kind")
    assert list(lines) == [
        (action, "user:ana", "view") for action in ("shared", "unshared", "deleted")
    ]


def test_a_name_is_there_once_per_person(ana: User) -> None:
    view = keep(ana)
    keep(ana, "Outra"), keep(make_user(), "Falhas")
    answer = send(ana, do="save", name="Falhas", query="status=failed")
    assert answer.status_code == 400
    assert "já tem uma visualização" in answer.content.decode()
    assert send(ana, do="rename", view=view.pk, name="Outra").status_code == 400
    assert send(ana, do="rename", view=view.pk, name="Falhas").status_code == 302
    with pytest.raises(IntegrityError):
        SavedView.objects.bulk_create(
            [SavedView(owner=ana, name="Falhas", created_at=view.created_at)]
        )


def test_nobody_keeps_more_than_fifty(ana: User) -> None:
    for number in range(saved_views.MOST_PER_PERSON):
        keep(ana, f"Visualização {number}")
    answer = send(ana, do="save", name="Mais uma", query="status=failed")
    assert answer.status_code == 400
    assert "até 50" in answer.content.decode() or "50 visualizações" in answer.content.decode()
    assert SavedView.objects.count() == saved_views.MOST_PER_PERSON


BAD_NAMES = ["", " ", "x" * 61, "a\nb", "\u200b", "exe\u202egnp", "a\x00b", "a\u2028b"]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"do": "publish", "view": "{view}"},
        *({"do": "save", "name": name, "query": "status=failed"} for name in BAD_NAMES),
        *({"do": "rename", "view": "{view}", "name": name} for name in BAD_NAMES),
        {"do": "save", "name": "Tudo", "query": ""},
        {"do": "save", "name": "Tudo", "query": "status=nada"},
        {"do": "save", "name": "Longa", "query": "q=" + "x" * 4000},
        {"do": "save", "name": "NUL", "query": "q=\x00"},
        {"do": "delete"},
        {"do": "delete", "view": "x"},
        {"do": "delete", "view": "-1"},
        {"do": "delete", "view": str(2**63)},
        {"do": "share", "view": "1e3"},
    ],
    ids=lambda data: ascii(data)[:50],
)
def test_bad_forms_are_refused_and_change_nothing(ana: User, data: dict[str, str]) -> None:
    view = keep(ana)
    before = kept()
    filled = {name: text.replace("{view}", str(view.pk)) for name, text in data.items()}
    answer = send(ana, **filled)
    assert answer.status_code == 400
    html = answer.content.decode()
    # At the name, where it is that; above the page otherwise.
    assert "Nada foi alterado" in html or 'aria-invalid="true"' in html
    assert kept() == before


@pytest.mark.parametrize("do", ["save", "rename"])
def test_a_taken_name_is_told_at_its_field_and_nothing_written_is_lost(ana: User, do: str) -> None:
    keep(ana, "Minha")
    other = keep(ana, "Outra")
    data = {"do": do, "name": "Minha", "query": "status=failed", "view": str(other.pk)}
    html = send(ana, **data).content.decode()
    field = "view-name" if do == "save" else f"name-{other.pk}"
    assert f'aria-describedby="{field}-error"' in html
    assert f'<p class="field-error" id="{field}-error">Você já tem uma visualização' in html
    assert 'value="Minha"' in html
    assert do == "rename" or 'name="query" value="status=failed"' in html
    answer = client_of(ana).post(VIEWS, data, headers={"Accept": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["details"] == {"name": ["Você já tem uma visualização com este nome."]}


def test_names_are_never_markup(ana: User) -> None:
    name = '"><script>alert(1)</script>'
    assert send(ana, do="save", name=name, query="q=</script><b>").status_code == 302
    for address in (LIST, VIEWS):
        html = client_of(ana).get(address).content.decode()
        assert "<script>alert" not in html
        assert "</script><b>" not in html


def test_admin_takes_away_what_is_shared_and_sees_no_more(ana: User) -> None:
    mine, shared = keep(ana, "Minha"), keep(ana, "De todos", is_shared=True)
    admin = make_user(Role.ADMIN)
    client = client_of(admin)
    html = client.get("/admin/execution/savedview/").content.decode()
    assert "De todos" in html
    assert "Minha" not in html
    client.post(f"/admin/execution/savedview/{mine.pk}/delete/", {"post": "yes"})
    client.post(f"/admin/execution/savedview/{shared.pk}/delete/", {"post": "yes"})
    assert kept() == [("Minha", "status=failed", False)]
    assert AuditEntry.objects.filter(
        action="deleted", object_id="De todos", actor=f"user:{admin.username}"
    ).exists()
