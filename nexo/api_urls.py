"""Everything under /api/."""

from django.urls import re_path, reverse_lazy
from django.utils.text import format_lazy

from execution import api_urls as execution
from nexo.shared.openapi_view import DocsView, SchemaView
from optimization import api_urls as optimization
from orchestration import api_urls as orchestration
from orchestration.bulk import api_urls as bulk

# One list, not one list in another: each resolver on the way costs every call. `bulk` before the
# tasks, of which it would be one.
calls = [
    *bulk.urlpatterns,
    *execution.urlpatterns,
    *optimization.urlpatterns,
    *orchestration.urlpatterns,
]
# Its descriptions are English in every language; a reader of the page would get a mixture.
ENGLISH_SCHEMA = format_lazy("{}?lang=en", reverse_lazy("schema"))
documents = [
    re_path(r"^schema/?\Z", SchemaView.as_view(), name="schema"),
    re_path(r"^docs/?\Z", DocsView.as_view(url=ENGLISH_SCHEMA), name="docs"),
]
