"""Reports as documents: DRF chooses by `format` or Accept."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from orchestration.reports import Report, report_csv, report_markdown


class MarkdownRenderer(BaseRenderer):
    media_type = "text/markdown"
    format = "markdown"
    charset = "utf-8"

    def render(
        self,
        data: Report,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        return report_markdown(data)


class CSVRenderer(BaseRenderer):
    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Report,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        return report_csv(data)


DOCUMENTS = {renderer.format: renderer for renderer in (MarkdownRenderer, CSVRenderer)}
