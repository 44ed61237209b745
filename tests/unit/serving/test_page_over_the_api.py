"""The page in a real browser over the real application: index, model and guard, without Ray."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import uvicorn

from seje_ray.serving.guard import App
from seje_ray.serving.limits import Limits
from tests.browser.conftest import PATIENCE_MS, chromium
from tests.browser.steps import searched, titles
from tests.unit.pipeline.locally import rows_of

pytestmark = pytest.mark.slow


@contextmanager
def listening(app: App) -> Iterator[str]:
    """The address at which an application answers until the end of the block."""
    with closing(socket.socket()) as door:
        door.bind(("127.0.0.1", 0))
        door.listen()  # from now on who comes waits
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def test_the_page_shows_what_the_search_in_python_finds(serve, search, cookbook, tmp_path) -> None:
    """A photo with its heat maps, a filter, a recipe with its photos, and those like it.

    The browser complains of nothing: the policy that the guard sends lets the whole page work.
    """
    known = next(row for row in rows_of(cookbook.open_recipes()) if row["images"])
    photo = tmp_path / "dinner.jpg"
    photo.write_bytes(known["images"][0]["jpeg"])
    expected = [hit.title for hit in search.photo(photo.read_bytes(), 12)]
    complaints: list[str] = []
    with listening(serve(Limits(client_rate=0))) as url, chromium() as browser:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.goto(url)
        page.wait_for_selector(".card:not(.ghost)")
        assert page.locator("#made-up").is_visible()
        searched(page, lambda: page.set_input_files("#choose", photo))
        assert titles(page) == expected
        searched(page, lambda: page.check("#heat"))
        assert page.locator(".card canvas").count() == len(expected)
        page.uncheck("#heat")
        page.goto(f"{url}/#like=recipe:{known['id']}&open={known['id']}")
        page.wait_for_selector(".photos img")
        lines = page.locator("#recipe .columns ul li").all_text_contents()
        assert lines == list(known["ingredients"])
        searched(page, page.get_by_role("button", name="Find photos for it").click)
        assert page.locator("#found-title").text_content() == f"Photos for {known['title']}"
        assert len(titles(page)) == len(expected)
    assert complaints == []
