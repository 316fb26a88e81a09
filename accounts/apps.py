from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        # Models must be loaded first.
        from accounts import checks, openapi, receivers  # noqa: F401  # they register themselves
        from accounts.second_factor import person_of
        from nexo.shared.middleware import PageMiddleware

        PageMiddleware.person_of = staticmethod(person_of)
