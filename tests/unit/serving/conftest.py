"""A server in this process, over the index of a small training; and a client without sockets."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from seje_ray.serving.app import create_app
from seje_ray.serving.embedder import Embedder, LocalModel
from seje_ray.serving.finder import Finder
from seje_ray.serving.guard import App
from seje_ray.serving.limits import Limits
from tests.unit.pipeline.locally import searcher

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def search(cookbook, trained):
    """A search in all recipes and photos of the cookbook."""
    return searcher(trained, cookbook)


@pytest.fixture(scope="session")
def model(search):
    """The model, loaded and warm."""
    return LocalModel(Embedder(search.trained.best_checkpoint, search.workspace, "cpu"))


@pytest.fixture(scope="session")
def serve(search, model) -> Callable[..., App]:
    """Makes an application with limits, or a token, of a test's own."""
    return lambda limits=None, **options: create_app(Finder(search), model, limits, **options)


@pytest.fixture(scope="session")
def app(serve) -> App:
    """The application with the limits of a user, but for how often one client may ask."""
    return serve(Limits(client_rate=0))


@pytest.fixture(scope="session")
def ask(app) -> Ask:
    """Asks the application: ``ask("POST", "/v1/search/text", json={...})``."""
    return lambda method, url, **request: asked(app, method, url, **request)


def asked(app: App, method: str, url: str, **request: Any) -> httpx.Response:
    """The answer of an application to one request."""

    async def one() -> httpx.Response:
        async with client_of(app) as client:
            return await client.request(method, url, **request)

    return asyncio.run(one())


def client_of(app: App) -> httpx.AsyncClient:
    """A client whose requests are calls."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://here")


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(coroutine)
