from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _

from nexo.shared import drivers, online, upkeep


class ExecutionConfig(AppConfig):
    name = "execution"
    verbose_name = _("Task execution")

    def ready(self) -> None:
        from accounts.known_agents import told_by
        from execution import pruning, queries  # its models are there only now

        pruning.register()
        told_by(queries.all_agents)
        pre_migrate.connect(online.wait_briefly, sender=self)
        post_migrate.connect(online.wait_as_usual, sender=self)
        drivers.install()
        upkeep.spare()
