"""The tables and the vocabulary agree."""

import pytest

from execution.enums import MarketplaceSlug, TaskStatus
from execution.models import Marketplace, TaskCount

pytestmark = [pytest.mark.integration, pytest.mark.django_db]


def test_the_marketplaces_are_those_of_the_vocabulary() -> None:
    assert list(Marketplace.objects.values_list("slug", "name")) == MarketplaceSlug.choices


def test_every_pair_of_status_and_marketplace_has_its_counter() -> None:
    pairs = {(status, slug) for status in TaskStatus.values for slug in MarketplaceSlug.values}
    assert set(TaskCount.objects.values_list("status", "marketplace_id")) == pairs
