"""Several gloo processes on this machine, for tests of what workers do together."""

from collections.abc import Callable, Iterator

import pytest

from tests.unit.gloo.pool import GlooPool

OnWorkers = Callable[..., list[dict[str, object]]]


@pytest.fixture(scope="session")
def on_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnWorkers]:
    """``on_workers(function, W, ...)``: call it on W workers; give what each of them returned."""
    pool = GlooPool(tmp_path_factory.mktemp("workers"), max_workers=4)
    yield pool.call
    pool.close()
