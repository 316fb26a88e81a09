"""Text as a search compares it."""

import unicodedata


def folded(text: str) -> str:
    """Without case and without accents, as people type it: “Preço” is found by “preco”.

    Unicode's compatibility decomposition (NFKD) without its nonspacing marks.
    """
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text)
    return "".join(one for one in letters if unicodedata.category(one) != "Mn").casefold()
