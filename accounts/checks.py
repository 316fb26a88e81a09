"""What `check --deploy` asks besides Django's own."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags, Warning, register

TESTING = Warning(
    "NEXO_TESTING is on: wrong passwords lock nobody out, and static files are not hashed.",
    hint="Leave it out of the settings.",
    id="nexo.W001",
)


@register(Tags.security, deploy=True)
def check_that_nothing_is_tested(app_configs: Any, **options: Any) -> list[Warning]:
    return [TESTING] if settings.TESTING else []
