"""What the page shows while it waits, where something is missing, and to those without a mouse."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import PHONE
from tests.browser.standin import Standin
from tests.browser.steps import FOUND, Open, searched, titles, wait_until

pytestmark = pytest.mark.slow

SEARCHES = "**/v1/search/**"
NUM_STOPS = 20  # of the Tab key
HAS_RING = """() => {
  const at = document.activeElement;
  const shown = [at, at.nextElementSibling, at.closest(".card, label")].filter(Boolean);
  return shown.some((one) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(one);
    return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
  });
}"""


class Held:
    """Requests of a page to some addresses, which wait until they are let go."""

    def __init__(self, page: Any, addresses: str) -> None:
        self._page, self._addresses, self._routes = page, addresses, list[Any]()
        page.route(addresses, lambda route: self._routes.append(route))

    def let_go(self) -> None:
        """Send those that wait, and hold no more."""
        for route in self._routes:
            route.continue_()
        self._page.unroute(self._addresses)


def test_the_page_is_painted_and_can_be_filled_in_before_the_server_has_said_a_word(
    server: Standin, opened: Open
) -> None:
    """Its own files are enough; cards stand in for what comes."""
    page = opened(server.url)
    collection = Held(page, "**/v1/collection")
    page.reload(wait_until="commit")
    page.wait_for_selector(".card.ghost")
    wait_until(page, "performance.getEntriesByName('first-contentful-paint').length === 1")
    page.fill("#dish", "soup")
    assert page.locator("#found-title").text_content() == "One moment"
    collection.let_go()
    page.wait_for_selector(".card:not(.ghost)")
    assert page.locator("#found-title").text_content() == "Or start with one of these"
    assert page.input_value("#dish") == "soup"


def test_a_search_is_seen_to_run_also_on_a_phone(
    server: Standin, opened: Open, photo: Path
) -> None:
    """Where results will be comes into view at once, and says what is done."""
    page = opened(server.url, **PHONE)
    search = Held(page, SEARCHES)
    page.set_input_files("#choose", photo)
    page.wait_for_selector(".card.ghost")
    assert page.locator("#found-note").text_content().startswith("Searching")
    assert page.locator("#cards").get_attribute("aria-busy") == "true"
    wait_until(page, "document.querySelector('#found-title').getBoundingClientRect().top < 400")
    search.let_go()
    page.wait_for_selector(f"#cards:not([aria-busy]) {FOUND}")


def test_a_heat_map_stands_beside_each_result_and_says_what_red_is(
    server: Standin, opened: Open, photo: Path
) -> None:
    """The visitor's photo in grey, with colour where the result rests on it."""
    page = opened(server.url)
    searched(page, lambda: page.set_input_files("#choose", photo))
    searched(page, lambda: page.check("#heat"))
    maps = page.locator(".card canvas")
    assert maps.count() == len(titles(page))
    assert "red in your photo" in page.locator("#found-note").text_content()
    assert titles(page)[0] in maps.nth(0).get_attribute("aria-label")
    redness = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      const pixels = Array.from({ length: data.length / 4 }, (_, place) => 4 * place);
      const found = pixels.map((place) => data[place] - data[place + 2]);
      return [Math.min(...found.map(Math.abs)), Math.max(...found)];
    }"""
    coldest, hottest = maps.nth(0).evaluate(redness)
    assert coldest <= 2
    assert hottest > 60


def test_what_is_refused_leaves_what_was_found(
    server: Standin, opened: Open, photos: list[Path]
) -> None:
    """Too many photos are no search; on a phone the words come into view."""
    page = opened(server.url, **PHONE)
    examples = titles(page)
    page.set_input_files("#choose", photos)
    page.wait_for_selector(".trouble strong")
    wait_until(
        page, "document.querySelector('.trouble').getBoundingClientRect().bottom <= innerHeight"
    )
    assert titles(page) == examples


def test_a_server_that_is_gone_is_said_to_be_and_asked_again_on_demand(
    server: Standin, opened: Open
) -> None:
    """No examples are promised where there are none."""
    page = opened(server.url, may_fail=True)
    page.route("**/v1/**", lambda route: route.abort())
    page.reload()
    page.wait_for_selector(".trouble strong")
    assert page.locator("#found-title").text_content() == "The collection cannot be shown"
    page.unroute("**/v1/**")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(".card:not(.ghost)")
    assert page.locator(".trouble").text_content() == ""


def test_filters_that_nothing_passes_can_be_dropped_at_once(server: Standin, opened: Open) -> None:
    """An empty result says why, and offers the way out."""
    page = opened(f"{server.url}/#text=soup&with=unobtainium")
    assert "ingredients that you chose" in page.locator(".nothing").text_content()
    searched(page, page.get_by_role("button", name="Search without the ingredients").click)
    assert page.locator("#ingredient-chips .chip").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_has_the_keyboard_is_seen(server: Standin, opened: Open, scheme: str) -> None:
    """Each stop of the Tab key has a ring, on itself or on the card or label that it is of."""
    page = opened(f"{server.url}/#text=soup", color_scheme=scheme)
    without: list[str] = []
    for _ in range(NUM_STOPS):
        page.keyboard.press("Tab")
        if not page.evaluate(HAS_RING):
            without.append(page.evaluate("document.activeElement.outerHTML.slice(0, 80)"))
    assert without == []
