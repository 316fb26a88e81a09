"""Brazilian Portuguese is complete, and what is compiled is what is written."""

import re
from gettext import GNUTranslations

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from tests.catalogue import (
    Entry,
    Key,
    keys_in_python,
    keys_in_sources,
    keys_in_template,
    read_catalogue,
)
from tests.servers import PROJECT

pytestmark = pytest.mark.unit
CATALOGUE = PROJECT / "locale/pt_BR/LC_MESSAGES/django.po"
SOURCES = [
    PROJECT / name
    for name in ("nexo", "accounts", "execution", "optimization", "orchestration", "templates")
]
SOURCES_OF_COMMANDS = ("accounts", "execution", "optimization", "orchestration")
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sd]|\{\w*\}")


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return read_catalogue(CATALOGUE.read_text())


def test_strings_are_found_in_python() -> None:
    source = """
title = _("One")
error = pgettext_lazy("status", "Two")
many = translation.ngettext("%d three", "%d threes", n)
dynamic = _(name)
"""
    assert set(keys_in_python(source)) == {
        Key(None, "One"),
        Key("status", "Two"),
        Key(None, "%d three"),
    }


def test_strings_are_found_in_templates() -> None:
    source = """{% load i18n %}{% translate "it's (on)" %} {{ _("two") }}
{% blocktranslate count n=x trimmed context "c" %}one
thing{% plural %}{{ n }} things{% endblocktranslate %}"""
    assert set(keys_in_template(source)) == {
        Key(None, "it's (on)"),
        Key(None, "two"),
        Key("c", "one thing"),
    }


def test_every_string_is_translated(entries: list[Entry]) -> None:
    used = keys_in_sources(SOURCES)
    known = {entry.key for entry in entries}
    missing = [
        f"{path.relative_to(PROJECT)}: {key}" for key, path in used.items() if key not in known
    ]
    assert missing == []


def test_no_translation_is_empty_or_doubtful(entries: list[Entry]) -> None:
    assert entries
    bad = [e.key for e in entries if e.is_fuzzy or not all(e.translations.values())]
    assert bad == []


def test_english_is_american(entries: list[Entry]) -> None:
    """Of what the interface could say in either spelling."""
    british = re.compile(
        r"\b\w*(?:(?:optim|organ|recogn|author|synchron|normal|custom|priorit|special)is(?:e|ing|ation)"
        r"|colour|behaviour|favour|catalogue|licence|labell)\w*",
        re.IGNORECASE,
    )
    text = "\n".join(entry.key.text + (entry.plural or "") for entry in entries)
    assert british.findall(text) == []


def test_no_string_is_translated_twice(entries: list[Entry]) -> None:
    keys = [entry.key for entry in entries]
    assert len(keys) == len(set(keys))


def test_translations_fill_the_same_blanks(entries: list[Entry]) -> None:
    wrong = [
        entry.key
        for entry in entries
        for number, text in entry.translations.items()
        if set(PLACEHOLDER.findall(text))
        - set(PLACEHOLDER.findall(entry.key.text + (entry.plural or "")))
        or (
            number == max(entry.translations)
            and set(PLACEHOLDER.findall(entry.plural or entry.key.text))
            != set(PLACEHOLDER.findall(text))
        )
    ]
    assert wrong == []


def test_commands_explain_themselves_in_words_that_are_translated(entries: list[Entry]) -> None:
    """Each with all its arguments; what Django says of its own stays as it is.

    argparse takes no lazy text: where another test has loaded a command in English, it stays so.
    """
    known = {text for entry in entries for text in (entry.key[1], *entry.translations.values())}
    of_all = {action.dest for action in BaseCommand().create_parser("", "")._actions}
    unsaid = []
    ours = [name for name, app in get_commands().items() if app in SOURCES_OF_COMMANDS]
    for name in ours:
        command = load_command_class(get_commands()[name], name)
        if type(command).__base__ is not BaseCommand:
            continue
        parser = command.create_parser("manage.py", name)
        own = [action for action in parser._actions if action.dest not in of_all]
        said = [(name, command.help), *((action.dest, action.help) for action in own)]
        unsaid += [f"{name}: {what}" for what, text in said if text not in known]
    assert unsaid == []


def compiled_text(compiled: GNUTranslations, entry: Entry, number: int) -> str:
    """What the compiled catalogue gives for one thing (0) or several (1)."""
    context, text = entry.key
    if entry.plural is None:
        return compiled.gettext(text) if context is None else compiled.pgettext(context, text)
    words = (text, entry.plural, number + 1)
    return compiled.ngettext(*words) if context is None else compiled.npgettext(context, *words)


def test_the_compiled_catalogue_is_the_written_one(entries: list[Entry]) -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    stale = [
        entry.key
        for entry in entries
        for number, text in entry.translations.items()
        if compiled_text(compiled, entry, number) != text
    ]
    assert stale == [], "run make messages"


def test_one_thing_has_one_word(entries: list[Entry]) -> None:
    """Words that stood beside the ones of the glossary, or take an article that names lack."""
    others = (
        r"ópia de segurança|\brode `|[Pp]edidos demais|[Mm]uitas requisições|\bem %\(channel\)s"
    )
    texts = [text for entry in entries for text in entry.translations.values()]
    assert [text for text in texts if re.search(others, text)] == []
