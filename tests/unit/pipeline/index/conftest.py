"""The index of a small training on the cookbook; tests change nothing of it."""

import pytest

from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.searcher import Searcher
from tests.unit.pipeline.locally import EXECUTOR


@pytest.fixture(scope="session")
def indexed(cookbook, trained):
    """All recipes and photos of the cookbook."""
    return build_index(trained, cookbook, EXECUTOR)


@pytest.fixture(scope="session")
def search(cookbook, trained, indexed):
    """A search in them."""
    return Searcher.open(cookbook, trained.folder.name)
