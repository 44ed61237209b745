"""Requests that schemathesis makes from the OpenAPI document: each is answered as that says."""

import asyncio
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from seje_ray.serving.answers import Problem
from tests.unit.serving.conftest import client_of

EXAMPLES = 12  # of each route, kept to what it wants; and as many that are not
OPERATIONS = [
    "GET /healthz",
    "GET /metrics",
    "GET /readyz",
    "GET /v1/collection",
    "GET /v1/photos/{id}",
    "GET /v1/recipes/{id}",
    "GET /v1/thumbnails/{what}/{id}",
    "POST /v1/embed",
    "POST /v1/search/like",
    "POST /v1/search/photo",
    "POST /v1/search/recipe",
    "POST /v1/search/text",
]
CASES = [(name, "positive") for name in OPERATIONS] + [
    (name, "negative")
    for name in OPERATIONS
    if name.startswith("POST") or "{what}" in name  # any other path is one that may be asked for
]
bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def document(ask):
    """The OpenAPI document."""
    return ask("GET", "/openapi.json").json()


def request_of(case: Any) -> httpx.Request:
    """What schemathesis made up, as a request."""
    made = requests.Request(**case.as_transport_kwargs(base_url="http://here")).prepare()
    return httpx.Request(made.method, made.url, headers=dict(made.headers), content=made.body)


def answer_of(app: Any, request: httpx.Request) -> httpx.Response:
    """What the application answers."""

    async def one() -> httpx.Response:
        async with client_of(app) as client:
            return await client.send(request)

    return asyncio.run(one())


def test_every_route_of_the_document_is_tried(document) -> None:
    """A new one has to be added to the list."""
    there = [
        f"{method.upper()} {path}" for path, ways in document["paths"].items() for method in ways
    ]
    assert sorted(there) == OPERATIONS


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_no_request_is_answered_by_an_error_of_the_server(app, document, name, mode) -> None:
    """Statuses are those of the document, and every refusal is JSON of type, message and hint."""
    method, path = name.split()
    operation = schemathesis.openapi.from_dict(document)[path][method.lower()]
    made = schemathesis.GenerationMode(mode)

    @bounded
    @given(operation.as_strategy(generation_mode=made))
    def holds(case: Any) -> None:
        answer = answer_of(app, request_of(case))
        told = document["paths"][path][method.lower()]["responses"]
        assert answer.status_code < 500
        assert str(answer.status_code) in {*told, "400", "404", "405"}
        if answer.status_code >= 400:
            Problem.model_validate_json(answer.content, strict=True)

    holds()
