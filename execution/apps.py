from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from nexo.shared import drivers, upkeep


class ExecutionConfig(AppConfig):
    name = "execution"
    verbose_name = _("Task execution")

    def ready(self) -> None:
        from execution import pruning  # its models are there only now

        pruning.register()
        drivers.install()
        upkeep.spare()
