from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OptimizationConfig(AppConfig):
    name = "optimization"
    verbose_name = _("Optimization")

    def ready(self) -> None:
        from execution import assignment  # models must be loaded first
        from execution import consistency as checks
        from optimization import consistency, recommending, telling

        assignment.register(
            recommending.assign_recommended,
            rule=recommending.RECOMMENDED,
            explainer=telling.reasoning,
        )
        checks.register(consistency.facts)
