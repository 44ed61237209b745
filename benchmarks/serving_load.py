"""Clients of a server, in a process of their own: each asks again as soon as it has an answer.

``python -m benchmarks.serving_load http://127.0.0.1:8000 --clients 16`` prints one line of JSON.
"""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

import click
import httpx
import numpy as np

WORDS = ("tomato", "lemon", "garlic", "apple", "rice", "chicken", "onion", "carrot", "cheese")
DISHES = ("soup", "pasta", "salad", "pie", "curry", "cake")
TEXTS = [
    f"{dish} with {first} and {second}" for dish in DISHES for first in WORDS for second in WORDS
]
PATIENCE_S = 120.0


@click.command()
@click.argument("url")
@click.option("--clients", default=16, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--photo", type=click.Path(path_type=Path), help="Search with it instead of words.")
def main(url: str, clients: int, seconds: float, photo: Path | None) -> None:
    """Print statuses, requests a second, seconds of them, and the share that was the model's."""
    print(json.dumps(asyncio.run(measured(url, clients, seconds, photo))))


async def measured(
    url: str, num_clients: int, seconds: float, photo: Path | None
) -> dict[str, object]:
    """What many clients see together."""
    jpeg = None if photo is None else photo.read_bytes()
    statuses: Counter[str] = Counter()
    taken: list[float] = []
    in_model: list[float] = []
    start = time.perf_counter()

    async def ask_on(number: int, client: httpx.AsyncClient) -> None:
        while time.perf_counter() - start < seconds:
            begun = time.perf_counter()
            answer = await _ask(client, url, jpeg, TEXTS[number % len(TEXTS)])
            number += num_clients
            statuses[str(answer.status_code)] += 1
            if answer.status_code == 200:
                taken.append(time.perf_counter() - begun)
                in_model.append(answer.json()["took_ms"]["embed"] / 1e3)
            else:
                await asyncio.sleep(float(answer.headers.get("retry-after", 0)))

    limits = httpx.Limits(max_connections=num_clients)
    async with httpx.AsyncClient(timeout=PATIENCE_S, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(ask_on(number, client) for number in range(num_clients)))
    lasted = time.perf_counter() - start
    return {
        "statuses": statuses,
        "per_s": len(taken) / lasted,
        "p50_ms": 1e3 * float(np.quantile(taken, 0.5)) if taken else None,
        "p99_ms": 1e3 * float(np.quantile(taken, 0.99)) if taken else None,
        "model_share": sum(in_model) / sum(taken) if taken else None,
    }


async def _ask(
    client: httpx.AsyncClient, url: str, jpeg: bytes | None, text: str
) -> httpx.Response:
    if jpeg is None:
        return await client.post(f"{url}/v1/search/text", json={"text": text})
    kind = {"content-type": "image/jpeg"}
    return await client.post(f"{url}/v1/search/photo", content=jpeg, headers=kind)


if __name__ == "__main__":
    main()
