"""What a search looks for."""

import pytest

from execution.filters import MOST_WORDS, searched_words

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t", []),
        ("PREÇO do Anúncio", ["preco do", "anuncio"]),
        ("lote 7", ["lote 7"]),
        ("7 lote", ["7 lote"]),
        ("a b foto", ["a b", "foto"]),
        ("ﬁnal №7", ["final", "no7"]),
    ],
)
def test_short_words_are_looked_for_beside_their_neighbours(text: str, words: list[str]) -> None:
    assert searched_words(text) == words


def test_no_search_has_too_many_words() -> None:
    words = searched_words(" ".join(f"word{number}" for number in range(30)))
    assert len(words) == MOST_WORDS
    assert words[-1].endswith("word28 word29")
