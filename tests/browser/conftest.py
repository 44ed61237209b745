"""A browser without a window, and a server with made-up recipes for it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.standin import Standin, standin

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",  # CI runs as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
PATIENCE_MS = 60_000  # of a machine that does much else


@contextmanager
def chromium() -> Iterator[Any]:
    """Chromium of this machine; while it is open, asyncio.run is refused."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'"
    )
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("needs chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The browser of a module's tests."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def running() -> Iterator[Standin]:
    """The server."""
    with standin() as state:
        yield state


@pytest.fixture
def server(running: Standin) -> Standin:
    """The server, which nobody has asked anything yet."""
    running.token, running.num_busy = "", 0
    running.paths.clear()
    running.forms.clear()
    running.recipes.clear()
    return running


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address; whatever the browser complains about fails the test."""
    contexts, complaints = [], []

    def open_page(url: str, *, may_fail: bool = False, **options: Any) -> Any:
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"], **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type == "error" and not (may_fail and "Failed to load" in said.text)
                else None
            ),
        )
        page.goto(url)
        page.wait_for_selector(".card:not(.ghost), .trouble strong, dialog[open], .nothing")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def photo(photos: list[Path]) -> Path:
    """A photo of the fourth recipe that has any."""
    return photos[3]


@pytest.fixture
def photos(running: Standin, tmp_path: Path) -> list[Path]:
    """A photo of each of the first six recipes that have any."""
    jpegs = [one.jpeg for one in running.shelf.recipes.values() if one.jpeg][:6]
    paths = [tmp_path / f"dinner-{number}.jpg" for number in range(len(jpegs))]
    for path, jpeg in zip(paths, jpegs, strict=True):
        path.write_bytes(jpeg)
    return paths
