"""Who the demo is about: six agents, how well each works and where that is heading, four people."""

from dataclasses import dataclass
from typing import Final

from accounts.roles import Role
from execution.enums import MarketplaceSlug

AMAZON = MarketplaceSlug.AMAZON.value
MERCADOLIVRE = MarketplaceSlug.MERCADOLIVRE.value
SHOPEE = MarketplaceSlug.SHOPEE.value
SHEIN = MarketplaceSlug.SHEIN.value
TIKTOKSHOP = MarketplaceSlug.TIKTOKSHOP.value
KAWAY = MarketplaceSlug.KAWAY.value
# The demo's own: one more in the product would change every number that is drawn after it.
DEMO_MARKETPLACES: Final = (AMAZON, MERCADOLIVRE, SHOPEE, SHEIN, TIKTOKSHOP, KAWAY)
HISTORY_DAYS: Final = 40


@dataclass(frozen=True, slots=True)
class Form:
    """How well an agent does, each as a share, 0-1."""

    approval: float
    completion: float
    pace: float


@dataclass(frozen=True, slots=True)
class Profile:
    """An agent and how its form moved, evenly, from forty days ago to today.

    Together the shares give its score a level and a trend; apart they give it a character.
    """

    slug: str
    home: str
    also: tuple[str, ...]
    specialties: tuple[str, ...]
    tasks_a_day: int
    then: Form
    now: Form

    @property
    def name(self) -> str:
        return self.slug.capitalize()

    @property
    def marketplaces(self) -> tuple[str, ...]:
        return (self.home, *self.also)

    def form(self, days_ago: int) -> Form:
        past = days_ago / HISTORY_DAYS
        then, now = self.then, self.now
        return Form(
            now.approval + (then.approval - now.approval) * past,
            now.completion + (then.completion - now.completion) * past,
            now.pace + (then.pace - now.pace) * past,
        )


PROFILES: Final = (
    # Excellent and rising; excellent and steady; good and steady.
    Profile(
        slug="alex",
        home=AMAZON,
        also=(MERCADOLIVRE, KAWAY),
        specialties=("listing_optimization", "keyword_research"),
        tasks_a_day=8,
        then=Form(0.80, 0.72, 0.78),
        now=Form(0.98, 0.97, 0.98),
    ),
    Profile(
        slug="premium",
        home=KAWAY,
        also=(AMAZON, SHEIN),
        specialties=("description_rewrite", "image_review"),
        tasks_a_day=6,
        then=Form(0.88, 0.91, 0.78),
        now=Form(0.88, 0.91, 0.78),
    ),
    Profile(
        slug="sunny",
        home=SHOPEE,
        also=(TIKTOKSHOP, MERCADOLIVRE),
        specialties=("promotion_setup", "stock_update"),
        tasks_a_day=6,
        then=Form(0.74, 0.78, 0.80),
        now=Form(0.72, 0.74, 0.78),
    ),
    # Fair and rising; fair and falling.
    Profile(
        slug="tren",
        home=SHEIN,
        also=(SHOPEE,),
        specialties=("size_chart_update", "image_review"),
        tasks_a_day=4,
        then=Form(0.50, 0.56, 0.50),
        now=Form(0.70, 0.74, 0.66),
    ),
    Profile(
        slug="viral",
        home=TIKTOKSHOP,
        also=(SHOPEE, SHEIN),
        specialties=("video_listing", "promotion_setup"),
        tasks_a_day=4,
        then=Form(0.90, 0.88, 0.96),
        now=Form(0.38, 0.42, 0.80),
    ),
    # Critical: the one to retrain.
    Profile(
        slug="marina",
        home=MERCADOLIVRE,
        also=(AMAZON,),
        specialties=("price_adjustment", "shipping_review"),
        tasks_a_day=3,
        then=Form(0.52, 0.46, 0.54),
        now=Form(0.42, 0.40, 0.46),
    ),
)

# Each user is named after the role it has.
PEOPLE: Final = (Role.ADMIN, Role.HEAD, Role.QA, Role.USER)
# Who plays the head in the simulation: of what this one creates, `head` may approve.
SIMULATOR: Final = "simulador"
HEAD: Final = f"user:{Role.HEAD.value}"
QA: Final = f"user:{Role.QA.value}"
# Who made the tasks: else none of those who sign in first could approve them.
PLAYBOOK: Final = "system:playbook"
