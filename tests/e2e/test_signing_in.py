"""The second factor and one's own sign-ins, as a person meets them."""

from base64 import b32decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Page, expect

from tests.accounts.codes import code_of
from tests.e2e.conftest import LIST, PASSWORD, sign_in, wait_until_live
from tests.e2e.test_quality import serious_faults
from tests.servers import manage

OWN, SIGN_INS = "/accounts/second-factor/", "/accounts/sessions/"


@pytest.fixture
def person(environment: dict[str, str]) -> Iterator[str]:
    """Somebody of the test's own, who may see everything that moves."""
    name = "second-factor"
    code = (
        "from django.contrib.auth.models import User;"
        f"User.objects.filter(username={name!r}).delete();"
        f"User.objects.create_user({name!r}, password={PASSWORD!r})"
    )
    manage(environment, "shell", "--verbosity", "0", "--command", code)
    yield name


def look_at(page: Page) -> None:
    """Readable by all, and no wider than a phone."""
    assert serious_faults(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    small = page.evaluate(
        """() => [...document.querySelectorAll("main button, main summary, main input")]
          .filter((control) => control.checkVisibility() && control.type !== "hidden")
          .filter((control) => control.getBoundingClientRect().height < 40)
          .map((control) => control.outerHTML.slice(0, 120))"""
    )
    assert small == []
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_second_factor_is_set_up_asked_for_and_turned_off(
    open_as: Callable[..., Page], person: str
) -> None:
    page = open_as(None)
    sign_in(page, person)
    page.locator(".topbar summary").and_(page.get_by_label(f"Conta: {person}")).click()
    page.get_by_role("link", name="Segundo fator").click()
    expect(page.get_by_role("heading", name="Configurar o segundo fator")).to_be_visible()
    expect(page.get_by_role("img", name="Código QR")).to_be_visible()
    look_at(page)
    text = page.locator("#secret").inner_text().replace(" ", "")
    key = b32decode(text).hex()
    page.get_by_label("Código", exact=True).fill(code_of(key, later=-1))
    page.get_by_label("Sua senha").fill(PASSWORD)
    page.get_by_role("button", name="Ativar o segundo fator").click()
    expect(page.get_by_role("heading", name="Códigos de recuperação")).to_be_visible()
    codes = page.locator(".codes code").all_inner_texts()
    assert len(codes) == 10
    look_at(page)
    page.get_by_role("link", name="Já guardei").click()
    expect(page.get_by_text("Restam 10 de 10")).to_be_visible()
    look_at(page)

    other = open_as(None)
    other.goto("/accounts/login/")
    other.get_by_label("Usuário").fill(person)
    other.get_by_label("Senha").fill(PASSWORD)
    other.get_by_role("button", name="Entrar").click()
    expect(other.get_by_role("heading", name="Segundo fator")).to_be_visible()
    look_at(other)
    other.goto(LIST)
    other.wait_for_url("**/accounts/login/?next=**")
    other.goto("/accounts/login/code/")
    other.get_by_label("Código").fill("nada")
    other.get_by_role("button", name="Entrar").click()
    expect(other.get_by_text("O código está errado")).to_be_visible()
    look_at(other)
    other.get_by_label("Código").fill(codes[0])
    other.get_by_role("button", name="Entrar").click()
    other.wait_for_url(f"**{LIST}")

    page.get_by_label("Código").fill(codes[1])
    page.get_by_role("button", name="Desativar o segundo fator").click()
    expect(page.locator(".toast")).to_contain_text("sem segundo fator")


def test_another_sign_in_is_ended_and_its_page_says_so(
    open_as: Callable[..., Page], person: str
) -> None:
    here, lost = open_as(None), open_as(None)
    for page in (here, lost):
        sign_in(page, person)
    lost.goto(LIST)
    wait_until_live(lost)
    here.locator(".topbar summary").and_(here.get_by_label(f"Conta: {person}")).click()
    here.get_by_role("link", name="Seus acessos").click()
    expect(here.locator(".sign-in")).to_have_count(2)
    expect(here.locator(".sign-in").first).to_contain_text("Chrome no Linux")
    expect(here.locator(".sign-in").first).to_contain_text("Este")
    look_at(here)
    here.get_by_role("button", name="Encerrar Chrome").click()
    expect(here.locator(".toast")).to_contain_text("O acesso foi encerrado")
    expect(here.locator(".sign-in")).to_have_count(1)
    expect(lost.get_by_text("Sua sessão terminou")).to_be_visible(timeout=10_000)
    lost.goto(LIST)
    lost.wait_for_url("**/accounts/login/?next=**")
    here.reload()
    expect(here.get_by_role("heading", name="Seus acessos")).to_be_visible()


def test_all_other_sign_ins_are_ended_after_a_question(
    open_as: Callable[..., Page], person: str
) -> None:
    here, *others = [open_as(None) for _number in range(3)]
    for page in (here, *others):
        sign_in(page, person)
    here.goto(SIGN_INS)
    opener = here.get_by_text("Encerrar todos os outros…")
    opener.click()
    expect(here.get_by_text("Todos, menos este, deixam de valer")).to_be_in_viewport(ratio=1)
    expect(here.locator(".sign-in")).to_have_count(3)
    look_at(here)
    here.set_viewport_size({"width": 390, "height": 844})
    expect(here.get_by_role("button", name="Encerrar 2 acessos")).to_be_in_viewport(ratio=1)
    here.keyboard.press("Escape")
    expect(here.get_by_role("button", name="Encerrar 2 acessos")).to_be_hidden()
    opener.click()
    here.get_by_role("button", name="Encerrar 2 acessos").click()
    expect(here.locator(".toast")).to_contain_text("2 acessos foram encerrados")
    expect(here.locator(".sign-in")).to_have_count(1)


def test_back_after_signing_out_shows_nothing_of_what_was_there(
    browser_type: BrowserType,
    browser_type_launch_args: dict[str, Any],
    browser_context_args: dict[str, Any],
    base_url: str,
    person: str,
) -> None:
    # As people's browsers are; Playwright's own keep no page for "back".
    keeping = {**browser_type_launch_args, "ignore_default_args": ["--disable-back-forward-cache"]}
    with browser_type.launch(**keeping) as browser:
        page = browser.new_page(**{**browser_context_args, "base_url": base_url})
        sign_in(page, person)
        for path in (LIST, SIGN_INS):
            page.goto(path)
        page.locator(".topbar summary").and_(page.get_by_label(f"Conta: {person}")).click()
        page.get_by_role("button", name="Sair").click()
        expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
        for _step in range(2):
            page.go_back(wait_until="commit")
            expect(page.get_by_role("heading", name="Entrar")).to_be_visible()
            assert person not in page.inner_text("body")
