"""Signing in and out, the password, and what a person's browser remembers."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import LIST, PASSWORD, Complaints, sign_in
from tests.servers import manage

OTHER_PASSWORD = "outra-senha-de-teste"


@pytest.fixture
def newcomer(environment: dict[str, str]) -> str:
    """A plain user of the test's own."""
    code = (
        "from django.contrib.auth.models import User;"
        "User.objects.filter(username='newcomer').delete();"
        f"User.objects.create_user('newcomer', password={PASSWORD!r})"
    )
    manage(environment, "shell", "--verbosity", "0", "--command", code)
    return "newcomer"


def open_menu(page: Page, name: str) -> None:
    page.locator(".topbar summary").and_(page.get_by_label(name)).click()


def test_visitor_signs_in_and_lands_where_they_wanted(open_as: Callable[..., Page]) -> None:
    page = open_as(None)
    page.goto(f"{LIST}?channel=amazon")
    page.wait_for_url("**/accounts/login/?next=**")
    expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
    page.get_by_label("Usuário").fill("user")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    page.wait_for_url(f"**{LIST}?channel=amazon")
    expect(page.get_by_role("link", name="Amazon")).to_have_attribute("aria-current", "true")


def test_wrong_password_is_told_and_lets_nobody_in(
    open_as: Callable[..., Page], complaints: Complaints
) -> None:
    page = open_as(None)
    page.goto("/accounts/login/")
    page.get_by_label("Usuário").fill("qa")
    page.get_by_label("Senha").fill("errada")
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("alert")).to_contain_text("Usuário ou senha incorretos")
    expect(page.get_by_label("Senha")).to_have_value("")
    page.goto("/")
    page.wait_for_url("**/accounts/login/**")


def test_root_leads_to_the_tasks_and_signing_out_ends_there(open_as: Callable[..., Page]) -> None:
    page = open_as(None)
    sign_in(page, "user")
    page.goto("/")
    page.wait_for_url(f"**{LIST}")
    open_menu(page, "Conta: user")
    page.get_by_role("button", name="Sair").click()
    page.wait_for_url("**/accounts/login/**")
    expect(page.get_by_text("Você saiu.")).to_be_visible()
    page.goto(LIST)
    page.wait_for_url("**/accounts/login/?next=**")


def test_password_is_changed_and_the_old_one_no_longer_works(
    open_as: Callable[..., Page], newcomer: str
) -> None:
    page = open_as(None)
    sign_in(page, newcomer)
    page.goto("/accounts/password/")
    page.get_by_label("Senha antiga").fill(PASSWORD)
    new = page.get_by_label("Nova senha", exact=True)
    new.fill("123")
    page.get_by_label("Confirmação da nova senha").fill("123")
    page.get_by_role("button", name="Alterar senha").click()
    # Each of the errors is the field's.
    expect(new).to_have_accessible_description(re.compile("8 caracteres.*comum.*numérica"))
    page.get_by_label("Senha antiga").fill(PASSWORD)
    new.fill(OTHER_PASSWORD)
    page.get_by_label("Confirmação da nova senha").fill(OTHER_PASSWORD)
    page.get_by_role("button", name="Alterar senha").click()
    toast = page.locator(".toast")
    expect(toast).to_contain_text("Sua senha foi alterada")
    toast.get_by_role("button", name="Fechar").click()
    expect(toast).to_have_count(0)
    other = open_as(None)
    other.goto("/accounts/login/")
    other.get_by_label("Usuário").fill(newcomer)
    other.get_by_label("Senha").fill(PASSWORD)
    other.get_by_role("button", name="Entrar").click()
    expect(other.get_by_role("alert")).to_be_visible()


def test_language_is_switched_and_remembered(open_as: Callable[..., Page]) -> None:
    page = open_as("user")
    page.goto(f"{LIST}?status=failed&channel=amazon")
    expect(page.get_by_role("heading", name="Execução de tarefas")).to_be_visible()
    open_menu(page, "Idioma")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Task execution")).to_be_visible()
    page.wait_for_url("**?status=failed&channel=amazon")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto("/accounts/password/")
    expect(page.get_by_role("heading", name="Change password")).to_be_visible()
    open_menu(page, "Language")
    page.get_by_role("button", name="Português").click()
    expect(page.get_by_role("heading", name="Alterar senha")).to_be_visible()


def test_theme_is_switched_and_remembered(open_as: Callable[..., Page]) -> None:
    page = open_as("user", color_scheme="light")
    page.goto(LIST)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    open_menu(page, "Tema")
    page.get_by_role("button", name="Escuro").click()
    page.wait_for_load_state()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    # "As the system" follows what the system says while the page is open.
    open_menu(page, "Tema")
    page.get_by_role("button", name="Como o sistema").click()
    page.wait_for_load_state()
    assert page.evaluate(ground) == light
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == dark


def test_a_new_tokens_key_is_copied_and_gone_when_its_page_is_loaded_again(
    open_as: Callable[..., Page],
) -> None:
    page = open_as("admin", permissions=["clipboard-read", "clipboard-write"])
    page.goto("/admin/accounts/apitoken/add/")
    page.get_by_label("Nome").fill("e2e-copied")
    page.get_by_label("Agente").select_option("alex")
    page.get_by_role("button", name="Salvar", exact=True).click()
    key = page.locator("#issued-key").inner_text()
    page.get_by_role("button", name="Copiar a chave").click()
    expect(page.locator("#copied")).to_have_text("Copiada.")
    assert page.evaluate("navigator.clipboard.readText()") == key
    page.reload()
    expect(page.get_by_text("A chave apareceu uma vez")).to_be_visible()
    expect(page.locator("#issued-key")).to_have_count(0)
    page.goto("/admin/accounts/apitoken/?q=e2e-copied")
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
