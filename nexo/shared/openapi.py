"""The OpenAPI document, made once for each language instead of at every request."""

import threading
from typing import Any, Final

from django.conf import settings
from django.utils import translation
from drf_spectacular.generators import SchemaGenerator

_making = threading.Lock()
_kept: dict[str, Any] = {}
LANGUAGES: Final = frozenset(code for code, _name in settings.LANGUAGES)


class KeptSchemaGenerator(SchemaGenerator):
    """One thread at a time makes it: drf-spectacular's extensions, which load themselves when they
    are first asked, take a half-loaded one for an error.

    It is the same for everybody (SERVE_PUBLIC), and takes a fifth of a second.
    """

    def get_schema(self, request: Any = None, public: bool = False) -> Any:
        language = translation.get_language() or ""
        # What else a request may ask for, such as a version, is made and not kept.
        is_plain = public and not self.api_version and language in LANGUAGES
        with _making:
            if not is_plain:
                return super().get_schema(request, public)
            if language not in _kept:
                _kept[language] = super().get_schema(request, public)
            return _kept[language]


def language_of(document: Any) -> str | None:
    """Of a document that is kept; None of any other."""
    return next((language for language, kept in _kept.items() if kept is document), None)
